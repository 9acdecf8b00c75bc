"""Nobody holds the event loop with bytes that are no request, or one without an end."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import aiohttp
import pytest

from tests.e2e.lag_watch import LagWatch, now, watching
from tests.e2e.raw_connection import connect
from tests.e2e.test_loop_lag import MAX_LAG, TRIES, adopt
from tests.program import Program

pytestmark = pytest.mark.proof_on("postgres")
#: Bytes of each run: more than is read at once.
SIZE = 300_000
#: So many connections send at the same time.
MANY = 60
#: What is sent again and again.
RUNS = (b"\r\n", b"\r", b"\n", b" ", b"1\r\n1\r\n", b"a:b\r\n")
HEALTHZ = b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def heads(program: Program) -> Sequence[bytes]:
    """Return what comes first: of a stranger, of devices, and of programs."""
    token = program.token.encode()
    result = b"POST /result?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
    call = b"POST /api/v1/devices/77/commands HTTP/1.1\r\nHost: x\r\n"
    json = b"Content-Type: application/json\r\n"
    length = b"Content-Length: %d\r\n\r\n" % SIZE
    return (
        b"",
        result,
        result + length,
        result + b"Transfer-Encoding: chunked\r\n\r\n",
        call + json + length,
        call + json + b"Authorization: Bearer %s\r\n" % token + length,
    )


async def send_run(program: Program, head: bytes, run: bytes) -> None:
    """Send a head and a run, until the server answers, or closes the connection."""
    async with connect(program) as (reader, writer):
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(5):
                writer.write(head + run * (SIZE // len(run)))
                await writer.drain()
                writer.write_eof()
                await reader.read(1)


async def worst_lag(watch: LagWatch, program: Program, start: float) -> float:
    """Return how long others have waited since *start*, at the worst."""
    end = now()
    async with connect(program) as (reader, writer):
        # What waited until the end is known when what began after it is.
        while watch.newest < end:
            writer.write(HEALTHZ)
            await reader.readuntil(b"\r\n\r\n")
    return watch.worst_since(start)


async def find_lags(watch: LagWatch, program: Program, run: bytes) -> list[float]:
    """Return how long others waited, at the worst of each try; until one is good."""
    lags: list[float] = []
    while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
        start = now()
        for head in heads(program):
            await send_run(program, head, run)
        lags.append(await worst_lag(watch, program, start))
    return lags


async def test_runs(program: Program) -> None:
    """No run of short bytes holds the others up, whoever sends it, and where."""
    program.start(fast_lane=True)
    async with aiohttp.ClientSession() as session:
        await adopt(session, program, "77")
    with watching(program) as watch:
        lags = {run: await find_lags(watch, program, run) for run in RUNS}

    assert {} == {run: each for run, each in lags.items() if min(each) >= MAX_LAG}


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(b"1\r\na\r\n", id="refused"),
        pytest.param(b"40\r\n%s\r\n" % (b"a" * 64), id="taken"),
    ],
)
async def test_many_connections(program: Program, run: bytes) -> None:
    """
    Many that send short chunks hold nobody up, though all is there at the same time.
    """
    program.start(fast_lane=True)
    head = b"POST /result?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    async with aiohttp.ClientSession() as session:
        await adopt(session, program, "77")
    lags: list[float] = []
    with watching(program) as watch:
        while not lags or (min(lags) >= MAX_LAG and len(lags) < TRIES):
            start = now()
            async with AsyncExitStack() as stack:
                connections = [
                    await stack.enter_async_context(connect(program))
                    for _ in range(MANY)
                ]
                for _, writer in connections:
                    writer.write(head)
                await worst_lag(watch, program, start)
                # What is sent meanwhile is read in one turn of its event loop.
                program.send(signal.SIGSTOP)
                for _, writer in connections:
                    writer.write(run * (SIZE // len(run)))
                program.send(signal.SIGCONT)
                lags.append(await worst_lag(watch, program, start))

    assert min(lags) < MAX_LAG
