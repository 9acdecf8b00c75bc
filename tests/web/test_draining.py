"""Peers that ask and do not read: they are waited for, and then lose the connection."""

import asyncio
import gc
import json
import select
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from pushserver.services import off_loop
from pushserver.web import draining, spooled_response
from pushserver.web.body_budget import MAX_PIECES
from pushserver.web.response import SmallResponse
from pushserver.web.spooled_response import shared_pieces
from tests.each_case import each_case
from tests.slow_reader import SlowReader, slow_reader
from tests.web.local_server import DEVICE, LOAD_USERS, TOKEN, LocalServer, wait_until
from tests.web.test_short_bodies import turns_of

#: So many answers of this size are more than any kernel keeps for a connection.
_COUNT, _SIZE = 400, 40_000
BEARER = {"Authorization": f"Bearer {TOKEN}"}
_HEAD = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
_POLL = f"GET /push?deviceId={DEVICE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.fixture(name="reader")
async def _reader(server: LocalServer) -> AsyncIterator[SlowReader]:
    """Return a peer that reads when a test says so."""
    async with slow_reader(server.url) as reader, asyncio.timeout(30):
        yield reader


@pytest.fixture(name="requests")
async def _requests(server: LocalServer) -> bytes:
    """Return many requests with answers that one write can take, and then a poll."""
    await server.api("PUT", "/devices/1", {})
    text = {"endpoint": "load_objects", "body": "x" * _SIZE}
    command = await server.enqueue(text, device_id=1)
    await server.api("PUT", f"/devices/{DEVICE}", {})
    ask = f"GET /api/v1/commands/{command['id']} {_HEAD}".encode()
    return ask * _COUNT + _POLL


def is_cut(reader: SlowReader) -> bool:
    """Tell whether the server has closed the connection."""
    poll = select.poll()
    poll.register(reader.socket, select.POLLRDHUP)
    return bool(poll.poll(0))


def polls_of(server: LocalServer) -> int:
    """Return how many polls were answered."""
    return server.services.counts["polls.idle"]


async def test_read(server: LocalServer, reader: SlowReader, requests: bytes) -> None:
    """
    Requests that come all at once are all answered, as fast as the answers are read.
    """
    sending = asyncio.create_task(reader.send(requests))
    for _ in range(_COUNT):
        _, length = await reader.read_answer()
        assert length == len(await reader.read(length)) > _SIZE
    await reader.read_answer()
    await sending

    assert 1 == polls_of(server)


async def test_not_read(
    server: LocalServer,
    reader: SlowReader,
    requests: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    While an answer is not taken no request is begun, and in the end all are dropped.
    """
    monkeypatch.setattr(draining, "WRITE_IDLE_TIMEOUT", 0.3)

    await reader.send(requests)
    await wait_until(lambda: is_cut(reader))

    assert 0 == polls_of(server)


async def test_stream_that_nobody_reads(
    server: LocalServer, reader: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A stream of events ends when its reader stalls.
    """
    monkeypatch.setattr(draining, "WRITE_IDLE_TIMEOUT", 0.3)
    ask = f"GET /api/v1/events?events=command.status {_HEAD}".encode()
    await reader.send(ask)
    await wait_until(lambda: bool(server.services.event_interest._streams))

    command = {**LOAD_USERS, "metadata": "x" * 10_000}
    for device in range(DEVICE, DEVICE + 200):
        if is_cut(reader):
            break
        await server.api("POST", f"/devices/{device}/commands", [command] * 50)

    await wait_until(lambda: not server.services.event_interest._streams)


async def test_keeps_the_connection_while_it_reads(
    server: LocalServer, reader: SlowReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who reads little at a time keeps the connection for longer than a stalled one would.
    """
    monkeypatch.setattr(draining, "WRITE_IDLE_TIMEOUT", 1.0)
    text = {"endpoint": "load_objects", "body": "x" * 900_000}
    for _ in range(9):
        await server.enqueue(text)
    await reader.send(f"GET /api/v1/commands?include=body {_HEAD}".encode())
    _, length = await reader.read_answer()
    started_at = asyncio.get_running_loop().time()
    left = length
    while left:
        left -= len(await reader.read(min(left, 400_000)))
        await asyncio.sleep(0.1)

    assert asyncio.get_running_loop().time() - started_at > 1


@pytest.mark.parametrize("room", [MAX_PIECES, 0])
async def test_long_answer(server: LocalServer, reader: SlowReader, room: int) -> None:
    """
    What is not read of a long answer takes memory that all share, while there is some,
    and else a file; all of it comes, and nothing is left of it.
    """
    memory = server.services.body_budget.memory
    memory.limit = room
    text = {"endpoint": "load_objects", "body": "x" * 900_000}
    command = await server.enqueue(text)
    # More than any kernel keeps for a connection.
    count = 16
    await reader.send(f"GET /api/v1/commands/{command['id']} {_HEAD}".encode() * count)
    if room:
        await wait_until(lambda: memory.taken > len(text["body"]))
    for _ in range(count):
        _, length = await reader.read_answer()
        answer = json.loads(await reader.read(length))
        assert text["body"] == answer["body"]

    await wait_until(lambda: not memory.taken)


@each_case("is_shared", [True, False])
async def test_many_that_read_fast(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, is_shared: bool
) -> None:
    """
    Of answers that are taken as fast as they are written, a turn of the loop writes two
    pieces at most if each takes a while.
    """
    command = await server.enqueue({**LOAD_USERS, "body": "x" * 900_000})
    path = "/api/v1/docs" if is_shared else f"/api/v1/commands/{command['id']}"
    length = len((await server.request("GET", path, headers=BEARER)).body)
    monkeypatch.setattr(off_loop, "_PIECE", 0)
    with turns_of(monkeypatch, spooled_response, "write_and_drain") as turns:
        async with asyncio.TaskGroup() as group:
            asking = [
                group.create_task(server.request("GET", path, headers=BEARER))
                for _ in range(10)
            ]

    assert [length] * 10 == [len(each.result().body) for each in asking]
    assert 10 * 7 <= len(turns)
    assert 2 >= max(turns.count(turn) for turn in turns)


async def test_taken(reader: SlowReader) -> None:
    """
    Of an answer that was read nothing is kept while its connection is idle.
    """
    for path in ("/api/v1/devices", "/console/sign-in", "/api/v1/docs"):
        await reader.send(f"GET {path} {_HEAD}".encode())
        _, length = await reader.read_answer()
        await reader.read(length)

    await wait_until(lambda: not responses())


def responses() -> list[object]:
    """Return the responses that are in memory."""
    gc.collect()
    kinds = (web.StreamResponse, SmallResponse)
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


def test_shared() -> None:
    """
    What all get who ask is in memory once, and leaves in small pieces.
    """
    body = bytes(40_000)
    pieces = [memoryview(each) for each in shared_pieces(body)]

    assert [16_384, 16_384, 7_232] == [len(each) for each in pieces]
    assert all(each.obj is body for each in pieces)
