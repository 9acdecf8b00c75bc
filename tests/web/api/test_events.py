"""The stream of events: what it tells, to whom, and from where it goes on."""

import asyncio

import aiohttp
import pytest

from pushserver.model.event import EventType
from pushserver.web.api import events
from tests.clock import ManualClock
from tests.web.listener import Listener, listener
from tests.web.site import DEVICE, LOAD_USERS, TOKEN, Site, standing, until

OTHER = DEVICE + 1
PATH = f"/devices/{DEVICE}/commands"


async def newest(site: Site) -> int:
    """Return the id of the newest event that is written, else 0."""
    return await site.services.store.subscriptions.newest_event()


async def test_as_it_happens(site: Site) -> None:
    """
    Each transition of a command is told when it happens, with what is known by then.
    """
    async with listener(site) as stream:
        command = await site.enqueue()
        waits = await stream.next()
        await site.push()
        sent = await stream.data()
        await site.services.polling.record()
        await site.result(b'{"response":{"secret":1}}')
        told = [sent, await stream.data(), await stream.data()]

    assert "text/event-stream" == stream.response.headers["Content-Type"]
    assert "no-store" == stream.response.headers["Cache-Control"]
    assert "command.status" == waits["event"]
    assert ["SENT", "DELIVERED", "SUCCESSFUL"] == [each["state"] for each in told]
    assert [2, 3, 4] == [each["sequence"] for each in told]
    assert {command["id"]} == {each["commandId"] for each in told}
    assert "response" not in told[-1]


async def test_the_error_is_told(site: Site) -> None:
    """
    Why a command failed is told, as the device said it, and nothing else that it said.
    """
    async with listener(site, "events=command.status") as stream:
        await site.enqueue()
        await site.push()
        await site.result(b'{"error":"no such user","code":7}')
        told = [await stream.data() for _ in range(3)][-1]

    assert ("FAILED", "no such user") == (told["state"], told["error"])
    assert "code" not in told


async def test_begins_now(site: Site) -> None:
    """
    Without an id to go on from, what was before is not told.
    """
    async with listener(site):
        await site.enqueue()
    async with listener(site) as stream:
        command = await site.enqueue()

        assert command["id"] == (await stream.data())["commandId"]


@pytest.mark.parametrize(
    "query",
    [
        f"deviceId={DEVICE}",
        f"deviceId=5&deviceId={DEVICE}",
        f"deviceId=5,{DEVICE}",
        "tag=site:north",
        f"tag=site:north&events=command.status&deviceId={DEVICE}",
    ],
)
async def test_of_devices(site: Site, query: str) -> None:
    """
    Only events of the devices that were asked for are told.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {"tags": {"site": "north"}})
    await site.api("PUT", f"/devices/{OTHER}", {"tags": {"site": "south"}})
    async with listener(site, query) as stream:
        await site.enqueue(device_id=OTHER)
        await site.enqueue()

        assert str(DEVICE) == (await stream.data())["deviceId"]


async def test_of_types(site: Site) -> None:
    """
    Only events of the types that were asked for are told.
    """
    async with listener(site), listener(site, "events=result.orphaned") as stream:
        await site.enqueue()
        await site.result(query=f"deviceId={DEVICE}&uuid=nobodys")

        assert "result.orphaned" == (await stream.next())["event"]


@pytest.mark.parametrize("way", ["header", "query"])
async def test_goes_on(site: Site, way: str) -> None:
    """
    Who comes back with the last id it read gets all that followed, each once.
    """
    async with listener(site) as stream:
        await site.api("POST", PATH, [LOAD_USERS] * 3)
        first = await stream.ids(2)
    await site.api("POST", PATH, [LOAD_USERS] * (events.BATCH + 50))
    query = f"lastEventId={first[-1]}" if way == "query" else ""
    async with listener(site, query, last=first[-1] if not query else None) as stream:
        rest = await stream.ids(events.BATCH + 51)
        await site.enqueue()
        rest += await stream.ids(1)

    written = await site.services.store.subscriptions.events(1, after=0, limit=999)
    assert [str(event.id) for event in written] == first + rest


async def test_goes_on_from_before_the_first(site: Site) -> None:
    """
    The id to go on from is told before there is an event: a break then costs nothing.
    """
    async with listener(site) as stream:
        begins = await stream.block()
    command = await site.enqueue()
    async with listener(site, last=begins["id"]) as stream:
        assert command["id"] == (await stream.data())["commandId"]


async def test_heartbeat(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A stream in which nothing happens shows that it lives, and how far it looked.
    """
    monkeypatch.setattr(events, "HEARTBEAT", 0.02)
    async with listener(site):
        await site.enqueue()
        async with listener(site, "events=task.finished", last="0") as stream:
            beats = [await stream.block() for _ in range(3)]

    assert ["listening", "still here", "still here"] == [beat[""] for beat in beats]
    assert str(await newest(site)) == beats[-1]["id"]


