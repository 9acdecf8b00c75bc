"""Results that are cut, unreadable, or on their way while other things happen."""

import asyncio
from typing import Any

import pytest

from pushserver.errors import Unavailable
from pushserver.model.command import Result
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.web.services import Services
from tests.model.values import DEVICE
from tests.services.desk import Desk

OK = b'{"response":{}}'
NO = b'{"error":"no"}'
CUT = b'{"response":{"users":[{"id":1'


async def kept(services: Services) -> list[Result]:
    """Return every result."""
    store = services.store
    return list(
        await store.results(FIRST_SCOPE, after=0, limit=99, device_id=None, orphan=None)
    )


@pytest.mark.parametrize(
    "given",
    [
        {"body": CUT},
        {"body": b"\xff\xfe\0 not JSON at all"},
        {"body": OK, "content_encoding": "gzip"},
        {"body": b""},
    ],
)
async def test_unreadable(desk: Desk, given: dict[str, Any]) -> None:
    """A whole body that says nothing is a success: the device did answer."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")

    await desk.report(uuid="u1", **given)

    record = await desk.record(wanted)
    assert State.SUCCESSFUL is record.command.state
    assert record.result is not None
    assert given["body"] == record.result.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        CUT,
        b"12",
        b"response=%7B%22users%22%3A",
        b"error=UNIQUE+constr",
        b"{",
        b" ",
    ],
)
@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_broken_off(
    desk: Desk, services: Services, body: bytes, uuid: str | None
) -> None:
    """A body whose end never came is kept but ends nothing: it may come again."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly(uuid)

    part = await desk.report(body, uuid, complete=False)

    assert [part] == await kept(services)
    assert (wanted.id, False) == (part.command_id, part.complete)
    assert State.SENT is await desk.state(wanted)

    whole = await desk.report(NO, uuid)

    record = await desk.record(wanted)
    assert (State.FAILED, whole) == (record.command.state, record.result)


async def test_announced_too_long(desk: Desk) -> None:
    """A whole JSON object of which more was announced is a result all the same."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")

    await desk.report(NO, "u1", complete=False)

    assert State.FAILED is await desk.state(wanted)


async def test_arriving(desk: Desk, services: Services) -> None:
    """While a result's body is on its way its command is not given up."""
    door, _ = await desk.enqueue("execute_actions", "reboot")
    await desk.fly("u1")
    with services.reporting.arriving(DEVICE, "u1"):
        await desk.upkeep(1000)
        assert await desk.poll("u2") is None
        assert State.SENT is await desk.state(door)
        await desk.report(OK, "u1")

    assert State.SUCCESSFUL is await desk.state(door)


async def test_arriving_and_broken_off(desk: Desk, services: Services) -> None:
    """When the body breaks off its command is given up in the usual time."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly()
    with services.reporting.arriving(DEVICE, None):
        await desk.upkeep(1000)

    await desk.upkeep(1)

    assert State.TIMEOUT is await desk.state(door)


@pytest.mark.parametrize(("device", "uuid"), [(DEVICE, "u9"), (5, "u1"), (5, None)])
async def test_arriving_of_another(
    desk: Desk, services: Services, device: int, uuid: str | None
) -> None:
    """Another delivery's result suspends nothing."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly("u1")
    with services.reporting.arriving(device, uuid):
        await desk.upkeep(180)

    assert State.TIMEOUT is await desk.state(door)


async def test_store_away(desk: Desk, services: Services) -> None:
    """A result that cannot be kept says so; the next try ends the command."""
    (wanted,) = await desk.enqueue("reboot")
    await desk.fly("u1")
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await desk.report(OK, "u1")

    await desk.report(OK, "u1")

    assert State.SUCCESSFUL is await desk.state(wanted)
    assert 1 == len(await kept(services))


@pytest.mark.parametrize("uuid", [None, "u1"])
async def test_given_up_meanwhile(desk: Desk, uuid: str | None) -> None:
    """A result that comes while its delivery is being given up finds it still."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly(uuid)
    desk.clock.tick(180)

    await asyncio.gather(desk.upkeep(), desk.report(NO, uuid))

    assert State.FAILED is await desk.state(door)
