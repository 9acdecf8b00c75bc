"""Tokens: made, shown once, listed, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pushserver.clock import SECOND, rfc3339
from pushserver.web.api import events
from tests.clock import START
from tests.each_case import each_case
from tests.web.event_stream import open_event_stream
from tests.web.local_server import ADMIN, LocalServer

READER = {"name": "reader", "permissions": ["results:read"]}


async def test_life(server: LocalServer) -> None:
    """
    A token works from its making until it is revoked; its secret is shown once.
    """
    answer = await server.api("POST", "/tokens", READER)
    token = answer.json()
    before = await server.api("GET", "/results", token=token["token"])
    listed = await server.api("GET", "/tokens")
    gone = await server.api("DELETE", f"/tokens/{token['id']}")
    after = await server.api("GET", "/results", token=token["token"])

    assert 201 == answer.status
    assert {
        "id",
        "scopeId",
        "name",
        "permissions",
        "createdAt",
        "createdBy",
        "token",
    } == set(token)
    assert ADMIN == token["createdBy"]
    assert token["token"].startswith("pst_")
    assert 200 == before.status
    assert token["token"] not in listed.body.decode()
    assert "reader" in [item["name"] for item in listed.json()["items"]]
    assert (204, b"") == (gone.status, gone.body)
    assert (401, "unauthorized", None) == after.problem


async def test_revoked_twice(server: LocalServer) -> None:
    """
    What is revoked is not there any more.
    """
    token = (await server.api("POST", "/tokens", READER)).json()
    await server.api("DELETE", f"/tokens/{token['id']}")

    again = await server.api("DELETE", f"/tokens/{token['id']}")

    assert (404, "not-found", None) == again.problem


@each_case(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer \x80\xff",
        "Basic YWRtaW46YWRtaW4=",
        "admin-of-the-tests",
        "Bearer admin-of-the-tests x",
        "Bearer ADMIN-OF-THE-TESTS",
    ],
)
async def test_not_valid(server: LocalServer, header: str) -> None:
    """
    An invalid token is 401, and the answer says what is required.
    """
    answer = await server.api(
        "GET", "/devices", token=None, headers={"Authorization": header}
    )

    assert (401, "unauthorized", None) == answer.problem
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_scheme_in_any_case(server: LocalServer) -> None:
    """
    The scheme's case does not matter.
    """
    headers = {"Authorization": "bearer admin-of-the-tests"}

    answer = await server.api("GET", "/devices", token=None, headers=headers)

    assert 200 == answer.status


async def test_no_more_than_oneself(server: LocalServer) -> None:
    """
    Nobody makes a token that may do more than their own.
    """
    maker = await server.create_token("tokens:write", "results:read")

    for permissions in (["admin"], ["results:read", "devices:write"]):
        body = {"name": "x", "permissions": permissions}
        answer = await server.api("POST", "/tokens", body, token=maker)
        assert (403, "forbidden", None) == answer.problem
    assert 201 == (await server.api("POST", "/tokens", READER, token=maker)).status


@each_case(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "x"}, "/permissions"),
        ({"name": "", "permissions": ["admin"]}, "/name"),
        ({"name": "x", "permissions": []}, "/permissions"),
        ({"name": "x", "permissions": ["root"]}, "/permissions/0"),
        ({"name": "x", "permissions": "admin"}, "/permissions"),
        ({"name": "x", "permissions": ["admin"], "token": "x"}, "/token"),
    ],
)
async def test_wrong_fields(server: LocalServer, body: Any, pointer: str) -> None:
    """
    A field that is wrong is named.
    """
    answer = await server.api("POST", "/tokens", body)

    assert (422, "invalid", pointer) == answer.problem


async def test_expiry(server: LocalServer) -> None:
    """
    A token is valid until its instant; the list says when that is, and when it was
    used last, to the minute.
    """
    until = server.clock.now() + SECOND
    request = {**READER, "expiresAt": rfc3339(until)}
    token = (await server.api("POST", "/tokens", request)).json()

    before = await server.api("GET", "/results", token=token["token"])
    server.clock.tick(seconds=1)
    after = await server.api("GET", "/results", token=token["token"])
    (listed,) = [
        each
        for each in (await server.api("GET", "/tokens")).json()["items"]
        if each["id"] == token["id"]
    ]

    assert 200 == before.status
    assert (401, "unauthorized", None) == after.problem
    assert rfc3339(until) == token["expiresAt"] == listed["expiresAt"]
    assert "lastUsedAt" not in token
    assert listed["lastUsedAt"].endswith(":00.000000Z")


async def set_clock(server: LocalServer, seconds: float) -> None:
    """Set the wall clock, and let the server notice."""
    server.clock.jump(seconds)
    for _ in range(2):
        await server.services.clock_watch.follow()


@pytest.mark.parametrize("wrong", [-3600, -3 * 365 * 86_400])
async def test_made_while_the_clock_was_wrong(
    server: LocalServer, wrong: float
) -> None:
    """
    A token ends when the clock shows what was said, and that is what is shown of it.
    """
    until = datetime.fromtimestamp(START / SECOND, UTC) + timedelta(seconds=60)
    await set_clock(server, wrong)
    body = {**READER, "expiresAt": until.isoformat()}
    made = (await server.api("POST", "/tokens", body)).json()
    await set_clock(server, -wrong)
    listed = (await server.api("GET", "/tokens")).json()["items"]
    before = await server.api("GET", "/results", token=made["token"])
    server.clock.tick(60)
    after = await server.api("GET", "/results", token=made["token"])

    assert (200, 401) == (before.status, after.status)
    (shown,) = [each["expiresAt"] for each in listed if each["id"] == made["id"]]
    assert until == datetime.fromisoformat(shown)


@pytest.mark.parametrize(("wrong", "expected"), [(3600, 401), (-3600, 200)])
async def test_while_the_clock_is_wrong(
    server: LocalServer, wrong: float, expected: int
) -> None:
    """
    A clock that is wrong ends a token early, until it is right, and never late.
    """
    until = datetime.fromtimestamp(START / SECOND, UTC) + timedelta(seconds=60)
    body = {**READER, "expiresAt": until.isoformat()}
    secret = (await server.api("POST", "/tokens", body)).json()["token"]
    statuses = []
    for jump, seconds in ((wrong, 0), (-wrong, 0), (wrong, 60)):
        await set_clock(server, jump)
        server.clock.tick(seconds)
        answer = await server.api("GET", "/results", token=secret)
        statuses.append(answer.status)

    assert [expected, 200, 401] == statuses


async def test_stream_ends_with_its_token(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A stream that is open ends when its token expires.
    """
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)
    request = {
        "name": "reader",
        "permissions": ["events:read"],
        "expiresAt": rfc3339(server.clock.now() + SECOND),
    }
    token = (await server.api("POST", "/tokens", request)).json()["token"]

    async with open_event_stream(server, token=token) as stream:
        server.clock.tick(seconds=1)
        while await stream.read_block():
            pass

    assert stream.response.content.at_eof()


