"""Results: each with its own command, none lost, none counted twice."""

import asyncio

import pytest

from pushserver.model.command import MatchedBy, Outcome, Result
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.services.desk import Desk

OK = b'{"response":{}}'
NO = b'{"error":"no"}'


async def kept(services: Services) -> list[Result]:
    """Return every result."""
    store = services.store
    return list(
        await store.results(FIRST_SCOPE, after=0, limit=99, device_id=None, orphan=None)
    )


@pytest.mark.parametrize(
    ("body", "state"), [(OK, State.SUCCESSFUL), (NO, State.FAILED)]
)
async def test_by_uuid(desk: Desk, body: bytes, state: State) -> None:
    """A result with the uuid of its poll ends the command, and is kept with it."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")

    came = await desk.report(body, "u1", endpoint="reboot")

    record = await desk.record(wanted)
    assert (state, came) == (record.command.state, record.result)
    assert (MatchedBy.UUID, wanted.id, record.deliveries[0].id) == (
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
    desk: Desk, polled: str | None, posted: str | None, endpoint: str | None
) -> None:
    """Where the poll or the result has no uuid the result is for what is in flight."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly(polled)

    came = await desk.report(OK, posted, endpoint=endpoint)

    assert (MatchedBy.IN_FLIGHT, wanted.id) == (came.matched_by, came.command_id)
    assert State.SUCCESSFUL is await desk.state(wanted)


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
    desk: Desk, polled: str | None, posted: str | None, endpoint: str | None
) -> None:
    """A result whose endpoint or uuid says otherwise is an orphan and ends nothing."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly(polled)

    came = await desk.report(OK, posted, endpoint=endpoint)

    assert (None, None, None) == (came.matched_by, came.command_id, came.delivery_id)
    assert State.SENT is await desk.state(wanted)


async def test_orphan(desk: Desk, services: Services) -> None:
    """A result that nobody asked for is kept as it came."""
    came = await desk.report(
        b"\xff\0", "u1", endpoint="x", content_type=None, content_encoding="gzip"
    )

    assert [came] == await kept(services)
    assert (None, b"\xff\0", "gzip") == (
        came.command_id,
        came.body,
        came.content_encoding,
    )


async def test_orphans_at_once(desk: Desk, services: Services) -> None:
    """Many results that nobody asked for are kept, all of them."""
    async with asyncio.timeout(10):
        await asyncio.gather(*(desk.report(device=5) for _ in range(20)))

    assert 20 == len(await kept(services))


async def test_newest_delivery_with_the_uuid(desk: Desk) -> None:
    """A uuid that a device used twice means the newest delivery."""
    first, second = await desk.enqueue("reboot", "load_objects")
    await desk.fly("u1")
    await desk.report(NO, "u1")
    await desk.fly("u1")

    await desk.report(OK, "u1")

    assert State.FAILED is await desk.state(first)
    assert State.SUCCESSFUL is await desk.state(second)


async def test_late_by_uuid(desk: Desk) -> None:
    """A late result mends TIMEOUT, though another command is in flight by then."""
    door, following = await desk.enqueue("execute_actions", "reboot")
    await desk.fly("u1")
    await desk.upkeep(180)
    assert State.TIMEOUT is await desk.state(door)
    await desk.fly("u2")

    came = await desk.report(OK, "u1")

    assert (MatchedBy.UUID, door.id) == (came.matched_by, came.command_id)
    record = await desk.record(door)
    assert (State.SUCCESSFUL, Outcome.SUCCESSFUL, came) == (
        record.command.state,
        record.deliveries[0].outcome,
        record.result,
    )
    assert State.SENT is await desk.state(following)


async def test_late_while_waiting_again(desk: Desk) -> None:
    """A late result ends a command that waits for its next attempt."""
    (wanted,) = await desk.enqueue("load_objects")
    await desk.fly("u1")
    await desk.upkeep(180)
    assert State.PENDING is await desk.state(wanted)

    await desk.report(NO, "u1")

    assert State.FAILED is await desk.state(wanted)
    assert await desk.poll("u2") is None


async def test_late_in_the_next_attempt(desk: Desk, clock: ManualClock) -> None:
    """A late result ends a command in its next attempt, and closes that one."""
    (wanted,) = await desk.enqueue("load_objects")
    await desk.fly("u1")
    clock.tick(5)
    await desk.fly("u2")

    await desk.report(OK, "u1")
    second = await desk.report(NO, "u2")

    record = await desk.record(wanted)
    assert [Outcome.SUCCESSFUL, Outcome.CLOSED] == [
        d.outcome for d in record.deliveries
    ]
    assert State.SUCCESSFUL is record.command.state
    assert wanted.id == second.command_id
    assert record.command.result_id != second.id


@pytest.mark.parametrize("endpoint", [None, "execute_actions"])
async def test_last_given_up(desk: Desk, endpoint: str | None) -> None:
    """Without uuid a late result is for the delivery that was given up last."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly()
    await desk.upkeep(180)

    came = await desk.report(OK, endpoint=endpoint)

    assert (MatchedBy.LAST_GIVEN_UP, door.id) == (came.matched_by, came.command_id)
    assert State.SUCCESSFUL is await desk.state(door)


