"""A device is deleted while something else is under way for it."""

import asyncio

import pytest

from pushserver.web import body as web_body
from tests.web.local_server import DEVICE, OPEN_DOOR, LocalServer, wait_until

QUERY = f"deviceId={DEVICE}"
PATH = f"/devices/{DEVICE}"
HEAD = (
    "POST /result?{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    "Content-Length: 15\r\n\r\n"
)
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def begin_result(server: LocalServer, stream: Stream, query: str) -> None:
    """Send the first half of a result, and wait until it counts as arriving."""
    stream[1].write(HEAD.format(query).encode() + b'{"respon')

    def is_arriving() -> bool:
        lane = server.services.store.cached_lane(DEVICE)
        return lane is not None and any(each.is_busy for each in lane.in_flights)

    await wait_until(is_arriving)


@pytest.mark.parametrize("successor_uuid", ["", "&uuid=u2"])
@pytest.mark.parametrize("uuid", ["", "&uuid=u1"])
async def test_result_under_way(
    server: LocalServer, uuid: str, successor_uuid: str
) -> None:
    """
    A result that began before its device was deleted is not its successor's.
    """
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(QUERY + uuid)
    async with server.connect() as stream, asyncio.timeout(15):
        await begin_result(server, stream, QUERY + uuid)
        await server.api("DELETE", PATH)
        own = await server.enqueue(OPEN_DOOR)
        assert b"execute" in (await server.poll(QUERY + successor_uuid)).body
        stream[1].write(b'se":{}}')
        assert b" 200 " in await stream[0].readline()

    ended = (await server.get_command(command["id"]))["state"]
    assert ("SUCCESSFUL" if uuid else "TIMEOUT") == ended
    assert (await server.get_command(own["id"]))["state"] in ("SENT", "DELIVERED")
    (kept,) = await server.list_results()
    assert (uuid == "") is kept.get("orphan", False)


async def test_refused_result(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A result that the server refuses fails its command, also if its device is deleted.
    """
    monkeypatch.setattr(web_body, "MAX_BODY_SIZE", 100)
    monkeypatch.setattr(web_body, "LONG_LINGER", 0.1)
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await server.api("DELETE", PATH)

    taken = await server.post_result(bytes(101), f"{QUERY}&uuid=u1")

    assert (413, "too-large", None) == taken.problem
    shown = await server.get_command(command["id"])
    assert ("FAILED", "result over 64 MiB") == (
        shown["state"],
        shown["result"]["error"],
    )
    (listed,) = await server.list_results()
    assert (command["id"], True) == (listed["commandId"], listed["rejected"])


async def test_incomplete_result(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The piece of a result that broke off is kept, and a second post still counts.
    """
    monkeypatch.setattr(web_body, "BODY_IDLE_TIMEOUT", 0.25)
    command = await server.enqueue(OPEN_DOOR)
    await server.poll(f"{QUERY}&uuid=u1")
    await server.api("DELETE", PATH)
    head = HEAD.format(f"{QUERY}&uuid=u1").encode()

    assert (await server.send_raw(head + b'{"respon')).startswith(b"HTTP/1.1 408 ")

    (listed,) = await server.list_results()
    assert (command["id"], True) == (listed["commandId"], listed["incomplete"])
    assert "TIMEOUT" == (await server.get_command(command["id"]))["state"]
    await server.post_result(query=f"{QUERY}&uuid=u1")
    assert "SUCCESSFUL" == (await server.get_command(command["id"]))["state"]
