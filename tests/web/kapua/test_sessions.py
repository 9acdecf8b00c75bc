"""The sessions of Kapua's clients: from a login with a token to its end."""

import base64
import json
import re
import uuid
from typing import Any

import attrs

from pushserver.model.session import MAX_SESSIONS
from tests.each_case import each_case
from tests.web.event_stream import open_event_stream
from tests.web.kapua.client import KapuaClient, KapuaOperation, kapua_id
from tests.web.local_server import DEVICE, LocalServer

#: Of Kapua's description, word for word.
JWT = re.compile(r"^[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.?[A-Za-z0-9-_.+/=]*$")
LOGIN, REFRESH = "/authentication/apikey", "/authentication/refresh"
LOGOUT, INFO = "/authentication/logout", "/authentication/info"
HALF_AN_HOUR, FIVE_HOURS = 1800, 5 * 3600
Json = dict[str, Any]


def login_with(secret: str) -> dict[str, dict[str, Any]]:
    """Return both logins with a secret."""
    return {
        LOGIN: {"apiKey": secret},
        "/authentication/user": {"username": "kapua-sys", "password": secret},
    }


async def log_in(kapua: KapuaClient, secret: str | None) -> Json:
    """Return the session that a token's secret gives."""
    nobody = attrs.evolve(kapua, token=None)
    answer = await nobody.request("POST", LOGIN, {"apiKey": secret})
    assert 200 == answer.status, answer.body
    session: Json = answer.json()
    return session


def with_session(kapua: KapuaClient, session: Json) -> KapuaClient:
    """Return a client that has logged in."""
    return attrs.evolve(kapua, token=session["tokenId"])


async def status_of(kapua: KapuaClient, session: Json) -> int:
    """Return the status of a call with a session; 401s are empty."""
    answer = await with_session(kapua, session).request("GET", INFO)
    assert (401 == answer.status) == (b"" == answer.body)
    return answer.status


async def refresh(kapua: KapuaClient, session: Json, **other: str) -> tuple[int, Json]:
    """Refresh a session, with other secrets if given; return what came of it."""
    names = ("tokenId", "refreshToken")
    body = {name: session[name] for name in names} | other
    answer = await attrs.evolve(kapua, token=None).request("POST", REFRESH, body)
    return answer.status, answer.json() if answer.body else {}


async def audit(server: LocalServer, action: str) -> list[Json]:
    """Return the entries of sessions in the audit, newest first."""
    entries = (await server.api("GET", f"/audit?action=session.{action}")).json()
    items: list[Json] = entries["items"]
    return items


