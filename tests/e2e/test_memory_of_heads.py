"""Who has not said who he is takes little memory, however many connections he opens."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from pushserver.web.head_budget import FREE_BYTES, LONG_ROOM
from tests.e2e.raw_connection import connect
from tests.e2e.test_memory import MEBIBYTE, at_most
from tests.program import Program

pytestmark = pytest.mark.proof_on("postgres")
#: Connections that send at the same time, and what each of them takes in any case.
MANY, OF_EACH = 2000, 6 * 1024
#: What they take besides: what the garbage is that they make.
GARBAGE = 10 * MEBIBYTE
#: What long heads take in all: without a bound the least of them would take 78 MiB.
BOUND = LONG_ROOM + MANY * (OF_EACH + FREE_BYTES) + GARBAGE
LINE = b"GET /push?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
FIELD = b"X: %s\r\n" % (b"y" * 7_900)


@pytest.fixture(name="files", autouse=True)
def _files() -> Iterator[None]:
    """Let this process have a file for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MANY + 1000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "sent",
    [
        LINE + FIELD * 4,
        LINE + FIELD * 100,
        LINE + b"".join(b"%03x:ab\r\n" % each for each in range(125)),
        (LINE + FIELD + b"\r\n") * 30,
        LINE + FIELD * 3 + b"\r\n",
        LINE.replace(b"GET /push", b"POST /result")
        + b"Content-Length: 9\r\n"
        + FIELD * 3,
    ],
    ids=["parts", "too long", "many fields", "ahead", "idle", "stalled"],
)
async def test_heads(server: Program, sent: bytes) -> None:
    """
    Heads that have no end, and requests sent ahead, share a bounded part of it.
    """
    with at_most(server, BOUND):
        async with AsyncExitStack() as stack:
            for _ in range(MANY):
                _, writer = await stack.enter_async_context(connect(server))
                writer.write(sent)
            await ask(server)
            await ask(server)


async def test_answered(server: Program) -> None:
    """
    A connection that is idle holds nothing of what was answered: that took 26 MiB.
    """
    sent = LINE + FIELD[:2_500] + b"\r\n" + FIELD[:2_500] + b"\r\n\r\n"
    with at_most(server, MANY * OF_EACH + GARBAGE):
        async with AsyncExitStack() as stack:
            for _ in range(MANY):
                reader, writer = await stack.enter_async_context(connect(server))
                writer.write(sent)
                assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
            await ask(server)


async def ask(program: Program) -> None:
    """Make an everyday request, which is answered whoever else is there."""
    async with connect(program) as (reader, writer), asyncio.timeout(60):
        writer.write(LINE + b"\r\n")
        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
