"""Results: each with its own command, none lost, none counted twice."""

import asyncio

import pytest

from pushserver.model.command import DeliveryOutcome, MatchedBy, Result
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.services.driver import ServiceDriver

OK = b'{"response":{}}'
NO = b'{"error":"no"}'


async def stored_results(services: Services) -> list[Result]:
    """Return every result."""
    store = services.store
    return list(
        await store.results(
            DEFAULT_SCOPE_ID, after=0, limit=99, device_id=None, orphan=None
        )
    )


@pytest.mark.parametrize(
    ("body", "state"), [(OK, CommandState.SUCCESSFUL), (NO, CommandState.FAILED)]
)
async def test_by_uuid(driver: ServiceDriver, body: bytes, state: CommandState) -> None:
    """A result with the uuid of its poll ends the command, and is stored with it."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")

    came = await driver.post_result(body, "u1", endpoint="reboot")

    record = await driver.command_record(command)
    assert (state, came) == (record.command.state, record.result)
    assert (MatchedBy.UUID, command.id, record.deliveries[0].id) == (
        came.matched_by,
        came.command_id,
        came.delivery_id,
    )
    assert (body, "u1", "reboot", START) == (
        came.body,
        came.uuid,
        came.endpoint,
        came.received_at,
    )


@pytest.mark.parametrize(
    ("polled", "posted"), [(None, None), (None, "u9"), ("u1", None)]
)
@pytest.mark.parametrize("endpoint", [None, "reboot", "/reboot.fcgi", ""])
async def test_in_flight(
    driver: ServiceDriver, polled: str | None, posted: str | None, endpoint: str | None
) -> None:
    """
    If the poll or the result has no uuid, the result is for the command in flight.
    """
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command(polled)

    came = await driver.post_result(OK, posted, endpoint=endpoint)

    assert (MatchedBy.IN_FLIGHT, command.id) == (came.matched_by, came.command_id)
    assert CommandState.SUCCESSFUL is await driver.command_state(command)


@pytest.mark.parametrize(
    ("polled", "posted", "endpoint"),
    [
        (None, None, "load_objects"),
        (None, "u9", "load_objects"),
        ("u1", None, "load_objects"),
        ("u1", "u9", None),
        ("u1", "u9", "reboot"),
        ("u1", "U1", "reboot"),
    ],
)
async def test_contradiction(
    driver: ServiceDriver, polled: str | None, posted: str | None, endpoint: str | None
) -> None:
    """A result whose endpoint or uuid says otherwise is an orphan and ends nothing."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command(polled)

    came = await driver.post_result(OK, posted, endpoint=endpoint)

    assert (None, None, None) == (came.matched_by, came.command_id, came.delivery_id)
    assert CommandState.SENT is await driver.command_state(command)


async def test_orphan(driver: ServiceDriver, services: Services) -> None:
    """A result that nobody asked for is stored as it came."""
    came = await driver.post_result(
        b"\xff\0", "u1", endpoint="x", content_type=None, content_encoding="gzip"
    )

    assert [came] == await stored_results(services)
    assert (None, b"\xff\0", "gzip") == (
        came.command_id,
        came.body,
        came.content_encoding,
    )


async def test_orphans_at_once(driver: ServiceDriver, services: Services) -> None:
    """Many results that nobody asked for are stored, all of them."""
    async with asyncio.timeout(15):
        await asyncio.gather(*(driver.post_result(device=5) for _ in range(20)))

    assert 20 == len(await stored_results(services))


async def test_newest_delivery_with_the_uuid(driver: ServiceDriver) -> None:
    """A uuid that a device used twice means the newest delivery."""
    first, second = await driver.enqueue("reboot", "load_objects")
    await driver.receive_command("u1")
    await driver.post_result(NO, "u1")
    await driver.receive_command("u1")

    await driver.post_result(OK, "u1")

    assert CommandState.FAILED is await driver.command_state(first)
    assert CommandState.SUCCESSFUL is await driver.command_state(second)


async def test_late_by_uuid(driver: ServiceDriver) -> None:
    """A late result mends TIMEOUT, though another command is in flight by then."""
    door, following = await driver.enqueue("execute_actions", "reboot")
    await driver.receive_command("u1")
    await driver.expire_overdue(180)
    assert CommandState.TIMEOUT is await driver.command_state(door)
    await driver.receive_command("u2")

    came = await driver.post_result(OK, "u1")

    assert (MatchedBy.UUID, door.id) == (came.matched_by, came.command_id)
    record = await driver.command_record(door)
    assert (CommandState.SUCCESSFUL, DeliveryOutcome.SUCCESSFUL, came) == (
        record.command.state,
        record.deliveries[0].outcome,
        record.result,
    )
    assert CommandState.SENT is await driver.command_state(following)


