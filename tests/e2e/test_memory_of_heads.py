"""Who has not said who he is takes little memory, however many connections he opens."""

import asyncio
from contextlib import AsyncExitStack
from typing import cast

import pytest

from pushserver.web.head_budget import FREE_BYTES, HEAD_ROOM, LONG_ROOM
from pushserver.web.stranger_bounds import REQUEST_BYTES
from tests.e2e.raw_connection import connect
from tests.e2e.test_memory import MEBIBYTE, at_most
from tests.program import Program

pytestmark = [pytest.mark.proof_on("postgres"), pytest.mark.usefixtures("files")]
#: Connections that send at the same time, and what each of them takes in any case.
MANY, OF_EACH = 2000, 6 * 1024
#: What they take besides: what the garbage is that they make.
GARBAGE = 10 * MEBIBYTE
#: What long heads take in all: without a bound the least of them would take 78 MiB.
BOUND = LONG_ROOM + MANY * (OF_EACH + FREE_BYTES) + GARBAGE
#: Strangers whose requests wait at the same time, and what they take in all.
WAITING = 6000
FREE_OF_THOSE_WITH_ROOM = HEAD_ROOM // REQUEST_BYTES * FREE_BYTES
BOUND_OF_WAITING = HEAD_ROOM + FREE_OF_THOSE_WITH_ROOM + WAITING * OF_EACH + 2 * GARBAGE
LINE = b"GET /push?deviceId=77 HTTP/1.1\r\nHost: x\r\n"
FIELD = b"X: %s\r\n" % (b"y" * 7_900)
FIELDS = b"".join(b"X-%d: %s\r\n" % (each, b"y" * 20) for each in range(12))
#: The rest of a head, and of a body all but its end.
UNENDED = b"Host: x\r\nContent-Length: 4096\r\n\r\n" + b"[" * 4000
LOGIN = b"POST /v1/authentication/apikey HTTP/1.1\r\nContent-Type: application/json\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
SIGN_IN = b"/console/sign-in HTTP/1.1\r\n"
REFERENCE = b"GET /api/v1/docs HTTP/1.1\r\nHost: x\r\n\r\n"


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


@pytest.mark.parametrize(
    "sent",
    [
        LOGIN + UNENDED,
        LOGIN + FIELDS + UNENDED,
        b"POST " + SIGN_IN + FORM + b"Origin: http://x\r\n" + UNENDED,
        b"POST /nothing HTTP/1.1\r\n" + UNENDED,
        b"POST /result?deviceId=77&uuid=u HTTP/1.1\r\n" + UNENDED,
        (b"GET " + SIGN_IN + b"Host: x\r\n\r\n") * 8,
        (b"GET " + SIGN_IN.replace(b" ", b"?next=/%d ") + b"Host: x\r\n\r\n") * 8,
        REFERENCE * 8,
        LINE + b"Content-Length: 12000\r\n\r\n" + b"[" * 12_000,
    ],
    ids=[
        "login",
        "login with fields",
        "form",
        "unknown path",
        "result",
        "page",
        "pages that differ",
        "reference",
        "body that nobody reads",
    ],
)
async def test_waiting(server: Program, sent: bytes) -> None:
    """
    Requests of strangers that wait for the rest of a body, or for a reader, share it.
    """
    async with connect(server) as (reader, writer):
        writer.write(REFERENCE)
        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
    with at_most(server, BOUND_OF_WAITING):
        async with AsyncExitStack() as stack:
            for each in range(WAITING):
                _, writer = await stack.enter_async_context(connect(server))
                cast("asyncio.Transport", writer.transport).pause_reading()
                writer.write(sent.replace(b"%d", b"%d" % each))
            await ask(server)
            await ask(server)


@pytest.mark.parametrize(
    "sent",
    [LOGIN + UNENDED, b"POST " + SIGN_IN + FORM + UNENDED],
    ids=["login", "refused form"],
)
async def test_left(server: Program, sent: bytes) -> None:
    """
    Nothing is left of strangers who leave in the middle: that took 100 MiB, and more
    with each of them.
    """
    with at_most(server, BOUND_OF_WAITING):
        for _ in range(6):
            async with AsyncExitStack() as stack:
                for _ in range(MANY):
                    _, writer = await stack.enter_async_context(connect(server))
                    writer.write(sent)
                # Collections take place meanwhile: what there is is old then.
                for _ in range(3):
                    await ask(server)


async def ask(program: Program) -> None:
    """Make an everyday request, which is answered whoever else is there."""
    async with connect(program) as (reader, writer), asyncio.timeout(60):
        writer.write(LINE + b"\r\n")
        assert b"HTTP/1.1 200 OK\r\n" == await reader.readline()
