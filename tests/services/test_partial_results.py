"""Results that are cut, unreadable, or on their way while other things happen."""

import asyncio
from typing import Any

import pytest

from pushserver.errors import Unavailable
from pushserver.model.command import DeliveryOutcome, Result
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.web.services import Services
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

OK = b'{"response":{}}'
NO = b'{"error":"no"}'
CUT = b'{"response":{"users":[{"id":1'


async def stored_results(services: Services) -> list[Result]:
    """Return every result."""
    store = services.store
    return list(
        await store.results(
            DEFAULT_SCOPE_ID, after=0, limit=99, device_id=None, orphan=None
        )
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"body": CUT},
        {"body": b"\xff\xfe\0 not JSON at all"},
        {"body": OK, "content_encoding": "gzip"},
    ],
)
@pytest.mark.parametrize("endpoint", ["reboot", "load_objects"])
async def test_unreadable(
    driver: ServiceDriver, endpoint: str, fields: dict[str, Any]
) -> None:
    """
    A whole body that cannot be read gives the command up, and is kept: nobody knows.
    """
    (command,) = await driver.enqueue(endpoint)
    await driver.receive_command("u1")

    await driver.post_result(uuid="u1", **fields)

    record = await driver.command_record(command)
    assert CommandState.TIMEOUT is record.command.state
    assert record.result is not None
    assert fields["body"] == record.result.body
    assert [DeliveryOutcome.UNREADABLE] == [d.outcome for d in record.deliveries]
    assert await driver.poll("u2") is None


async def test_empty(driver: ServiceDriver) -> None:
    """An empty body is a success without words: firmware answers so."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")

    await driver.post_result(b"", "u1")

    assert CommandState.SUCCESSFUL is await driver.command_state(command)


@pytest.mark.parametrize("uuid", [None, "u1"])
@pytest.mark.parametrize(
    ("body", "state"), [(OK, CommandState.SUCCESSFUL), (NO, CommandState.FAILED)]
)
async def test_readable_after_all(
    driver: ServiceDriver, uuid: str | None, body: bytes, state: CommandState
) -> None:
    """What the device says later of the same delivery is taken."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command(uuid)
    await driver.post_result(CUT, uuid)
    await driver.post_result(CUT, uuid)

    readable = await driver.post_result(body, uuid)

    record = await driver.command_record(command)
    assert (state, readable) == (record.command.state, record.result)


async def test_unreadable_when_given_up(driver: ServiceDriver) -> None:
    """What comes late and cannot be read changes nothing but what is shown."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")
    await driver.expire_overdue(180)

    late = await driver.post_result(CUT, "u1")

    record = await driver.command_record(command)
    assert (CommandState.TIMEOUT, late) == (record.command.state, record.result)
    assert [DeliveryOutcome.UNREADABLE] == [d.outcome for d in record.deliveries]


@pytest.mark.parametrize("again", [False, True])
async def test_unreadable_before_it_is_handed_out_again(
    driver: ServiceDriver, again: bool
) -> None:
    """An unreadable answer to an earlier attempt ends the later ones, too."""
    (command,) = await driver.enqueue("load_objects")
    await driver.receive_command("u1")
    await driver.expire_overdue(180)
    if again:
        await driver.receive_command("u2")

    await driver.post_result(CUT, "u1")

    assert CommandState.TIMEOUT is await driver.command_state(command)
    assert await driver.poll("u3") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        CUT,
        b"12",
        b"response=%7B%22users%22%3A",
        b"error=UNIQUE+constr",
        b'{"response":{}}{"err',
        b"{",
        b" ",
        OK,
        NO,
    ],
)
@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_broken_off(
    driver: ServiceDriver, services: Services, body: bytes, uuid: str | None
) -> None:
    """A body whose end never came is stored but ends nothing: it may come again."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command(uuid)

    part = await driver.post_result(body, uuid, complete=False)

    assert [part] == await stored_results(services)
    assert (command.id, False) == (part.command_id, part.complete)
    assert CommandState.SENT is await driver.command_state(command)

    whole = await driver.post_result(NO, uuid)

    record = await driver.command_record(command)
    assert (CommandState.FAILED, whole) == (record.command.state, record.result)


async def test_arriving(driver: ServiceDriver, services: Services) -> None:
    """While a result's body is on its way its command is not given up."""
    door, _ = await driver.enqueue("execute_actions", "reboot")
    await driver.receive_command("u1")
    with services.result_intake.receiving(DEVICE, "u1"):
        await driver.expire_overdue(1000)
        assert await driver.poll("u2") is None
        assert CommandState.SENT is await driver.command_state(door)
        await driver.post_result(OK, "u1")

    assert CommandState.SUCCESSFUL is await driver.command_state(door)


async def test_arriving_and_broken_off(
    driver: ServiceDriver, services: Services
) -> None:
    """When the body breaks off, its command is given up in the usual time from then."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")
    with services.result_intake.receiving(DEVICE, "u1"):
        await driver.expire_overdue(1000)
        await driver.post_result(CUT, "u1", complete=False)

    await driver.expire_overdue(179)
    assert CommandState.TIMEOUT is not await driver.command_state(door)
    await driver.expire_overdue(1)
    assert CommandState.TIMEOUT is await driver.command_state(door)


@pytest.mark.parametrize(("device", "uuid"), [(DEVICE, "u9"), (5, "u1"), (5, None)])
async def test_arriving_of_another(
    driver: ServiceDriver, services: Services, device: int, uuid: str | None
) -> None:
    """Another delivery's result suspends nothing."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")
    with services.result_intake.receiving(device, uuid):
        await driver.expire_overdue(180)

    assert CommandState.TIMEOUT is await driver.command_state(door)


async def test_store_away(driver: ServiceDriver, services: Services) -> None:
    """A result that cannot be stored says so; the next try ends the command."""
    (command,) = await driver.enqueue("reboot")
    await driver.receive_command("u1")
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await driver.post_result(OK, "u1")

    await driver.post_result(OK, "u1")

    assert CommandState.SUCCESSFUL is await driver.command_state(command)
    assert 1 == len(await stored_results(services))


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_given_up_meanwhile(driver: ServiceDriver, uuid: str | None) -> None:
    """A result that comes while its delivery is being given up finds it still."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command(uuid)
    driver.clock.tick(180)

    await asyncio.gather(driver.expire_overdue(), driver.post_result(NO, uuid))

    assert CommandState.FAILED is await driver.command_state(door)
