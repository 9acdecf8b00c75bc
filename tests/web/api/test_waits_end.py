"""Calls that wait, and streams, end with their token and with what it reaches."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.web.api import token_life
from tests.clock import START
from tests.web.event_stream import open_event_stream
from tests.web.local_server import (
    DEVICE,
    LOAD_USERS,
    LocalServer,
    Response,
    wait_until,
)

GATE = {"gate": "1"}
#: Each way to wait; the command has been enqueued before.
WAITS = {
    "command": ("GET", "/commands/{id}?wait=60", None, {}),
    "results": ("GET", "/results?wait=60", None, {}),
    "enqueue": (
        "POST",
        f"/devices/{DEVICE}/commands",
        LOAD_USERS,
        {"Prefer": "wait=60"},
    ),
    "operation": (
        "POST",
        "/operations",
        {"deviceId": str(DEVICE), "steps": [LOAD_USERS]},
        {"Prefer": "wait=60"},
    ),
}
Ending = Callable[[LocalServer, dict[str, Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits looks at its token more often than once a second."""
    monkeypatch.setattr(token_life, "CHECK_INTERVAL", 0.01)


async def revoke(server: LocalServer, token: dict[str, Any]) -> None:
    """Revoke the token."""
    await server.api("DELETE", f"/tokens/{token['id']}")


async def expire(server: LocalServer, _token: dict[str, Any]) -> None:
    """Let the token's time be over."""
    server.clock.tick(60)


async def log_out(server: LocalServer, token: dict[str, Any]) -> None:
    """End the session, if it is one."""
    headers = {"Authorization": f"Bearer {token['token']}"}
    await server.request("POST", "/v1/authentication/logout", headers=headers)


ENDINGS: dict[str, Ending] = {
    "revoked": revoke,
    "expired": expire,
    "logged out": log_out,
}


async def make_token(server: LocalServer) -> dict[str, Any]:
    """Make a token for the device, while that has its tag, and for a minute."""
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": GATE})
    until = datetime.fromtimestamp(START // SECOND, UTC) + timedelta(minutes=1)
    permissions = ["commands:read", "commands:write", "results:read", "events:read"]
    permissions += ["operations:read", "operations:write"]
    body = {
        "name": "gate",
        "permissions": permissions,
        "tags": GATE,
        "expiresAt": until.isoformat(),
    }
    answer = await server.api("POST", "/tokens", body)
    assert 201 == answer.status, answer.body
    token: dict[str, Any] = answer.json()
    return token


async def credentials(server: LocalServer, ending: str) -> dict[str, Any]:
    """Return a token; or a session in its place, if that is what ends."""
    token = await make_token(server)
    if ending == "logged out":
        answer = await server.request(
            "POST",
            "/v1/authentication/apikey",
            data=json.dumps({"apiKey": token["token"]}),
            headers={"Content-Type": "application/json"},
        )
        token["token"] = answer.json()["tokenId"]
    return token


async def begin(
    server: LocalServer, token: dict[str, Any], way: str
) -> "asyncio.Task[Response]":
    """Begin to wait in one of the ways."""
    method, path, body, headers = WAITS[way]
    command = await server.enqueue(LOAD_USERS)
    calling = asyncio.create_task(
        server.api(
            method,
            path.format(id=command["id"]),
            body,
            token=token["token"],
            headers=headers,
        )
    )
    await wait_until(lambda: server.services.wait_bounds.waiting_count == 1)
    return calling


@pytest.mark.parametrize("way", WAITS)
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_wait(server: LocalServer, way: str, ending: str) -> None:
    """
    Who waits with a token or session that has ended is told so, and not how it went.
    """
    token = await credentials(server, ending)
    calling = await begin(server, token, way)

    await ENDINGS[ending](server, token)
    async with asyncio.timeout(15):
        answer = await calling

    assert (401, "unauthorized", None) == answer.problem


@pytest.mark.parametrize("way", ["command", "enqueue", "operation"])
async def test_out_of_reach(server: LocalServer, way: str) -> None:
    """
    Nor is told how it went who no longer reaches the device by then.
    """
    token = await make_token(server)
    calling = await begin(server, token, way)

    await server.api("PATCH", f"/devices/{DEVICE}", {"tags": {}})
    await server.api("DELETE", f"/devices/{DEVICE}/commands")
    async with asyncio.timeout(15):
        answer = await calling

    assert (404, "not-found", None) == answer.problem


async def test_results_out_of_reach(server: LocalServer) -> None:
    """
    A list of results that waits has none of a device that lost its tags meanwhile.
    """
    token = await make_token(server)
    calling = asyncio.create_task(
        server.api("GET", "/results?wait=1", token=token["token"])
    )
    await wait_until(lambda: server.services.wait_bounds.waiting_count == 1)

    await server.api("PATCH", f"/devices/{DEVICE}", {"tags": {}})
    await server.post_result(b'{"response": {"name": "zoe"}}')

    assert [] == (await calling).json()["items"]


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_stream(server: LocalServer, ending: str) -> None:
    """
    A stream ends with its token, or its session, although nothing happens.
    """
    token = await credentials(server, ending)
    query = "events=command.status"
    async with open_event_stream(server, query, token=token["token"]) as stream:
        await stream.read_block()
        await ENDINGS[ending](server, token)

        async with asyncio.timeout(15):
            while await stream.read_block():
                pass

    assert stream.response.content.at_eof()