async def test_last_given_up_and_another_in_flight(
    desk: Desk, clock: ManualClock
) -> None:
    """Without uuid the endpoint tells the late result from the one in flight."""
    door, following = await desk.enqueue("execute_actions", "system_information")
    await desk.fly()
    clock.tick(5)
    await desk.fly()

    late = await desk.report(OK, endpoint="execute_actions")
    own = await desk.report(OK, endpoint="system_information")

    assert (door.id, MatchedBy.LAST_GIVEN_UP) == (late.command_id, late.matched_by)
    assert (following.id, MatchedBy.IN_FLIGHT) == (own.command_id, own.matched_by)


async def test_last_given_up_contradicts(desk: Desk) -> None:
    """Without uuid a result of another endpoint is none of the one given up."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly()
    await desk.upkeep(180)

    came = await desk.report(OK, endpoint="reboot")

    assert came.command_id is None
    assert State.TIMEOUT is await desk.state(door)


async def test_given_up_had_a_uuid(desk: Desk) -> None:
    """A uuid that is unknown is not that of the delivery given up."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly("u1")
    await desk.upkeep(180)

    came = await desk.report(OK, "u9", endpoint="execute_actions")

    assert came.command_id is None
    assert State.TIMEOUT is await desk.state(door)


async def test_late_result_is_not_the_next_ones(desk: Desk, clock: ManualClock) -> None:
    """Without uuid a late result is never taken for the next command's."""
    first, second = await desk.enqueue(
        "execute_actions", "execute_actions", expires_in=10**10
    )
    await desk.fly()
    clock.tick(5)
    assert await desk.poll() is None

    await desk.report(NO, endpoint="execute_actions")

    assert State.FAILED is await desk.state(first)
    assert State.PENDING is await desk.state(second)


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_second_result(desk: Desk, services: Services, uuid: str | None) -> None:
    """A second result for the same delivery is kept and changes nothing."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly(uuid)
    first = await desk.report(OK, uuid)

    second = await desk.report(NO, uuid)

    record = await desk.record(wanted)
    assert (State.SUCCESSFUL, first) == (record.command.state, record.result)
    assert [first, second] == await kept(services)
    assert second.command_id == (None if uuid is None else wanted.id)


async def test_second_result_at_once(desk: Desk, services: Services) -> None:
    """Of two results that come at once for one delivery one ends the command."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")

    await asyncio.gather(*(desk.report(body, "u1") for body in (OK, NO, NO)))

    record = await desk.record(wanted)
    assert 3 == len(await kept(services))
    assert record.result is not None
    assert (record.result.body == OK) == (record.command.state is State.SUCCESSFUL)
    assert 1 == len(record.deliveries)


async def test_second_result_without_uuid_and_an_old_one(
    desk: Desk, clock: ManualClock
) -> None:
    """Without uuid a result that comes twice ends nothing given up long ago."""
    (old,) = await desk.enqueue("execute_actions")
    await desk.fly()
    await desk.upkeep(180)
    clock.tick(86_400)
    (new,) = await desk.enqueue("execute_actions")
    await desk.fly()
    await desk.report(OK, endpoint="execute_actions")

    await desk.report(OK, endpoint="execute_actions")

    assert State.SUCCESSFUL is await desk.state(new)
    assert State.TIMEOUT is await desk.state(old)


async def test_other_device(desk: Desk) -> None:
    """A result is for its own device's command, whatever its uuid."""
    (mine,) = await desk.enqueue("reboot")
    (other,) = await desk.enqueue("reboot", device=5)
    await desk.fly("u1")
    await desk.fly("u1", device=5)

    await desk.report(NO, "u1", device=5)

    assert State.SENT is await desk.state(mine)
    assert State.FAILED is await desk.state(other)


async def test_nothing_was_handed_out(desk: Desk) -> None:
    """A command that only waits is not answered by a result without uuid."""
    (wanted,) = await desk.enqueue("reboot")

    came = await desk.report(OK, endpoint="reboot")

    assert came.command_id is None
    assert State.PENDING is await desk.state(wanted)
