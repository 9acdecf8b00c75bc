"""Bodies of those who were let in: bounded in all, in files, and none is lost."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import pytest

from pushserver.web import body_budget, transfers
from pushserver.web.body_budget import MAX_PIECES
from pushserver.web.spool import FREE_BYTES, MAX_IN_MEMORY, Spool, SpoolMemory
from tests.clock import ManualClock
from tests.web.local_server import (
    DEVICE,
    TOKEN,
    LocalServer,
    running_server,
    wait_until,
)

#: Three of them are more than the 64 MiB that are allowed here; two are not.
HALF = 32 * 1024 * 1024
RESULT = f"POST /result?deviceId={DEVICE}&uuid={{}} HTTP/1.1\r\n"
PROGRAM = (
    "POST /api/v1/tasks HTTP/1.1\r\n"
    f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
)


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with as little room for bodies as it takes."""
    async with running_server(database, clock, bodies=64) as server:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        yield server


@attrs.frozen
class Upload:
    """A body on its way."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    size: int

    async def finish(self) -> bytes:
        """Send the rest; return the status line of the answer."""
        body = b'{"response":"' + b"x" * (self.size - 15) + b'"}'
        self.writer.write(body[1:])
        return await self.reader.readline()


@asynccontextmanager
async def uploads(
    server: LocalServer, *requests: tuple[str, int]
) -> AsyncIterator[list[Upload]]:
    """Begin to send bodies of these sizes, a byte of each."""
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        started = []
        for start, size in requests:
            reader, writer = await stack.enter_async_context(server.connect())
            head = f"{start}Host: x\r\nContent-Length: {size}\r\n\r\n{{"
            writer.write(head.encode())
            started.append(Upload(reader, writer, size))
            # One after the other, as their order matters.
            await server.request("GET", "/healthz")
        yield started


def files_in(folder: Path) -> list[Path]:
    """Return what has a name there."""
    return list(folder.iterdir())


def waited(server: LocalServer) -> int:
    """Return how many results had to wait for room."""
    return server.services.counts["bodies.waited"]


async def test_two_results(server: LocalServer) -> None:
    """
    As many as there is room for arrive at the same time.
    """
    requests = [(RESULT.format(n), HALF) for n in range(2)]
    async with uploads(server, *requests) as (first, second):
        assert 0 == waited(server)
        assert b"HTTP/1.1 200 OK\r\n" == await second.finish()
        assert b"HTTP/1.1 200 OK\r\n" == await first.finish()


async def test_third_result(server: LocalServer) -> None:
    """
    One more waits its turn, and then is taken as the others were.
    """
    requests = [(RESULT.format(n), HALF) for n in range(3)]
    async with uploads(server, *requests) as (first, second, third):
        await wait_until(lambda: waited(server) == 1)
        finishing = asyncio.create_task(third.finish())
        assert b"HTTP/1.1 200 OK\r\n" == await first.finish()
        assert b"HTTP/1.1 200 OK\r\n" == await finishing
        assert b"HTTP/1.1 200 OK\r\n" == await second.finish()

    results = await server.services.store.results(
        1, after=0, limit=9, device_id=None, orphan=None
    )
    stored = len(results)
    while results:
        results = await server.services.store.results(
            1, after=results[-1].id, limit=9, device_id=None, orphan=None
        )
        stored += len(results)
    assert 3 == stored


@pytest.mark.parametrize(("size", "status"), [(HALF, b"422"), (HALF + 1, b"503")])
async def test_program(server: LocalServer, size: int, status: bytes) -> None:
    """
    A program for whose body there is no room is told so at once, and when to retry.
    """
    async with uploads(server, (RESULT.format(1), HALF), (PROGRAM, size)) as (
        _,
        program,
    ):
        if status == b"503":
            answer = await program.reader.readuntil(b"\r\n\r\n")
            assert b"Retry-After: 1\r\n" in answer
        else:
            answer = await program.finish()

    assert answer.startswith(b"HTTP/1.1 " + status)


async def test_room_is_given_back(server: LocalServer) -> None:
    """
    What broke off, or was refused, leaves its room to others.
    """
    for _ in range(3):
        async with uploads(server, (RESULT.format(1), HALF), (PROGRAM, HALF)):
            pass
    requests = [(RESULT.format(n), HALF) for n in range(2)]
    async with uploads(server, *requests) as ups:
        assert [b"HTTP/1.1 200 OK\r\n"] * 2 == [await each.finish() for each in ups]


async def test_short_bodies_need_no_room(server: LocalServer) -> None:
    """
    A result of 64 kB passes those that wait for room.
    """
    requests = [(RESULT.format(n), HALF) for n in range(3)]
    async with uploads(server, *requests):
        await wait_until(lambda: waited(server) == 1)
        body = b'{"response":"' + b"x" * 65_521 + b'"}'

        assert 65_536 == len(body)
        assert (await server.post_result(body)).is_empty


async def test_gone_while_it_waits(server: LocalServer) -> None:
    """
    A device that hangs up while it waits is in nobody's way.
    """
    requests = [(RESULT.format(n), HALF) for n in range(4)]
    async with uploads(server, *requests) as (first, _, third, fourth):
        await wait_until(lambda: waited(server) == 2)
        third.writer.transport.abort()
        finishing = asyncio.create_task(fourth.finish())
        assert b"HTTP/1.1 200 OK\r\n" == await first.finish()

        assert b"HTTP/1.1 200 OK\r\n" == await finishing


@pytest.fixture(name="_impatient")
def _impatient_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What moves less than the most of all is too slow from its first moment on."""
    monkeypatch.setattr(transfers, "FREE_SECONDS", 0)
    monkeypatch.setattr(transfers, "ENOUGH_IN_A_SECOND", 1 << 40)
    monkeypatch.setattr(body_budget, "CHECK_INTERVAL", 0.01)


