"""SIGTERM: held polls answered empty, running requests ended, all written, exit 0."""

import asyncio
import sqlite3
import time
from contextlib import AsyncExitStack, closing

import aiohttp
import pytest

from pushserver.client import ApiError, Client, Unreachable, iter_items
from tests.e2e.conftest import DEVICE, MakeDevice
from tests.e2e.raw_connection import connect
from tests.e2e.test_device_life import LOAD_USERS, OPEN_DOOR, held
from tests.program import Program
from tests.slow_reader import slow_reader
from tests.web.local_server import wait_until

ME = str(DEVICE)


#: Seconds within which it stops, whatever is held: ten where the machine is not busy.
SOON = 25


async def stopped(program: Program) -> tuple[int, bool]:
    """Stop the program; return its exit code, and whether it did so soon."""
    started_at = time.monotonic()
    code = await asyncio.to_thread(program.stop)
    return code, time.monotonic() - started_at < SOON


@pytest.mark.proof_on("postgres")
async def test_held_polls(server: Program, api: Client, device_of: MakeDevice) -> None:
    """
    A hundred held polls are answered empty.
    """
    ids = range(1, 101)
    for each in ids:
        await api.devices.put(str(each), hold=60)
    polls = [asyncio.create_task(device_of(server, each).poll()) for each in ids]
    await held(api, 100)

    assert (0, True) == await stopped(server)
    assert [None] * 100 == await asyncio.gather(*polls)


@pytest.mark.proof_on("postgres")
async def test_waiting_programs(server: Program, api: Client) -> None:
    """
    Programs that wait for an outcome are answered with how it stands.
    """
    enqueue = asyncio.create_task(api.commands.enqueue(ME, LOAD_USERS, wait=60))
    results = asyncio.create_task(api.results.list(wait=60))

    async def enqueued() -> bool:
        return bool((await api.commands.list())["items"])

    await wait_until(enqueued)

    assert (0, True) == await stopped(server)
    assert "PENDING" == (await enqueue)["state"]
    assert [] == (await results)["items"]


@pytest.mark.proof_on("postgres")
async def test_a_body_on_its_way(server: Program, api: Client) -> None:
    """
    A result that is just arriving is taken; one that stalls is 503, and a piece.
    """
    await api.devices.put(ME)
    head = f"POST /result?deviceId={ME} HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n"
    async with (
        connect(server) as (reader, writer),
        connect(server) as (stalled, stalls),
    ):
        for each in (writer, stalls):
            each.write(f'{head}\r\n{{"response":'.encode())
            await each.drain()
        await api.devices.list()
        stopping = asyncio.create_task(stopped(server))
        await _closed_to_others(server)
        writer.write(b"{}}")
        answer = await reader.readline()
        refusal = await stalled.readline()
        assert (0, True) == await stopping
    server.start()
    async with Client(server.url, server.token) as again:
        results = (await again.results.list())["items"]

    assert (b" 200 " in answer, b" 503 " in refusal) == (True, True)
    assert [({}, False), (None, True)] == [
        (result.get("response"), result.get("incomplete", False)) for result in results
    ]


@pytest.mark.proof_on("postgres")
async def test_a_body_that_flows(server: Program, api: Client) -> None:
    """
    A result that keeps arriving is waited for, for longer than one that stalls.
    """
    await api.devices.put(ME)
    body = b'{"response":' + b" " * 28 + b"{}}"
    head = f"POST /result?deviceId={ME} HTTP/1.1\r\nHost: x\r\n"
    async with connect(server) as (reader, writer):
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        await writer.drain()
        await api.devices.list()
        stopping = asyncio.create_task(stopped(server))
        await _closed_to_others(server)
        for place in range(len(body)):
            writer.write(body[place : place + 1])
            await asyncio.sleep(0.08)
        answer = await reader.readline()
        assert (0, True) == await stopping

    assert b" 200 " in answer