async def test_missed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who stayed away for longer than the buffer lasts is told how much it missed.
    """
    monkeypatch.setattr(events, "BUFFER", 5)
    async with listener(site):
        await site.api("POST", PATH, [LOAD_USERS] * 9)
    async with listener(site, last="0") as stream:
        missed = await stream.next()
        rest = await stream.ids(5)

    assert ("missed", '{"missed":4}') == (missed["event"], missed["data"])
    assert int(missed["id"]) < int(rest[0])
    assert str(await newest(site)) == rest[-1]


async def test_too_slow(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A reader that falls behind while it reads is told how much it missed.
    """
    monkeypatch.setattr(events, "BATCH", 2)
    monkeypatch.setattr(events, "BUFFER", 5)
    async with listener(site) as stream:
        await site.api("POST", PATH, [LOAD_USERS] * 9)
        told = [await stream.next() for _ in range(8)]

    assert ["command.status"] * 2 + ["missed"] == [each["event"] for each in told[:3]]
    assert '{"missed":2}' == told[2]["data"]
    assert str(await newest(site)) == told[-1]["id"]


async def test_nobody_listens(site: Site) -> None:
    """
    Nothing is written when nobody is interested, nor what they are not interested in.
    """
    await site.enqueue()
    await site.push()
    await site.result()
    before = await newest(site)
    async with listener(site, "events=task.finished"):
        await site.enqueue()

    assert [0, 0] == [before, await newest(site)]


async def test_interest_lingers(site: Site, clock: ManualClock) -> None:
    """
    For ten minutes after the reader left events are written, and then no more.
    """
    async with listener(site) as stream:
        begins = await stream.block()
    await gone()
    clock.tick(seconds=599)
    await site.services.interests.forget()
    command = await site.enqueue()
    last = await newest(site)
    clock.tick(seconds=1)
    await site.services.interests.forget()
    await site.enqueue()
    async with listener(site, last=begins["id"]) as stream:
        told = await stream.data()

    assert command["id"] == told["commandId"]
    assert last == await newest(site)


async def gone() -> None:
    """Wait until the server knows that nobody reads any more."""
    await until(lambda: not streams())


def streams() -> list[object]:
    """Return the tasks in which a stream is written."""
    frames = [task.get_coro() for task in asyncio.all_tasks()]
    return [each for each in frames if "RequestHandler.start" in repr(each)]


async def test_hanging_up_frees_everything(site: Site, clock: ManualClock) -> None:
    """
    When its reader hangs up, a stream ends, and in time is forgotten.
    """
    for _ in range(3):
        async with listener(site) as stream:
            await stream.block()
            assert streams()
    await gone()
    clock.tick(seconds=600)

    assert len(EventType) == await site.services.interests.forget()
    assert {} == site.services.store.interest


async def test_ends_when_the_token_is_revoked(site: Site) -> None:
    """
    Whose token is revoked is told nothing more, and others are.
    """
    wanted = {"name": "reader", "permissions": ["events:read"]}
    made = (await site.api("POST", "/tokens", wanted)).json()
    async with (
        listener(site, token=made["token"]) as stream,
        listener(site) as other,
    ):
        assert await stream.block()
        await site.api("DELETE", f"/tokens/{made['id']}")
        command = await site.enqueue()
        ended = await stream.block()
        told = await other.data()

    assert {} == ended
    assert command["id"] == told["commandId"]


async def test_ends_when_the_server_stops(database: str, clock: ManualClock) -> None:
    """
    A server that stops ends its streams at once, and well.
    """
    async with aiohttp.ClientSession() as session:
        async with standing(database, clock) as site:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            url = f"{site.url}/api/v1/events"
            response = await session.get(url, headers=headers)
            stream = Listener(response)
            await stream.block()
            stopping = asyncio.get_running_loop().time()
        took = asyncio.get_running_loop().time() - stopping

        assert {} == await stream.block()
        assert response.content.at_eof()
        assert took < 5


async def test_another_scope(site: Site) -> None:
    """
    A stream tells nothing of another scope, whatever it asks for.
    """
    made = (await site.api("POST", "/scopes", {"name": "other"})).json()
    async with listener(site) as ours:
        query = f"lastEventId=0&deviceId={DEVICE}&deviceId={OTHER}"
        async with listener(site, query, token=made["token"]) as theirs:
            await site.enqueue()
            await ours.next()
            await site.api("PUT", f"/devices/{OTHER}", {}, token=made["token"])
            path = f"/devices/{OTHER}/commands"
            await site.api("POST", path, LOAD_USERS, token=made["token"])

            assert str(OTHER) == (await theirs.data())["deviceId"]


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
async def test_wrong_questions(site: Site, query: str, pointer: str) -> None:
    """
    A filter that makes no sense is refused before anything is streamed.
    """
    answer = await site.api("GET", f"/events?{query}")

    assert (422, "invalid", pointer) == answer.problem
    assert {} == site.services.store.interest


async def test_wrong_header(site: Site) -> None:
    """
    A `Last-Event-ID` that is none is refused.
    """
    answer = await site.api("GET", "/events", headers={"Last-Event-ID": "x"})

    assert (422, "invalid", "/lastEventId") == answer.problem
