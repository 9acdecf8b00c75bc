"""Held polls: answered the moment that there is a command."""

import asyncio

import pytest

from pushserver.clock import SECOND, rfc3339
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.poll_hold import PollHold
from pushserver.storage.change_feed import ChangeKind
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    OPEN_DOOR,
    LocalServer,
    running_server,
    wait_until,
)

QUERY = f"deviceId={DEVICE}"


@pytest.fixture(name="held")
async def _held(server: LocalServer) -> LocalServer:
    """Return a server that holds the device's polls."""
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 60})
    return server


async def test_answered_by_an_enqueue(held: LocalServer) -> None:
    """
    A door is opened through the poll that is waiting.
    """
    poll = asyncio.create_task(held.poll(QUERY))
    await held.wait_for_held_polls(1)

    command = await held.enqueue(OPEN_DOOR)

    assert "execute_actions" == (await poll).json()["endpoint"]
    assert (await held.get_command(command["id"]))["state"] in ("SENT", "DELIVERED")


async def test_by_the_servers_setting(database: str, clock: ManualClock) -> None:
    """
    The server's own hold is every adopted device's, unless it has one.
    """
    async with running_server(database, clock, hold=60) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        await server.api("PUT", "/devices/1", {"hold": 0})
        poll = asyncio.create_task(server.poll(QUERY))
        await server.wait_for_held_polls(1)

        assert (await server.poll("deviceId=1")).is_empty
        await server.enqueue()
        assert "load_objects" == (await poll).json()["endpoint"]


async def learn_period(server: LocalServer) -> None:
    """Let the device poll every second, and hold its polls from then on."""
    await server.api("PUT", f"/devices/{DEVICE}", {})
    for _ in range(3):
        await server.poll(QUERY)
        server.clock.tick(seconds=1)
    await server.api("PATCH", f"/devices/{DEVICE}", {"hold": 60})


async def test_held_is_contact(server: LocalServer) -> None:
    """
    A device whose poll is held is not said to be away, and was seen just now.
    """
    await learn_period(server)
    poll = asyncio.create_task(server.poll(QUERY))
    await server.wait_for_held_polls(1)
    server.clock.tick(seconds=20)
    await server.services.held_contact.flush_seen()
    seen = (await server.get_device())["lastSeenAt"]
    server.clock.tick(seconds=20)

    enqueued = await server.api("POST", f"/devices/{DEVICE}/commands", [LOAD_USERS] * 2)

    assert "load_objects" == (await poll).json()["endpoint"]
    assert all("warnings" not in command for command in enqueued.json()["items"])
    assert rfc3339(server.clock.now() - 20 * SECOND) == seen
    assert rfc3339(server.clock.now()) == (await server.get_device())["lastSeenAt"]


async def test_was_held_until_now(server: LocalServer) -> None:
    """
    The end of a hold is when its device was seen last, and no period of its polls.
    """
    await learn_period(server)
    before = (await server.get_device())["pollPeriod"]
    poll = asyncio.create_task(server.poll(QUERY))
    await server.wait_for_held_polls(1)
    server.clock.tick(seconds=50)
    server.services.holds.release(DEVICE)
    assert (await poll).is_empty
    server.clock.tick(seconds=1)

    assert "warnings" not in await server.enqueue()
    await server.poll(QUERY)
    assert before == (await server.get_device())["pollPeriod"]


async def test_deleted_while_held(server: LocalServer) -> None:
    """
    A device that is deleted while its poll is held leaves nothing to be stored.
    """
    await learn_period(server)
    poll = asyncio.create_task(server.poll(QUERY))
    await server.wait_for_held_polls(1)
    await server.api("DELETE", f"/devices/{DEVICE}")
    assert (await poll).is_empty

    assert server.services.write_behind.is_flushed


@pytest.mark.only_on("postgres")
async def test_held_at_another_server(database: str, clock: ManualClock) -> None:
    """
    Other servers know that a device whose poll is held here is in contact.
    """
    async with (
        running_server(database, clock) as here,
        running_server(database, clock) as there,
    ):
        await learn_period(here)
        poll = asyncio.create_task(here.poll(QUERY))
        await here.wait_for_held_polls(1)
        clock.tick(seconds=20)
        await here.services.held_contact.flush_seen()
        await there.services.device_sync.refresh(None)

        assert "warnings" not in await there.enqueue()
        await poll