@pytest.mark.usefixtures("_impatient")
async def test_too_slow(server: LocalServer) -> None:
    """
    Bodies that hardly arrive are ended when a result waits for room; it gets theirs.
    """
    requests = [(RESULT.format(n), HALF) for n in range(2)]
    async with (
        uploads(server, *requests) as slow,
        uploads(server, (RESULT.format(3), HALF)) as (result,),
    ):
        await wait_until(lambda: server.services.counts["bodies.ended"] > 0)
        reading = [asyncio.create_task(each.reader.readline()) for each in slow]
        done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
        ended = next(iter(done)).result()
        status = await result.finish()

    assert b"HTTP/1.1 200 OK\r\n" == status
    assert ended.startswith(b"HTTP/1.1 408 ")


@pytest.mark.usefixtures("_impatient")
async def test_slow_reader(server: LocalServer) -> None:
    """
    So are answers that are hardly read, when a program's body is refused.
    """
    await server.enqueue()
    await server.poll()
    await server.post_result(b'{"response":"' + b"x" * HALF + b'"}')
    command = (await server.api("GET", "/commands")).json()["items"][0]["id"]
    head = f"GET /api/v1/commands/{command}/result HTTP/1.1\r\nHost: x\r\n"
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        _, writer = await stack.enter_async_context(server.connect())
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(f"{head}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        under_way = server.services.body_budget.transfers._under_way
        await wait_until(lambda: len(under_way) == 1)
        async with uploads(server, (PROGRAM, HALF)) as (program,):
            answer = await program.reader.readline()
        await wait_until(lambda: not under_way)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert 1 == server.services.counts["bodies.ended"]


@pytest.mark.parametrize("more", [0, 1])
async def test_file(tmp_path: Path, more: int) -> None:
    """
    More than a mebibyte is in a file that has no name, and comes back as it was.
    """
    spool, piece = Spool(tmp_path, SpoolMemory(MAX_PIECES)), bytes(range(256)) * 256
    for _ in range(MAX_IN_MEMORY // len(piece)):
        await spool.write(piece)
    await spool.write(b"x" * more)

    assert bool(more) == spool.is_file
    assert [] == files_in(tmp_path)
    assert piece * 16 + b"x" * more == await spool.take()
    spool.close()


@pytest.mark.parametrize("size", [2, 1023, 1024, 5000])
async def test_small_pieces(tmp_path: Path, size: int) -> None:
    """
    Bytes that come by twos take little more memory than they are, and stay in order.
    """
    spool = Spool(tmp_path, SpoolMemory(MAX_PIECES))
    sent = bytes(range(250)) * 200
    tracemalloc.start()
    try:
        for start in range(0, len(sent), size):
            await spool.write(sent[start : start + size])
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert taken < 2 * len(sent)
    assert sent == await spool.take()
    spool.close()


@pytest.mark.parametrize("more", [0, 1])
async def test_shared_memory(tmp_path: Path, more: int) -> None:
    """
    What spools hold together stays within their memory; the next one is in a file.
    """
    memory = SpoolMemory(3 * FREE_BYTES)
    first, second, short = (Spool(tmp_path, memory) for _ in range(3))
    await first.write(b"a" * 2 * FREE_BYTES)
    await second.write(b"b" * FREE_BYTES)
    await short.write(b"c" * FREE_BYTES)
    assert 2 * FREE_BYTES == memory.taken

    await second.write(b"b" * more)

    assert [False, bool(more), False] == [s.is_file for s in (first, second, short)]
    await second.write(b"b" * MAX_IN_MEMORY)
    assert 2 * FREE_BYTES == memory.taken
    assert FREE_BYTES + more + MAX_IN_MEMORY == len(await second.take())
    for spool in (first, second, short):
        spool.close()
        spool.close()
    assert 0 == memory.taken


async def test_stalled_bodies(server: LocalServer) -> None:
    """
    Bodies that stall take no more memory than is for them, and are taken whole later.
    """
    memory = server.services.body_budget.memory
    memory.limit = 3 * FREE_BYTES
    size = 2 * FREE_BYTES
    requests = [(RESULT.format(n), size) for n in range(4)]
    async with uploads(server, *requests) as started:
        for upload in started:
            upload.writer.write(b'"response":"' + b"x" * (size - 100))
            await server.request("GET", "/healthz")
        await wait_until(lambda: memory.taken > 0)
        assert memory.taken <= memory.limit

        for upload in started:
            upload.writer.write(b"x" * 85 + b'"}')
            assert b"HTTP/1.1 200 OK\r\n" == await upload.reader.readline()

    await wait_until(lambda: memory.taken == 0)
    stored = await server.services.store.results(
        1, after=0, limit=9, device_id=None, orphan=None
    )
    assert {size} == {len(each.body) for each in stored}


async def test_disk_is_full(server: LocalServer, tmp_path: Path) -> None:
    """
    A result that cannot be kept is no success, and the device may post it again.
    """
    server.services.body_budget.folder = tmp_path / "gone"

    assert 503 == (await server.post_result(b" " * HALF)).status

    server.services.body_budget.folder = tmp_path
    assert (await server.post_result(b'{"response":{}}' + b" " * HALF)).is_empty