async def test_login(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A token is taken as key and as password; the session that comes back works."""
    token_request = {"name": "of a client", "permissions": ["operations:read"]}
    created = (await kapua.server.api("POST", "/tokens", token_request)).json()
    own = kapua_id(int(created["id"]))
    nobody = attrs.evolve(kapua, token=None)
    for path, body in login_with(created["token"]).items():
        answer = await nobody.request("POST", path, body)
        session = answer.json()
        client = with_session(kapua, session)

        assert 200 == answer.status
        assert ("accessToken", "AQ", own, own) == (
            session["type"],
            session["scopeId"],
            session["userId"],
            session["createdBy"],
        )
        assert "2026-01-01T00:00:01.000Z" == session["createdOn"]
        assert "2026-01-01T00:30:01.000Z" == session["expiresOn"]
        assert "2026-01-01T05:00:01.000Z" == session["refreshExpiresOn"]
        assert str(uuid.UUID(session["refreshToken"])) == session["refreshToken"]
        assert [operation.id] == await client.ids(operation.operations)


async def test_jwt(kapua: KapuaClient) -> None:
    """What a session is called is a JWT that says whose it is, and until when."""
    session = await log_in(kapua, kapua.token)
    token_id = session["tokenId"]
    header, claims, signature = (
        base64.urlsafe_b64decode(part + "==") for part in token_id.split(".")
    )

    assert JWT.fullmatch(token_id)
    assert {"alg": "HS256"} == json.loads(header)
    assert {
        "iss": "pushserver",
        "iat": 1767225600,
        "exp": 1767225600 + HALF_AN_HOUR,
        "sub": session["userId"],
        "sId": "AQ",
    } == json.loads(claims)
    assert 32 == len(signature)
    assert token_id != (await log_in(kapua, kapua.token))["tokenId"]


async def test_other_face(kapua: KapuaClient, server: LocalServer) -> None:
    """A session may do over the API what its token may, and no more."""
    secret = await server.create_token("devices:read")
    session = await log_in(kapua, secret)
    token = session["tokenId"]

    assert 200 == (await server.api("GET", "/devices", token=token)).status
    assert 403 == (await server.api("GET", "/commands", token=token)).status


async def test_makes_nothing_that_lasts_longer(
    kapua: KapuaClient, server: LocalServer
) -> None:
    """Whoever has a session only makes no token, and no session, that outlives it."""
    session = await log_in(kapua, kapua.token)
    request = {"name": "x", "permissions": ["devices:read"]}
    made = await server.api("POST", "/tokens", request, token=session["tokenId"])
    nobody = attrs.evolve(kapua, token=None)
    again = await nobody.request("POST", LOGIN, {"apiKey": session["tokenId"]})

    assert 403 == made.status
    assert (401, b"") == (again.status, again.body)


async def test_stream_ends(kapua: KapuaClient, server: LocalServer) -> None:
    """A stream that was opened with a session ends when that would have expired."""
    session = await log_in(kapua, kapua.token)
    async with open_event_stream(server, token=session["tokenId"]) as stream:
        await server.api("PUT", f"/devices/{DEVICE}", {})
        await server.enqueue()
        first = await stream.next_data()
        server.clock.tick(seconds=HALF_AN_HOUR)
        await server.enqueue()

        assert "PENDING" == first["state"]
        assert {} == await stream.read_block()


async def test_expires(kapua: KapuaClient, server: LocalServer) -> None:
    """A session is valid for half an hour."""
    session = await log_in(kapua, kapua.token)
    server.clock.tick(seconds=HALF_AN_HOUR - 1)
    assert 200 == await status_of(kapua, session)
    server.clock.tick(seconds=1)

    assert 401 == await status_of(kapua, session)


async def test_ends_with_its_token(kapua: KapuaClient, server: LocalServer) -> None:
    """A session ends when its token expires or is revoked, and stays so."""
    expiry = {
        "name": "x",
        "permissions": ["admin"],
        "expiresAt": "2026-01-01T00:10:00Z",
    }
    short = (await server.api("POST", "/tokens", expiry)).json()
    revoked = (await server.api("POST", "/tokens", expiry)).json()
    ending = await log_in(kapua, short["token"])
    ended = await log_in(kapua, revoked["token"])
    await server.api("DELETE", f"/tokens/{revoked['id']}")

    assert 401 == await status_of(kapua, ended)
    assert (401, {}) == await refresh(kapua, ended)
    assert 200 == await status_of(kapua, ending)
    assert (
        ending["expiresOn"] == ending["refreshExpiresOn"] == "2026-01-01T00:10:00.000Z"
    )
    server.clock.tick(seconds=600)
    assert 401 == await status_of(kapua, ending)
    assert (401, {}) == await refresh(kapua, ending)


async def test_logout(kapua: KapuaClient, server: LocalServer) -> None:
    """A logout ends its session alone; the token and other sessions stay."""
    session, other = (
        await log_in(kapua, kapua.token),
        await log_in(kapua, kapua.token),
    )
    answer = await with_session(kapua, session).request("POST", LOGOUT)
    again = await with_session(kapua, session).request("POST", LOGOUT)

    assert (204, b"") == (answer.status, answer.body)
    assert (401, b"") == (again.status, again.body)
    assert 401 == await status_of(kapua, session)
    assert (401, {}) == await refresh(kapua, session)
    assert 200 == await status_of(kapua, other)
    assert 200 == (await server.api("GET", "/devices")).status


async def test_logout_of_a_token(kapua: KapuaClient, server: LocalServer) -> None:
    """A token is not ended by a logout, which says so: it is none of one session."""
    error = await kapua.error("POST", LOGOUT)

    assert ("illegalArgumentExceptionInfo", 400) == (
        error["type"],
        error["httpErrorCode"],
    )
    assert 200 == (await server.api("GET", "/devices")).status


async def test_refresh(kapua: KapuaClient, server: LocalServer) -> None:
    """A refresh gives new secrets and another half hour; the old ones are void."""
    session = await log_in(kapua, kapua.token)
    server.clock.tick(seconds=FIVE_HOURS - 1)
    status, new = await refresh(kapua, session)

    assert 200 == status
    assert session["id"] == new["id"]
    assert session["createdOn"] == new["createdOn"]
    assert "2026-01-01T04:59:59.000Z" == new["modifiedOn"]
    assert "2026-01-01T05:29:59.000Z" == new["expiresOn"]
    assert "2026-01-01T09:59:59.000Z" == new["refreshExpiresOn"]
    assert JWT.fullmatch(new["tokenId"])
    assert 200 == await status_of(kapua, new)
    assert 401 == await status_of(kapua, session)
    assert (401, {}) == await refresh(kapua, session)
    assert 200 == (await refresh(kapua, new))[0]


async def test_refresh_too_late(kapua: KapuaClient, server: LocalServer) -> None:
    """After five hours nothing but a login helps."""
    session = await log_in(kapua, kapua.token)
    server.clock.tick(seconds=FIVE_HOURS)

    assert (401, {}) == await refresh(kapua, session)


async def test_forgotten(kapua: KapuaClient, server: LocalServer) -> None:
    """What can neither be used nor refreshed any more is deleted, and nothing else."""
    await log_in(kapua, kapua.token)
    server.clock.tick(seconds=1)
    session = await log_in(kapua, kapua.token)
    server.clock.tick(seconds=FIVE_HOURS - 1)

    assert 1 == await server.services.sessions.purge()
    assert 200 == (await refresh(kapua, session))[0]


async def test_refresh_needs_both(kapua: KapuaClient) -> None:
    """A refresh takes both secrets of one session, and a wrong one changes nothing."""
    session = await log_in(kapua, kapua.token)
    other = await log_in(kapua, kapua.token)
    wrong = str(uuid.uuid4())

    assert (401, {}) == await refresh(kapua, session, refreshToken=wrong)
    crossed = other["refreshToken"]
    assert (401, {}) == await refresh(kapua, session, refreshToken=crossed)
    assert (401, {}) == await refresh(kapua, session, tokenId="a.b.c")
    assert (401, {}) == await refresh(kapua, session, tokenId=str(kapua.token))
    assert 200 == await status_of(kapua, session)
    upper = session["refreshToken"].upper()
    assert 200 == (await refresh(kapua, session, refreshToken=upper))[0]


async def test_info(kapua: KapuaClient, server: LocalServer) -> None:
    """A session shows itself, without what only a refresh needs, and what it may do."""
    secret = await server.create_token(
        "devices:read", "operations:write", "results:read"
    )
    session = await log_in(kapua, secret)
    info = await with_session(kapua, session).get(INFO)
    del session["refreshToken"]

    assert {
        "type": "loginInfo",
        "accessToken": session,
        "accessPermission": [
            {
                "type": "accessPermission",
                "scopeId": "AQ",
                "permission": {
                    "domain": domain,
                    "action": action,
                    "targetScopeId": "AQ",
                    "forwardable": False,
                },
            }
            for domain, action in (
                ("device", "read"),
                ("device_management_registry", "write"),
            )
        ],
    } == info


async def test_info_of_a_token(kapua: KapuaClient) -> None:
    """A token that nobody logged in with shows itself, and is no JWT."""
    info = await kapua.get(INFO)

    assert "tokenId" not in info["accessToken"]
    assert "AA" == info["accessToken"]["userId"]
    assert ("*", "*") == (
        info["accessPermission"][0]["permission"]["domain"],
        info["accessPermission"][0]["permission"]["action"],
    )


async def test_audit(kapua: KapuaClient, server: LocalServer) -> None:
    """Each login, refresh and logout is in the audit, with whose session it was."""
    session = await log_in(kapua, kapua.token)
    _, new = await refresh(kapua, session)
    await with_session(kapua, new).request("POST", LOGOUT)

    for action in ("create", "refresh", "end"):
        (entry,) = await audit(server, action)
        assert ("session", session["id"]) == (
            entry["target"]["kind"],
            kapua_id(int(entry["target"]["id"])),
        )
        assert ("PUSHSERVER_ADMIN_TOKEN", "127.0.0.1") == (
            entry["actor"]["name"],
            entry["address"],
        )
        assert entry["requestId"]
        assert "detail" not in entry


async def test_refused_is_not_kept(kapua: KapuaClient, server: LocalServer) -> None:
    """What was refused is not in the audit."""
    session = await log_in(kapua, kapua.token)
    await refresh(kapua, session, refreshToken=str(uuid.uuid4()))
    await kapua.request("POST", LOGOUT)

    assert [] == await audit(server, "refresh")
    assert [] == await audit(server, "end")


async def test_oldest_ends(kapua: KapuaClient) -> None:
    """Of too many sessions of a token the oldest ends; others' stay."""
    other = await log_in(kapua, await kapua.server.create_token("devices:read"))
    first, second, *rest = [
        await log_in(kapua, kapua.token) for _ in range(MAX_SESSIONS + 1)
    ]

    assert 401 == await status_of(kapua, first)
    assert [200, 200, 200] == [
        await status_of(kapua, each) for each in (second, rest[-1], other)
    ]


async def test_wrong_secret(kapua: KapuaClient) -> None:
    """A wrong secret is 401 with an empty body."""
    for secret in ("pst_wrong", "", " ", "é", "a.b.c"):
        for path, body in login_with(secret).items():
            answer = await kapua.request("POST", path, body)
            assert (401, b"") == (answer.status, answer.body)


@each_case(
    "body",
    [b"", b"x", b"[]", b"{}", {"apiKey": 1, "password": 2}, {"username": "admin"}],
)
async def test_no_secret(kapua: KapuaClient, body: Any) -> None:
    """A login without a secret is 400, which names the field and shows nothing."""
    names = {"apikey": "apiKey", "user": "password", "refresh": "refreshToken"}
    for path, name in names.items():
        error = await kapua.error("POST", f"/authentication/{path}", body)
        assert ("illegalArgumentExceptionInfo", name, "") == (
            error["type"],
            error["argumentName"],
            error["argumentValue"],
        )