async def test_ends(server: LocalServer) -> None:
    """
    A hold that nothing came for ends with an empty answer.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"hold": 0.05})
    poll = asyncio.create_task(server.poll(QUERY))
    await server.wait_for_held_polls(1)
    server.clock.tick(seconds=1)

    assert (await poll).is_empty


async def test_newest_wins(held: LocalServer) -> None:
    """
    A second poll sends the first one away empty, and gets the command.
    """
    first = asyncio.create_task(held.poll(f"{QUERY}&uuid=u1"))
    await held.wait_for_held_polls(1)
    second = asyncio.create_task(held.poll(f"{QUERY}&uuid=u2"))

    assert (await first).is_empty
    await held.wait_for_held_polls(1)
    command = await held.enqueue()
    assert "load_objects" == (await second).json()["endpoint"]
    (delivery,) = (await held.get_command(command["id"]))["deliveries"]
    assert "u2" == delivery["uuid"]


async def test_through_the_grace(held: LocalServer) -> None:
    """
    A poll during a command is held, and answered when that one's result has come.
    """
    await held.enqueue(OPEN_DOOR)
    await held.enqueue(LOAD_USERS)
    await held.poll(f"{QUERY}&uuid=u1")
    poll = asyncio.create_task(held.poll(f"{QUERY}&uuid=u2"))
    await held.wait_for_held_polls(1)

    await held.post_result(query=f"{QUERY}&uuid=u1")

    assert "load_objects" == (await poll).json()["endpoint"]


async def test_not_before(held: LocalServer) -> None:
    """
    A hold is answered when a command's time has come.
    """
    poll = asyncio.create_task(held.poll(QUERY))
    await held.wait_for_held_polls(1)
    await held.enqueue({**LOAD_USERS, "notBefore": "2026-01-01T00:00:00.020Z"})
    held.clock.tick(seconds=1)

    assert "load_objects" == (await poll).json()["endpoint"]


@pytest.mark.parametrize("command", [OPEN_DOOR, LOAD_USERS])
async def test_hung_up(held: LocalServer, command: dict[str, object]) -> None:
    """
    A device that hung up while held loses nothing, and it counts as no attempt.
    """
    async with held.connect() as (_, writer):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await held.wait_for_held_polls(1)
    await held.wait_for_held_polls(0)
    enqueued = await held.enqueue(command)
    before = await held.get_command(enqueued["id"])
    polled = await held.poll(QUERY)

    assert ("PENDING", 0) == (before["state"], before["attempts"])
    assert command["endpoint"] == polled.json()["endpoint"]
    assert 1 == (await held.get_command(enqueued["id"]))["attempts"]


@pytest.mark.parametrize("command", [OPEN_DOOR, LOAD_USERS])
async def test_hung_up_at_the_same_time(
    held: LocalServer, command: dict[str, object]
) -> None:
    """
    Nor when the command came while the connection was breaking.
    """
    async with held.connect() as (_, writer):
        writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await held.wait_for_held_polls(1)
    enqueued = await held.enqueue(command)
    await held.wait_for_held_polls(0)
    await held.services.lanes.background_tasks.wait_all()
    polled = await held.poll(QUERY)

    assert command["endpoint"] == polled.json()["endpoint"]
    assert 1 == (await held.get_command(enqueued["id"]))["attempts"]


async def test_impatient_device(held: LocalServer) -> None:
    """
    A device that hangs up three times is no longer held, until its hold is set again.
    """
    for _ in range(3):
        async with held.connect() as (_, writer):
            writer.write(f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await held.wait_for_held_polls(1)
            held.clock.tick(seconds=10)
        await held.wait_for_held_polls(0)
    assert (await held.poll(QUERY)).is_empty

    await held.api("PATCH", f"/devices/{DEVICE}", {"hold": 60})
    poll = asyncio.create_task(held.poll(QUERY))
    await held.wait_for_held_polls(1)
    await held.enqueue()
    assert 200 == (await poll).status


async def test_stopping(database: str, clock: ManualClock) -> None:
    """
    A server that stops answers what it holds empty.
    """
    async with running_server(database, clock, hold=60) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        poll = asyncio.create_task(server.poll(QUERY))
        await server.wait_for_held_polls(1)
        server.services.holds.close()

        assert (await poll).is_empty


async def test_deleted_device(held: LocalServer) -> None:
    """
    Deleting a device cancels what waits for it and keeps what was.
    """
    done = await held.enqueue()
    await held.poll(QUERY)
    await held.post_result(query=QUERY)
    waiting = await held.enqueue()

    assert 204 == (await held.api("DELETE", f"/devices/{DEVICE}")).status

    assert "SUCCESSFUL" == (await held.get_command(done["id"]))["state"]
    assert "CANCELED" == (await held.get_command(waiting["id"]))["state"]
    assert (await held.poll(QUERY)).is_empty
    await wait_until(lambda: len(held.services.holds) == 0)


async def test_gone_in_the_same_moment(held: LocalServer) -> None:
    """
    Nor when the poll went between its answer's commit and its answer.
    """
    query = f"GET /push?{QUERY} HTTP/1.1\r\nHost: x\r\n\r\n"
    async with held.connect() as (_, writer):
        writer.write(query.encode())
        await held.wait_for_held_polls(1)
        (hold,) = held.services.holds
        assert isinstance(hold, PollHold)

        def break_off(_changes: object) -> None:
            if not hold.is_notified:
                # As a lost connection would.
                asyncio.get_running_loop().call_soon(hold.abandon)

        store = held.services.store
        store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
        store.feed.subscribe(ChangeKind.EVENTS, break_off)
        enqueued = await held.enqueue(OPEN_DOOR)
    await held.services.lanes.background_tasks.wait_all()

    command = await held.get_command(enqueued["id"])
    assert ("PENDING", 0) == (command["state"], command["attempts"])
