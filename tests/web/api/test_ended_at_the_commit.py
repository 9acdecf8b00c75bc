"""What a call commits after its token, or its session, has ended: nothing more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.change_notice import ChangeNotice
from pushserver.services.batches import BATCH_SIZE
from pushserver.web import body_budget
from tests.clock import START, ManualClock
from tests.database_rows import every_row
from tests.web.api.test_ended_meanwhile import (
    session_of,
    statuses,
    under_way,
    unfinished_request,
)
from tests.web.local_server import DEVICE, LocalServer, running_server, wait_until

JSON = "application/json"


async def make_token(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Return a token that may do everything."""
    body = {"name": "own", "permissions": ["admin"], **fields}
    answer = await server.api("POST", "/tokens", body)
    assert 201 == answer.status, answer.body
    token: dict[str, Any] = answer.json()
    return token


async def test_an_import(server: LocalServer) -> None:
    """
    An import goes no further than the batch after which its token has expired.
    """
    until = datetime.fromtimestamp(START // SECOND, UTC) + timedelta(minutes=1)
    token = await make_token(server, expiresAt=until.isoformat())
    rows = "".join(f'{{"deviceId":"{i + 1}"}}\n' for i in range(3 * BATCH_SIZE))

    def expire(notice: ChangeNotice) -> None:
        server.clock.tick(60 * bool(notice.devices))

    server.services.store.feed.subscribe_to_all(expire)

    answer = await server.api(
        "POST",
        "/devices/import",
        rows.encode(),
        token=token["token"],
        headers={"Content-Type": "application/x-ndjson"},
    )
    listed = (await server.api("GET", "/devices?limit=1000")).json()["items"]

    assert (401, "unauthorized", None) == answer.problem
    assert BATCH_SIZE == len(listed)


async def test_in_a_line(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who loses the token while the call waits until fewer of it are decoded, is refused.
    """
    monkeypatch.setattr(body_budget, "MAX_DECODED", 0)
    token = await make_token(server)
    body = b'{"name": "evil"}' + b" " * body_budget.MAX_UNCOUNTED
    calling = asyncio.create_task(
        server.api("PUT", "/devices/77", body, token=token["token"])
    )
    places = server.services.body_budget._places
    await wait_until(lambda: int(token["id"]) in places)
    await server.api("DELETE", f"/tokens/{token['id']}")
    places[int(token["id"])].release()

    assert (401, "unauthorized", None) == (await calling).problem
    assert 404 == (await server.api("GET", "/devices/77")).status


async def log_out(server: LocalServer, secret: str) -> None:
    """End a session."""
    headers = {"Authorization": f"Bearer {secret}"}
    answer = await server.request("POST", "/v1/authentication/logout", headers=headers)
    assert 204 == answer.status


async def expire(server: LocalServer, _secret: str) -> None:
    """Let a session's half an hour be over."""
    server.clock.tick(1801)


#: What ends a session, but not its token.
ENDINGS = {"logged out": log_out, "expired": expire}


async def create_late(
    at: LocalServer, token: dict[str, Any], end: Callable[[str], Awaitable[None]]
) -> tuple[int, str, str | None]:
    """Create a device in a session that ends just before it is written."""
    session = await session_of(at, token["token"])
    turns = at.services.devices.write_lock
    async with turns:
        calling = asyncio.create_task(
            at.api("PUT", "/devices/77", {"name": "evil"}, token=session)
        )
        await wait_until(lambda: turns._line.count_of(int(token["id"])) == 1)
        await end(session)
    return (await calling).problem


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_session(server: LocalServer, ending: str) -> None:
    """
    So is who calls in a session that ends before the change is written.
    """
    token = await make_token(server)
    problem = await create_late(server, token, partial(ENDINGS[ending], server))

    assert (401, "unauthorized", None) == problem
    assert 404 == (await server.api("GET", "/devices/77")).status


async def test_nothing_is_remembered(server: LocalServer, database: str) -> None:
    """
    No Idempotency-Key is kept of a call that was refused so.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    token = await make_token(server)
    kind = f"{JSON}\r\nIdempotency-Key: k"
    requests = [
        unfinished_request(f"/api/v1{path}", kind, body, token["token"])
        for path, body in (
            (f"/devices/{DEVICE}/commands", b'{"endpoint": "reboot"}'),
            ("/tokens", b'{"name": "evil", "permissions": ["admin"]}'),
        )
    ]
    async with under_way(server, requests) as connections:
        await server.api("DELETE", f"/tokens/{token['id']}")
        answered = await statuses(connections, [rest for _, rest in requests])

    assert [401, 401] == answered
    assert "idempotency_key" not in {table for table, _ in every_row(database)}


@pytest.fixture(name="second_server")
async def _second_server(
    database: str, clock: ManualClock
) -> AsyncIterator[LocalServer]:
    """Return another server over the same database."""
    async with running_server(database, clock) as there:
        yield there


@pytest.mark.only_on("postgres")
async def test_at_another_server(
    server: LocalServer, second_server: LocalServer
) -> None:
    """
    So is who sends the rest to another server than the one that revoked the token.
    """
    token = await make_token(server)
    await second_server.services.cluster_sync.catch_up()
    body = b'{"name": "evil", "permissions": ["admin"]}'
    request = unfinished_request("/api/v1/tokens", JSON, body, token["token"])
    async with under_way(second_server, [request]) as connections:
        await server.api("DELETE", f"/tokens/{token['id']}")
        await second_server.services.cluster_sync.catch_up()
        answered = await statuses(connections, [request[1]])
    names = [e["name"] for e in (await server.api("GET", "/tokens")).json()["items"]]

    assert [401] == answered
    assert "evil" not in names


@pytest.mark.only_on("postgres")
async def test_a_session_at_another_server(
    server: LocalServer, second_server: LocalServer
) -> None:
    """
    At once so, if the session was ended at another server.
    """
    token = await make_token(server)
    await second_server.services.cluster_sync.catch_up()
    problem = await create_late(second_server, token, partial(log_out, server))

    assert (401, "unauthorized", None) == problem
    assert 404 == (await server.api("GET", "/devices/77")).status