@each_case(
    ("fields", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": " "}, "/name"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": "2999-01-01"}, "/expiresAt"),
        ({"deviceIds": []}, "/deviceIds"),
        ({"deviceIds": ["x"]}, "/deviceIds/0"),
        ({"tags": {}}, "/tags"),
    ],
)
async def test_limits_refused(
    server: LocalServer, fields: dict[str, Any], pointer: str
) -> None:
    """
    A token needs a name; limits that mean nothing are refused, not left out.
    """
    given = {**READER, **fields}
    request = {name: value for name, value in given.items() if value is not None}

    answer = await server.api("POST", "/tokens", request)

    assert (422, "invalid", pointer) == answer.problem


async def test_last_admin(server: LocalServer) -> None:
    """
    The last administrator's token of a scope is revoked with `force` alone.
    """
    scope = (await server.api("POST", "/scopes", {"name": "acme"})).json()["token"]
    (first,) = (await server.api("GET", "/tokens", token=scope)).json()["items"]

    path = f"/tokens/{first['id']}"
    refused = await server.api("DELETE", path, token=scope)
    forced = await server.api("DELETE", path + "?force=true", token=scope)

    assert (409, "conflict", None) == refused.problem
    assert 204 == forced.status
    assert 401 == (await server.api("GET", "/tokens", token=scope)).status