async def test_late_while_waiting_again(driver: ServiceDriver) -> None:
    """A late result ends a command that waits for its next attempt."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    await driver.expire_overdue(180)
    assert CommandState.PENDING is await driver.command_state(command)

    await driver.post_result(NO, "u1")

    assert CommandState.FAILED is await driver.command_state(command)
    assert await driver.poll("u2") is None


async def test_late_in_the_next_attempt(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """A late result ends a command in its next attempt, and closes that one."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    clock.tick(5)
    await driver.receive_command("u2")

    await driver.post_result(OK, "u1")
    second = await driver.post_result(NO, "u2")

    record = await driver.command_record(command)
    assert [DeliveryOutcome.SUCCESSFUL, DeliveryOutcome.CLOSED] == [
        d.outcome for d in record.deliveries
    ]
    assert CommandState.SUCCESSFUL is record.command.state
    assert command.id == second.command_id
    assert record.command.result_id != second.id


@pytest.mark.parametrize("endpoint", [None, "execute_actions"])
async def test_last_given_up(driver: ServiceDriver, endpoint: str | None) -> None:
    """Without uuid a late result is for the delivery that was given up last."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command()
    await driver.expire_overdue(180)

    came = await driver.post_result(OK, endpoint=endpoint)

    assert (MatchedBy.LAST_GIVEN_UP, door.id) == (came.matched_by, came.command_id)
    assert CommandState.SUCCESSFUL is await driver.command_state(door)


async def test_last_given_up_and_another_in_flight(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """Without uuid the endpoint tells the late result from the one in flight."""
    door, following = await driver.enqueue("execute_actions", "system_information")
    await driver.receive_command()
    clock.tick(5)
    await driver.receive_command()

    late = await driver.post_result(OK, endpoint="execute_actions")
    own = await driver.post_result(OK, endpoint="system_information")

    assert (door.id, MatchedBy.LAST_GIVEN_UP) == (late.command_id, late.matched_by)
    assert (following.id, MatchedBy.IN_FLIGHT) == (own.command_id, own.matched_by)


async def test_last_given_up_contradicts(driver: ServiceDriver) -> None:
    """Without uuid a result of another endpoint is none of the one given up."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command()
    await driver.expire_overdue(180)

    came = await driver.post_result(OK, endpoint="reboot")

    assert came.command_id is None
    assert CommandState.TIMEOUT is await driver.command_state(door)


async def test_given_up_had_a_uuid(driver: ServiceDriver) -> None:
    """A uuid that is unknown is not that of the delivery given up."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")
    await driver.expire_overdue(180)

    came = await driver.post_result(OK, "u9", endpoint="execute_actions")

    assert came.command_id is None
    assert CommandState.TIMEOUT is await driver.command_state(door)


async def test_late_result_is_not_the_next_ones(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """Without uuid a late result is never taken for the next command's."""
    first, second = await driver.enqueue(
        "execute_actions", "execute_actions", expires_in=10**10
    )
    await driver.receive_command()
    clock.tick(5)
    assert await driver.poll() is None

    await driver.post_result(NO, endpoint="execute_actions")

    assert CommandState.FAILED is await driver.command_state(first)
    assert CommandState.PENDING is await driver.command_state(second)


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_second_result(
    driver: ServiceDriver, services: Services, uuid: str | None
) -> None:
    """A second result for the same delivery is stored and changes nothing."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command(uuid)
    first = await driver.post_result(OK, uuid)

    second = await driver.post_result(NO, uuid)

    record = await driver.command_record(command)
    assert (CommandState.SUCCESSFUL, first) == (record.command.state, record.result)
    assert [first, second] == await stored_results(services)
    assert second.command_id == (None if uuid is None else command.id)


async def test_second_result_at_once(driver: ServiceDriver, services: Services) -> None:
    """Of two results that come at once for one delivery one ends the command."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")

    await asyncio.gather(*(driver.post_result(body, "u1") for body in (OK, NO, NO)))

    record = await driver.command_record(command)
    assert 3 == len(await stored_results(services))
    assert record.result is not None
    assert (record.result.body == OK) == (
        record.command.state is CommandState.SUCCESSFUL
    )
    assert 1 == len(record.deliveries)


async def test_second_result_without_uuid_and_an_old_one(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """Without uuid a result that comes twice ends nothing given up long ago."""
    (old,) = await driver.enqueue("execute_actions")
    await driver.receive_command()
    await driver.expire_overdue(180)
    clock.tick(86_400)
    (new,) = await driver.enqueue("execute_actions")
    await driver.receive_command()
    await driver.post_result(OK, endpoint="execute_actions")

    await driver.post_result(OK, endpoint="execute_actions")

    assert CommandState.SUCCESSFUL is await driver.command_state(new)
    assert CommandState.TIMEOUT is await driver.command_state(old)


async def test_other_device(driver: ServiceDriver) -> None:
    """A result is for its own device's command, whatever its uuid."""
    (mine,) = await driver.enqueue("reboot")
    (other,) = await driver.enqueue("reboot", device=5)
    await driver.receive_command("u1")
    await driver.receive_command("u1", device=5)

    await driver.post_result(NO, "u1", device=5)

    assert CommandState.SENT is await driver.command_state(mine)
    assert CommandState.FAILED is await driver.command_state(other)


async def test_nothing_was_handed_out(driver: ServiceDriver) -> None:
    """A command that only waits is not answered by a result without uuid."""
    (command,) = await driver.enqueue("reboot")

    came = await driver.post_result(OK, endpoint="reboot")

    assert came.command_id is None
    assert CommandState.PENDING is await driver.command_state(command)