@pytest.mark.proof_on("postgres")
async def test_a_request_on_its_way(server: Program, api: Client) -> None:
    """
    A connection from before the stop is answered; a silent one is not waited for.
    """
    await api.devices.put(ME)
    async with connect(server) as (reader, writer), connect(server):
        await api.devices.list()
        stopping = asyncio.create_task(stopped(server))
        await _closed_to_others(server)
        writer.write(f"GET /push?deviceId={ME} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await reader.readline()

        assert b" 200 " in answer
        assert (0, True) == await stopping


async def _closed_to_others(program: Program) -> None:
    """Wait until the program takes no new connections."""

    async def closed() -> bool:
        try:
            async with connect(program):
                return False
        except OSError:
            return True

    await wait_until(closed)


async def test_in_traffic(server: Program, api: Client, device_of: MakeDevice) -> None:
    """
    In the middle of traffic the stop is orderly, too: whatever got a 200 is stored.
    """
    answered = 0

    async def device(number: int) -> None:
        nonlocal answered
        one = device_of(server, number)
        while True:
            await api.commands.enqueue(str(number), OPEN_DOOR)
            answered += await one.execute_and_post(await one.poll_command()) == 200

    tasks = [asyncio.create_task(device(number)) for number in range(1, 9)]
    await wait_until(lambda: answered > 50)

    assert (0, True) == await stopped(server)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    server.start()
    async with Client(server.url, server.token) as again:
        done = [c async for c in iter_items(again.commands.list, state="SUCCESSFUL")]
    assert all(isinstance(end, Exception) for end in ends)
    assert len(done) >= answered > 8


@pytest.mark.proof_on("postgres")
async def test_right_after_the_start(program: Program) -> None:
    """
    A server that is stopped as soon as it listens ends just as well.
    """
    program.start()

    assert (0, True) == await stopped(program)


@pytest.mark.only_on("sqlite")
async def test_nothing_left_open(server: Program, api: Client) -> None:
    """
    Stopped in order, the file needs no repair: its journal is folded in.
    """
    await api.commands.enqueue(ME, LOAD_USERS)

    await stopped(server)

    wal = server.file.with_name(server.file.name + "-wal")
    assert not wal.exists() or not wal.stat().st_size


@pytest.mark.proof_on("postgres")
async def test_peers_that_stall(server: Program, api: Client) -> None:
    """
    Readers that take nothing, and bodies that stop or trickle, do not put it off.
    """
    await api.devices.put(ME)
    for _ in range(8):
        await api.commands.enqueue(ME, {"endpoint": "x", "body": "x" * 900_000})
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
    post = f"POST /result?deviceId={ME} {head}"
    async with AsyncExitStack() as stack:
        for ask in ("commands?limit=50", "events"):
            for _ in range(5):
                reader = await stack.enter_async_context(slow_reader(server.url))
                await reader.send(f"GET /api/v1/{ask} {head}\r\n".encode())
        writers = []
        for size in (99, 99, 2_000_000, 60_000_000, 60_000_000):
            _, writer = await stack.enter_async_context(connect(server))
            writer.write(f"{post}Content-Length: {size}\r\n\r\n".encode())
            writer.write(bytes(size // 2))
            writers.append(writer)
        await api.devices.list()
        trickling = asyncio.create_task(_trickle(writers[-1]))

        assert (0, True) == await stopped(server)
        trickling.cancel()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.2)


@pytest.mark.only_on("sqlite")
async def test_a_locked_file(server: Program, api: Client) -> None:
    """
    What another process locks is not waited for; a line says what is not written.
    """
    await api.devices.put(ME, hold=0)
    async with aiohttp.ClientSession() as session:
        with closing(sqlite3.connect(server.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            enqueues = []
            for _ in range(2):
                enqueue = asyncio.create_task(api.commands.enqueue(ME, LOAD_USERS))
                enqueues.append(enqueue)
                await api.devices.list()
            async with session.get(f"{server.url}/push?deviceId={ME}") as answer:
                assert (200, b"") == (answer.status, await answer.read())
            started_at = time.monotonic()
            code = await asyncio.to_thread(server.stop)
            seconds = time.monotonic() - started_at
        refused = await asyncio.gather(*enqueues, return_exceptions=True)

    (line,) = server.log_lines("server.unwritten")
    assert ("error", 1) == (line["level"], code)
    assert "database is locked" in line["reason"]
    assert all(isinstance(each, ApiError | Unreachable) for each in refused)
    assert seconds < 4  # SQLite waits five
