"""Whose token has ended by the time that a body is there decides nothing with it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from string import Template
from typing import TypeAlias

import pytest

from pushserver.web.api.route import ApiRoute
from tests.web.api.isolation import Rows, stored_rows
from tests.web.api.tenant import Tenant
from tests.web.api.test_restricted_tokens import populated
from tests.web.api.test_scope_isolation import (
    CHANGING,
    REQUESTS,
)
from tests.web.api.test_waits_end import ENDINGS
from tests.web.console.visitor import Visitor
from tests.web.local_server import DEVICE, LocalServer, wait_until

#: What ending a token itself changes.
OF_TOKENS = ("audit", "session", "token")
#: Everything that has a body.
WITH_BODY = [r for r in CHANGING if REQUESTS[r.name][0].body is not None]
Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(name="server")
def _server(server_of_all_faces: LocalServer) -> LocalServer:
    """Return a server of which every call can be tried."""
    return server_of_all_faces


def unsent_request(owner: Tenant, route: ApiRoute, secret: str) -> tuple[bytes, bytes]:
    """Return the head of a call, with the beginning of its body, and the rest."""
    template = REQUESTS[route.name][0]
    ids = {**owner.ids, "command_id": owner.ids[template.command]}
    ids |= {"task_id": ids[template.task], "upgrade_id": ids[template.upgrade]}
    path = route.path.format(**ids) + Template(f"?{template.query}").substitute(ids)
    body = Template(template.body or "").substitute(ids).encode()
    return unfinished_request(
        f"/api/v1{path}", template.kind, body, secret, route.method
    )


def unfinished_request(
    path: str, kind: str, body: bytes, secret: str, method: str = "POST"
) -> tuple[bytes, bytes]:
    """Return the head of a request, with the beginning of its body, and the rest."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    return head.encode() + body[:1], body[1:]


@asynccontextmanager
async def under_way(
    server: LocalServer, requests: Sequence[tuple[bytes, bytes]]
) -> AsyncIterator[Sequence[Connection]]:
    """Send the beginnings, and have each handled up to its body."""
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        connections = list[Connection]()
        for beginning, _ in requests:
            reader, writer = await stack.enter_async_context(server.connect())
            writer.write(beginning)
            await reader.readuntil(b"HTTP/1.1 100 Continue\r\n\r\n")
            connections.append((reader, writer))
        # Those that began before it are where they wait when this one is answered.
        await server.api("GET", "/devices")
        yield connections


async def statuses(
    connections: Sequence[Connection], rests: Sequence[bytes]
) -> list[int]:
    """Send the rests; return the status of each answer."""
    for (_, writer), rest in zip(connections, rests, strict=True):
        writer.write(rest)
    return [int((await reader.readline()).split()[1]) for reader, _ in connections]


async def rows_of_others(server: LocalServer, database: str) -> tuple[Rows, int]:
    """Return all that is stored but tokens, and how many of these there are."""
    rows = await stored_rows(server, database)
    others = {row: scope for row, scope in rows.items() if row[0] not in OF_TOKENS}
    return others, sum(row[0] == "token" for row in rows)


async def session_of(server: LocalServer, secret: str) -> str:
    """Return the secret of a session of the token."""
    body = f'{{"apiKey": "{secret}"}}'.encode()
    answer = await server.request(
        "POST",
        "/v1/authentication/apikey",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    session: str = answer.json()["tokenId"]
    return session


@pytest.mark.parametrize("ending", ENDINGS)
async def test_bodies(server: LocalServer, database: str, ending: str) -> None:
    """
    No call does anything whose token has ended, or whose session, before its body has.
    """
    owner = await populated(server)
    request = {"name": "gone", "permissions": ["admin"]}
    request["expiresAt"] = "2026-01-01T00:00:30Z"
    token = (await server.api("POST", "/tokens", request)).json()
    if ending == "logged out":
        token["token"] = await session_of(server, token["token"])
    requests = [unsent_request(owner, each, token["token"]) for each in WITH_BODY]

    async with under_way(server, requests) as connections:
        before = await rows_of_others(server, database)
        await ENDINGS[ending](server, token)
        answered = await statuses(connections, [rest for _, rest in requests])
    after = await rows_of_others(server, database)

    assert {route.name: 401 for route in WITH_BODY} == {
        route.name: status for route, status in zip(WITH_BODY, answered, strict=True)
    }
    assert before == after


async def test_in_a_line(server: LocalServer) -> None:
    """
    What waits behind another import is not done either if its token is gone by then.
    """
    secret = await server.create_token("devices:write")
    token_id = (await server.api("GET", "/tokens")).json()["items"][-1]["id"]
    lines = b"".join(b'{"deviceId":"%d"}\n' % number for number in range(3000))
    line = server.services.device_import._turns._turns._line
    async with server.services.device_import.turn():
        calling = asyncio.create_task(
            server.api(
                "POST",
                "/devices/import",
                lines,
                token=secret,
                headers={"Content-Type": "application/x-ndjson"},
            )
        )
        await wait_until(lambda: line.count_of(int(token_id)) == 1)
        await server.api("DELETE", f"/tokens/{token_id}")
    answer = await calling

    assert 401 == answer.status
    assert [] == (await server.api("GET", "/devices")).json()["items"]


async def test_of_kapua(server: LocalServer) -> None:
    """
    A list of Kapua's that is asked for in a body is not shown any more either.
    """
    secret = await server.create_token("devices:read")
    token_id = (await server.api("GET", "/tokens")).json()["items"][-1]["id"]
    request = unfinished_request(
        "/v1/_/devices/_query", "application/json", b"{}", secret
    )

    async with under_way(server, [request]) as connections:
        await server.api("DELETE", f"/tokens/{token_id}")
        answered = await statuses(connections, [request[1]])

    assert [401] == answered


async def test_of_the_console(server: LocalServer) -> None:
    """
    A form of somebody who has signed out meanwhile is not done.
    """
    visitor = Visitor(server)
    await visitor.sign_in()
    form, fields = "application/x-www-form-urlencoded", b"next="
    path = f"/console/devices/{DEVICE}/adopt"
    beginning, rest = unfinished_request(path, form, fields, "")
    own = f"POST {path} HTTP/1.1\r\nCookie: {visitor.cookie}\r\n"
    own += "Sec-Fetch-Site: same-origin\r\n"
    beginning = own.encode() + beginning.partition(b"\r\n")[2]

    async with under_way(server, [(beginning, rest)]) as connections:
        await visitor.send("/sign-out")
        answered = await statuses(connections, [rest])

    assert [401] == answered
    assert [] == (await server.api("GET", "/devices")).json()["items"]
