"""Held polls: answered the moment that there is something to do."""

import asyncio
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.site import DEVICE, LOAD_USERS, OPEN_DOOR, Site, standing, until

QUERY = f"deviceId={DEVICE}"


@pytest.fixture(name="held")
async def _held(site: Site) -> Site:
    """Return a server that holds the device's polls."""
    await site.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    return site


async def test_answered_by_an_enqueue(held: Site) -> None:
    """
    A door is opened through the poll that is waiting.
    """
    poll = asyncio.create_task(held.push(QUERY))
    await held.held(1)

    command = await held.enqueue(OPEN_DOOR)

    assert "execute_actions" == (await poll).json()["endpoint"]
    assert (await held.command(command["id"]))["state"] in ("SENT", "DELIVERED")


async def test_by_the_servers_setting(database: str, clock: ManualClock) -> None:
    """
    The server's own hold is every adopted device's, unless it has one.
    """
    async with standing(database, clock, hold=60) as site:
        await site.api("PUT", f"/devices/{DEVICE}", {})
        await site.api("PUT", "/devices/1", {"hold": 0})
        poll = asyncio.create_task(site.push(QUERY))
        await site.held(1)

        assert (await site.push("deviceId=1")).is_empty
        await site.enqueue()
        assert "load_objects" == (await poll).json()["endpoint"]


async def test_ends(site: Site) -> None:
    """
    A hold that nothing came for ends with an empty answer.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {"hold": 0.05})
    poll = asyncio.create_task(site.push(QUERY))
    await site.held(1)
    site.clock.tick(seconds=1)

    assert (await poll).is_empty


async def test_newest_wins(held: Site) -> None:
    """
    A second poll sends the first one away empty, and gets the command.
    """
    first = asyncio.create_task(held.push(f"{QUERY}&uuid=u1"))
    await held.held(1)
    second = asyncio.create_task(held.push(f"{QUERY}&uuid=u2"))

    assert (await first).is_empty
    await held.held(1)
    command = await held.enqueue()
    assert "load_objects" == (await second).json()["endpoint"]
    (delivery,) = (await held.command(command["id"]))["deliveries"]
    assert "u2" == delivery["uuid"]


async def test_through_the_grace(held: Site) -> None:
    """
    A poll during a command is held, and answered when that one's result has come.
    """
    await held.enqueue(OPEN_DOOR)
    await held.enqueue(LOAD_USERS)
    await held.push(f"{QUERY}&uuid=u1")
    poll = asyncio.create_task(held.push(f"{QUERY}&uuid=u2"))
    await held.held(1)

    await held.result(query=f"{QUERY}&uuid=u1")

    assert "load_objects" == (await poll).json()["endpoint"]


async def test_not_before(held: Site) -> None:
    """
    A hold is answered when a command's time has come.
    """
    poll = asyncio.create_task(held.push(QUERY))
    await held.held(1)
    await held.enqueue({**LOAD_USERS, "notBefore": "2026-01-01T00:00:00.020Z"})
    held.clock.tick(seconds=1)

    assert "load_objects" == (await poll).json()["endpoint"]


@pytest.mark.parametrize("command", [OPEN_DOOR, LOAD_USERS])
async def test_hung_up(held: Site, command: dict[str, object]) -> None:
    """
    A device that hung up while held loses nothing, and it counts as no attempt.
    """
    async with held.line() as (_, writer):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await held.held(1)
    await held.held(0)
    enqueued = await held.enqueue(command)
    before = await held.command(enqueued["id"])
    told = await held.push(QUERY)

    assert ("PENDING", 0) == (before["state"], before["attempts"])
    assert command["endpoint"] == told.json()["endpoint"]
    assert 1 == (await held.command(enqueued["id"]))["attempts"]


@pytest.mark.parametrize("command", [OPEN_DOOR, LOAD_USERS])
async def test_hung_up_at_the_same_time(held: Site, command: dict[str, object]) -> None:
    """
    Nor when the command came while the connection was breaking.
    """
    async with held.line() as (_, writer):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await held.held(1)
    enqueued = await held.enqueue(command)
    await held.held(0)
    await held.services.polling.chores.finish()
    told = await held.push(QUERY)

    assert command["endpoint"] == told.json()["endpoint"]
    assert 1 == (await held.command(enqueued["id"]))["attempts"]


async def test_impatient_device(held: Site) -> None:
    """
    A device that hangs up three times is not held any more, until it is told so.
    """
    for _ in range(3):
        async with held.line() as (_, writer):
            writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await held.held(1)
            held.clock.tick(seconds=10)
        await held.held(0)
    assert (await held.push(QUERY)).is_empty

    await held.api("PATCH", f"/devices/{DEVICE}", {"hold": 60})
    poll = asyncio.create_task(held.push(QUERY))
    await held.held(1)
    await held.enqueue()
    assert 200 == (await poll).status


async def test_stopping(database: str, clock: ManualClock) -> None:
    """
    A server that stops answers what it holds empty.
    """
    async with standing(database, clock, hold=60) as site:
        await site.api("PUT", f"/devices/{DEVICE}", {})
        poll = asyncio.create_task(site.push(QUERY))
        await site.held(1)
        site.services.holds.close()

        assert (await poll).is_empty


async def test_deleted_device(held: Site) -> None:
    """
    Deleting a device cancels what waits for it and keeps what was.
    """
    done = await held.enqueue()
    await held.push(QUERY)
    await held.result(query=QUERY)
    waiting = await held.enqueue()

    assert 204 == (await held.api("DELETE", f"/devices/{DEVICE}")).status

    assert "SUCCESSFUL" == (await held.command(done["id"]))["state"]
    assert "CANCELED" == (await held.command(waiting["id"]))["state"]
    assert (await held.push(QUERY)).is_empty
    await until(lambda: len(held.services.holds) == 0)


async def test_gone_in_the_same_moment(held: Site) -> None:
    """
    Nor when the poll went between its answer's commit and its answer.
    """
    query = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n"
    async with held.line() as (_, writer):
        writer.write(query.encode())
        await held.held(1)
        (hold,) = held.services.holds
        waiting = hold.bell

        def break_off(_changes: object) -> None:
            if not waiting.done():
                asyncio.get_running_loop().call_soon(_cancel_who_awaits, waiting)

        held.services.store.watch(break_off)
        enqueued = await held.enqueue(OPEN_DOOR)
    await held.services.polling.chores.finish()

    command = await held.command(enqueued["id"])
    assert ("PENDING", 0) == (command["state"], command["attempts"])


def _cancel_who_awaits(waiting: asyncio.Future[Any]) -> None:
    """Cancel the task that awaits this, as a lost connection would."""
    for task in asyncio.all_tasks():
        if getattr(task, "_fut_waiter", None) is waiting:
            task.cancel()
