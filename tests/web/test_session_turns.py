"""What comes with a session takes its token's turns, and little is kept of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.web import request_starts
from pushserver.web.request_starts import STRANGERS
from tests.web.console.visitor import Visitor
from tests.web.local_server import LocalServer, wait_until
from tests.web.test_request_starts import HERE, asking, connected, held

#: Begins a session with a token; returns the header that has it.
Begin = Callable[[LocalServer, str], Awaitable[str]]


async def log_in(server: LocalServer, token: str) -> str:
    """Log in as Kapua's clients do; return the header that has the session."""
    answer = await server.request(
        "POST", "/v1/authentication/apikey", json={"apiKey": token}
    )
    return f"Authorization: Bearer {answer.json()['tokenId']}"


async def sign_in(server: LocalServer, token: str) -> str:
    """Sign in as people do at the console; return the header that has the session."""
    visitor = Visitor(server)
    await visitor.sign_in(token)
    return f"Cookie: {visitor.cookie}"


async def call(server: LocalServer, path: str, headers: str) -> bytes:
    """Call with these headers; return the status."""
    async with connected(server, HERE) as calls:
        await calls.make([asking(path, headers=f"{headers}\r\n")])
    return calls.answers[0][1]


async def waiting_in(server: LocalServer, path: str, headers: str) -> list[int]:
    """Call while all wait; return how many do of the scope, and of strangers."""
    starts = server.services.request_starts
    async with connected(server, HERE) as calls, asyncio.TaskGroup() as group:
        with held(starts):
            group.create_task(calls.make([asking(path, headers=f"{headers}\r\n")]))
            await wait_until(lambda: starts._waiting == 1)
            groups = DEFAULT_SCOPE_ID, STRANGERS
            counts = [starts._line.count_of(each) for each in groups]
    return counts


def with_others(session: str, number: int) -> str:
    """Return the header of a session beside others, which this number makes odd."""
    name, value = session.split(": ")
    if name == "Cookie":
        return f"Cookie: other={number}; {value}\r\nAuthorization: {number}"
    spaces = " " * number
    return f"{name}: {value.replace(' ', ' ' + spaces)}\r\nCookie: other={number}"


BOTH_WAYS = pytest.mark.parametrize(
    ("begin", "path"),
    [(log_in, "/v1/authentication/info"), (sign_in, "/console/devices")],
)


@BOTH_WAYS
async def test_turns(server: LocalServer, begin: Begin, path: str) -> None:
    """
    What comes with a session has its token's turn, once something has come with it,
    whatever else its headers say; and no more once its token is revoked.
    """
    token = await server.create_token("devices:read")
    session, tokens = await begin(server, token), server.services.tokens
    before = await waiting_in(server, path, session)
    after = await waiting_in(server, path, with_others(session, 1))
    await tokens.revoke(DEFAULT_SCOPE_ID, tokens.authenticate(f"Bearer {token}").id)
    revoked = await waiting_in(server, path, session)

    assert ([0, 1], [1, 0], [0, 1]) == (before, after, revoked)


@BOTH_WAYS
async def test_other_headers(server: LocalServer, begin: Begin, path: str) -> None:
    """
    A session is remembered once, and none of the headers that it comes with.
    """
    session = await begin(server, await server.create_token("devices:read"))
    for number in range(3):
        await call(server, path, with_others(session, number))

    assert [64] == [len(each) for each in server.services.request_starts._sessions]


async def test_many_sessions(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As many sessions are remembered as the bound says: one more, and the one is
    forgotten that was used least lately.
    """
    monkeypatch.setattr(request_starts, "_MAX_SESSIONS", 2)
    path = "/v1/authentication/info"
    token = await server.create_token("devices:read")
    sessions = [await log_in(server, token) for _ in range(3)]
    for number in (0, 1, 0):
        await call(server, path, sessions[number])
    two = [await waiting_in(server, path, each) for each in sessions[:2]]
    await call(server, path, sessions[0])
    await call(server, path, sessions[2])
    three = [await waiting_in(server, path, sessions[each]) for each in (0, 2, 1)]

    assert [[1, 0]] * 2 == two
    assert [[1, 0], [1, 0], [0, 1]] == three
