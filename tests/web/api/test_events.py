"""The stream of events: what it sends, to whom, and where it resumes."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from pushserver.clock import SECOND
from pushserver.model.event import EventType
from pushserver.model.ids import first_id_at
from pushserver.services import event_feed
from pushserver.services.event_renderer import EventRenderer
from pushserver.web.api import events
from tests.clock import ManualClock
from tests.web.event_stream import EventStreamReader, open_event_stream
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

OTHER = DEVICE + 1
PATH = f"/devices/{DEVICE}/commands"


async def newest(server: LocalServer) -> int:
    """Return the id of the newest event that is written, else 0."""
    return await server.services.store.subscriptions.newest_event_id()


async def test_as_it_happens(server: LocalServer) -> None:
    """
    Each transition of a command is sent when it happens, with what is known by then.
    """
    async with open_event_stream(server) as stream:
        command = await server.enqueue()
        waits = await stream.next_event()
        await server.poll()
        sent = await stream.next_data()
        await server.services.polling.record_written()
        await server.post_result(b'{"response":{"secret":1}}')
        received = [sent, await stream.next_data(), await stream.next_data()]

    assert "text/event-stream" == stream.response.headers["Content-Type"]
    assert "no-store" == stream.response.headers["Cache-Control"]
    assert "command.status" == waits["event"]
    assert ["SENT", "DELIVERED", "SUCCESSFUL"] == [each["state"] for each in received]
    assert [2, 3, 4] == [each["sequence"] for each in received]
    assert {command["id"]} == {each["commandId"] for each in received}
    assert "response" not in received[-1]


async def test_the_error_is_told(server: LocalServer) -> None:
    """
    A failed command is sent with the device's error, and nothing else of its answer.
    """
    async with open_event_stream(server, "events=command.status") as stream:
        await server.enqueue()
        await server.poll()
        await server.post_result(b'{"error":"no such user","code":7}')
        received = [await stream.next_data() for _ in range(4)][-1]

    assert ("FAILED", "no such user") == (received["state"], received["error"])
    assert "code" not in received


async def test_begins_now(server: LocalServer) -> None:
    """
    Without an id to resume from, earlier events are not sent.
    """
    async with open_event_stream(server):
        await server.enqueue()
    async with open_event_stream(server) as stream:
        command = await server.enqueue()

        assert command["id"] == (await stream.next_data())["commandId"]


@pytest.mark.parametrize(
    "query",
    [
        f"deviceId={DEVICE}",
        f"deviceId=5&deviceId={DEVICE}",
        f"deviceId=5,{DEVICE}",
        "tag=site:north",
        f"tag=site:north&events=command.status&deviceId={DEVICE}",
        "tag=site:north&tag=site:west",
    ],
)
async def test_of_devices(server: LocalServer, query: str) -> None:
    """
    Only events of the requested devices are sent.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": {"site": "north"}})
    await server.api("PUT", f"/devices/{OTHER}", {"tags": {"site": "south"}})
    async with open_event_stream(server, query) as stream:
        await server.enqueue(device_id=OTHER)
        await server.enqueue()

        assert str(DEVICE) == (await stream.next_data())["deviceId"]


async def test_of_types(server: LocalServer) -> None:
    """
    Only events of the requested types are sent.
    """
    async with (
        open_event_stream(server),
        open_event_stream(server, "events=result.orphaned") as stream,
    ):
        await server.enqueue()
        await server.post_result(query=f"deviceId={DEVICE}&uuid=nobodys")

        assert "result.orphaned" == (await stream.next_event())["event"]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_goes_on(server: LocalServer, way: str) -> None:
    """
    A reader that resumes at its last id gets all that followed, each once.
    """
    async with open_event_stream(server) as stream:
        await server.api("POST", PATH, [LOAD_USERS] * 3)
        first = await stream.next_ids(2)
    await server.api("POST", PATH, [LOAD_USERS] * (events.BATCH_SIZE + 50))
    query = f"lastEventId={first[-1]}" if way == "query" else ""
    async with open_event_stream(
        server, query, last_event_id=first[-1] if not query else None
    ) as stream:
        rest = await stream.next_ids(events.BATCH_SIZE + 51)
        await server.enqueue()
        rest += await stream.next_ids(1)

    written = await server.services.store.subscriptions.events(1, after=0, limit=999)
    assert [str(event.id) for event in written] == first + rest


async def test_goes_on_from_before_the_first(server: LocalServer) -> None:
    """
    The id to resume from is sent before the first event: a break then costs nothing.
    """
    async with open_event_stream(server) as stream:
        begins = await stream.read_block()
    command = await server.enqueue()
    async with open_event_stream(server, last_event_id=begins["id"]) as stream:
        assert command["id"] == (await stream.next_data())["commandId"]


async def test_heartbeat(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stream in which nothing happens shows that it lives, and how far it looked.
    """
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)
    async with open_event_stream(server):
        await server.enqueue()
        async with open_event_stream(
            server, "events=task.finished", last_event_id="0"
        ) as stream:
            beats = [await stream.read_block() for _ in range(3)]

    assert ["listening", "still here", "still here"] == [beat[""] for beat in beats]
    assert str(await newest(server)) == beats[-1]["id"]


async def test_missed(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A reader that stayed away for longer than the buffer lasts learns how much it
    missed.
    """
    monkeypatch.setattr(events, "MAX_BACKLOG", 5)
    async with open_event_stream(server):
        await server.api("POST", PATH, [LOAD_USERS] * 9)
    async with open_event_stream(server, last_event_id="0") as stream:
        missed = await stream.next_event()
        rest = await stream.next_ids(5)

    assert ("missed", '{"missed":4}') == (missed["event"], missed["data"])
    assert int(missed["id"]) < int(rest[0])
    assert str(await newest(server)) == rest[-1]


async def test_ahead(server: LocalServer) -> None:
    """
    A reader whose last event is of a time to come learns that it missed some, and gets
    what comes now.
    """
    ahead = str(first_id_at(server.clock.now() + 10 * 365 * 86_400 * SECOND))
    async with open_event_stream(server, last_event_id=ahead) as stream:
        missed = await stream.next_event()
        await server.api("POST", PATH, LOAD_USERS)
        event = await stream.next_event()

    assert ("missed", '{"missed":null}') == (missed["event"], missed["data"])
    assert str(await newest(server)) == event["id"]


async def test_too_slow(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A reader that falls behind while it reads learns how much it missed.
    """
    monkeypatch.setattr(events, "BATCH_SIZE", 2)
    monkeypatch.setattr(events, "MAX_BACKLOG", 5)
    async with open_event_stream(server) as stream:
        # It looks how far behind it begins after its head is sent.
        await server.enqueue()
        await stream.next_event()
        await server.api("POST", PATH, [LOAD_USERS] * 9)
        received = [await stream.next_event() for _ in range(8)]

    assert ["command.status"] * 2 + ["missed"] == [
        each["event"] for each in received[:3]
    ]
    assert '{"missed":2}' == received[2]["data"]
    assert str(await newest(server)) == received[-1]["id"]


async def test_nobody_listens(server: LocalServer) -> None:
    """
    Nothing is written when nobody is interested, nor what they are not interested in.
    """
    await server.enqueue()
    await server.poll()
    await server.post_result()
    before = await newest(server)
    async with open_event_stream(server, "events=task.finished"):
        await server.enqueue()

    assert [0, 0] == [before, await newest(server)]


async def test_interest_lingers(server: LocalServer, clock: ManualClock) -> None:
    """
    For ten minutes after the reader left events are written, and then no more.
    """
    async with open_event_stream(server) as stream:
        begins = await stream.read_block()
    await gone()
    clock.tick(seconds=599)
    await server.services.event_interest.expire()
    command = await server.enqueue()
    last = await newest(server)
    clock.tick(seconds=1)
    await server.services.event_interest.expire()
    await server.enqueue()
    async with open_event_stream(server, last_event_id=begins["id"]) as stream:
        received = await stream.next_data()

    assert command["id"] == received["commandId"]
    assert last == await newest(server)


async def gone() -> None:
    """Wait until the server knows that nobody reads any more."""
    await wait_until(lambda: not streams())


def streams() -> list[object]:
    """Return the tasks in which a stream is written."""
    frames = [task.get_coro() for task in asyncio.all_tasks()]
    return [each for each in frames if "RequestHandler.start" in repr(each)]


async def test_hanging_up_frees_everything(
    server: LocalServer, clock: ManualClock
) -> None:
    """
    When its reader hangs up, a stream ends, and in time is forgotten.
    """
    for _ in range(3):
        async with open_event_stream(server) as stream:
            await stream.read_block()
            assert streams()
    await gone()
    clock.tick(seconds=600)

    assert len(EventType) == await server.services.event_interest.expire()
    assert {} == server.services.store.event_interest


async def test_ends_when_the_token_is_revoked(server: LocalServer) -> None:
    """
    A stream whose token is revoked ends; others go on.
    """
    body = {"name": "reader", "permissions": ["events:read"]}
    created = (await server.api("POST", "/tokens", body)).json()
    async with (
        open_event_stream(server, token=created["token"]) as stream,
        open_event_stream(server) as other,
    ):
        assert await stream.read_block()
        await server.api("DELETE", f"/tokens/{created['id']}")
        command = await server.enqueue()
        ended = await stream.read_block()
        received = await other.next_data()

    assert {} == ended
    assert command["id"] == received["commandId"]


async def test_ends_when_the_server_stops(database: str, clock: ManualClock) -> None:
    """
    A server that stops ends its streams at once, and well.
    """
    async with aiohttp.ClientSession() as session:
        async with running_server(database, clock) as server:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            url = f"{server.url}/api/v1/events"
            response = await session.get(url, headers=headers)
            stream = EventStreamReader(response)
            await stream.read_block()
            stopping = asyncio.get_running_loop().time()
        took = asyncio.get_running_loop().time() - stopping

        assert {} == await stream.read_block()
        assert response.content.at_eof()
        assert took < 12


async def test_another_scope(server: LocalServer) -> None:
    """
    A stream shows nothing of another scope, whatever it asks for.
    """
    created = (await server.api("POST", "/scopes", {"name": "other"})).json()
    async with open_event_stream(server) as ours:
        query = f"lastEventId=0&deviceId={DEVICE}&deviceId={OTHER}"
        async with open_event_stream(server, query, token=created["token"]) as theirs:
            await server.enqueue()
            await ours.next_event()
            await server.api("PUT", f"/devices/{OTHER}", {}, token=created["token"])
            path = f"/devices/{OTHER}/commands"
            await server.api("POST", path, LOAD_USERS, token=created["token"])

            assert str(OTHER) == (await theirs.next_data())["deviceId"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("events=door.opened", "/events/0"),
        ("deviceId=x", "/deviceId/0"),
        ("tag=north", "/tag"),
        ("lastEventId=x", "/lastEventId"),
        ("lastEventId=99999999999999999999", "/lastEventId"),
    ],
)
async def test_wrong_questions(server: LocalServer, query: str, pointer: str) -> None:
    """
    A filter that makes no sense is refused before anything is streamed.
    """
    answer = await server.api("GET", f"/events?{query}")

    assert (422, "invalid", pointer) == answer.problem
    assert {} == server.services.store.event_interest


async def test_wrong_header(server: LocalServer) -> None:
    """
    A `Last-Event-ID` that is none is refused.
    """
    answer = await server.api("GET", "/events", headers={"Last-Event-ID": "x"})

    assert (422, "invalid", "/lastEventId") == answer.problem


async def test_many_streams(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An event is read and rendered once for all streams whose tokens read the same.
    """
    rendered: list[int] = []
    render = EventRenderer.render_native

    async def count(*args: Any, **kwargs: Any) -> bytes:
        rendered.append(args[1].id)
        return await render(*args, **kwargs)

    monkeypatch.setattr(EventRenderer, "render_native", count)
    monkeypatch.setattr(event_feed, "_LIFETIME", 60)
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(open_event_stream(server)) for _ in range(5)
        ]
        await server.enqueue()
        await server.poll()
        received = [await stream.next_ids(2) for stream in streams]

    assert [received[0]] * 5 == received
    assert sorted(set(rendered)) == rendered
