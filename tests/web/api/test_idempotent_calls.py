"""Idempotency-Key of every call that makes something, not of an enqueue alone."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from pushserver.errors import (
    Busy,
    IdempotencyUnknown,
    Invalid,
    LimitReached,
    NotFound,
    PushServerError,
    TooMany,
    Unavailable,
)
from pushserver.model.idempotency import IdempotencyKey, seal, unseal
from pushserver.services.idempotency import IdempotentRequest
from pushserver.web.api import ROUTES
from tests.database_rows import every_row
from tests.each_case import each_case
from tests.web.api.conftest import flush_last_seen
from tests.web.api.operations import create_operation
from tests.web.api.upgrades import create_upgrade
from tests.web.local_server import DEVICE, LOAD_USERS, TOKEN, LocalServer, Response

KEY = {"Idempotency-Key": "k1"}
#: What changes something that is there, and the second time nothing any more.
MAKES_NOTHING = {
    "adoptDevice",
    "cancelCommands",
    "cancelOperation",
    "cancelTask",
    "cancelUpgrade",
    "disableSubscription",
    "enableSubscription",
    "keepBlob",
    "pauseTask",
    "pauseUpgrade",
    "pingSubscription",
    "purge",
    "releaseCommand",
    "resumeTask",
    "resumeUpgrade",
}
#: Makes what a call needs, and returns its path and its body.
Prepare = Callable[[LocalServer], Awaitable[tuple[str, Any]]]


def test_every_post_takes_a_key() -> None:
    """
    Each POST declares how its answer is stored, or makes nothing.
    """
    without = {
        route.name
        for route in ROUTES
        if route.method == "POST" and route.idempotency is None
    }

    assert MAKES_NOTHING == without


async def _ended_command(server: LocalServer) -> tuple[str, Any]:
    command_id = (await server.enqueue())["id"]
    await server.poll()
    await server.post_result()
    return f"/commands/{command_id}/retry", None


async def _subscription(server: LocalServer) -> str:
    request = {"url": "https://9.9.9.9/", "events": ["command.status"]}
    return str((await server.api("POST", "/subscriptions", request)).json()["id"])


async def _failed_task(server: LocalServer) -> tuple[str, Any]:
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await flush_last_seen(server)
    request = {"targets": {"all": True}, "steps": [LOAD_USERS]}
    task = (await server.api("POST", "/tasks", request)).json()["id"]
    await server.services.task_scheduler.advance()
    await server.poll()
    await server.post_result(b'{"error":"no"}')
    await server.services.task_scheduler.advance()
    return f"/tasks/{task}/retry", None


async def _failed_upgrade(server: LocalServer) -> tuple[str, Any]:
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.poll()
    await flush_last_seen(server)
    upgrade = (await create_upgrade(server))["id"]
    await server.poll()
    await server.post_result(b'{"error":"no"}')
    await server.services.task_scheduler.advance()
    return f"/upgrades/{upgrade}/retry", None


async def _operation(server: LocalServer) -> tuple[str, Any]:
    operation = (await create_operation(server))["id"]
    return f"/operations/{operation}/notifications", {"progress": 5}


async def _shadow(server: LocalServer) -> tuple[str, Any]:
    await server.api("PUT", f"/devices/{DEVICE}", {})
    return f"/devices/{DEVICE}/shadow/refresh", {"general": ["language"]}


async def _device_key(server: LocalServer) -> tuple[str, Any]:
    await server.api("PUT", f"/devices/{DEVICE}", {})
    return f"/devices/{DEVICE}/key", {}


async def _device_keys(server: LocalServer) -> tuple[str, Any]:
    await server.api("PUT", f"/devices/{DEVICE}", {})
    return "/devices/keys", {"targets": {"all": True}}


async def _rotation(server: LocalServer) -> tuple[str, Any]:
    return f"/subscriptions/{await _subscription(server)}/secret/rotate", None


async def _token(_server: LocalServer) -> tuple[str, Any]:
    return "/tokens", {"name": "x", "permissions": ["results:read"]}


async def _scope(_server: LocalServer) -> tuple[str, Any]:
    return "/scopes", {"name": "x"}


async def _token_of_scope(server: LocalServer) -> tuple[str, Any]:
    scope = (await server.api("POST", "/scopes", {"name": "x"})).json()["id"]
    return f"/scopes/{scope}/tokens", {"name": "x", "permissions": ["admin"]}


async def _new_subscription(_server: LocalServer) -> tuple[str, Any]:
    return "/subscriptions", {
        "url": "https://9.9.9.9/",
        "events": ["command.status"],
    }


CALLS: dict[str, Prepare] = {
    "retryCommand": _ended_command,
    "notifyOperation": _operation,
    "refreshShadow": _shadow,
    "retryTask": _failed_task,
    "retryUpgrade": _failed_upgrade,
    "makeDeviceKey": _device_key,
    "makeDeviceKeys": _device_keys,
    "makeToken": _token,
    "makeScope": _scope,
    "makeTokenOfScope": _token_of_scope,
    "makeSubscription": _new_subscription,
    "rotateSecret": _rotation,
}
#: Those whose path has the number of what they are about.
NAMING = (
    "retryCommand",
    "notifyOperation",
    "refreshShadow",
    "retryTask",
    "retryUpgrade",
    "makeDeviceKey",
    "makeTokenOfScope",
    "rotateSecret",
)
prepared = pytest.mark.parametrize("prepare", CALLS.values(), ids=CALLS)


async def post(server: LocalServer, path: str, body: Any, **options: Any) -> Response:
    """Post under the key."""
    return await server.api("POST", path, body, headers=KEY, **options)


def rows(database: str) -> list[str]:
    """Return every row of the database as text; bytes as the characters they are."""
    return sorted(
        json.dumps(row, default=lambda raw: bytes(raw).decode("latin-1"))
        for row in every_row(database)
    )


@prepared
async def test_done_once(server: LocalServer, database: str, prepare: Prepare) -> None:
    """
    The same key and request: the same answer to the letter, and nothing is done twice.
    """
    path, body = await prepare(server)
    first = await post(server, path, body)
    before = rows(database)
    server.clock.tick(seconds=1)

    again = await post(server, path, body)

    assert 200 <= first.status < 300, first.body
    assert (first.status, first.body) == (again.status, again.body)
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert first.headers.get("Location") == again.headers.get("Location")
    assert "true" == again.headers["Idempotency-Replayed"]
    assert "Idempotency-Replayed" not in first.headers
    assert before == rows(database)


@pytest.mark.parametrize("name", NAMING)
async def test_the_same_in_other_words(server: LocalServer, name: str) -> None:
    """
    Whatever a path names, with zeros before its number it is the same.
    """
    path, body = await CALLS[name](server)
    first = await post(server, path, body)

    again = await post(server, re.sub(r"/(?=[0-9])", "/0", path), body)

    assert (first.status, first.body) == (again.status, again.body)
    assert "true" == again.headers["Idempotency-Replayed"]


async def test_another_request(server: LocalServer) -> None:
    """
    The same key with another body is refused, and with another key it is done again.
    """
    path, body = await _token(server)
    first = await post(server, path, body)

    other = await post(server, path, {**body, "name": "another"})
    again = await server.api("POST", path, body, headers={"Idempotency-Key": "k2"})

    assert (422, "idempotency-mismatch", None) == other.problem
    assert first.json()["id"] != again.json()["id"]


async def test_doors_open_once(server: LocalServer) -> None:
    """
    A door command that is retried twice under one key opens one door.
    """
    path, _ = await _ended_command(server)

    await post(server, path, None)
    await post(server, path, None)

    assert "SENT" not in (await server.poll()).body.decode()
    await server.post_result()
    assert (await server.poll()).is_empty


async def test_refused_may_be_sent_again(server: LocalServer) -> None:
    """
    What was refused is not kept: the same request may be right a moment later.
    """
    path, body = f"/devices/{DEVICE}/key", {"enforce": False}
    refused = await post(server, path, body)
    await server.api("PUT", f"/devices/{DEVICE}", {})
    made = await post(server, path, body)

    assert (404, 201) == (refused.status, made.status)


async def test_cut_off(server: LocalServer) -> None:
    """
    If nobody knows what came of the first request, it is not done again.
    """
    path, body = await _token(server)
    await post(server, path, body)
    store, key = server.services.store, IdempotencyKey(0, f"/api/v1{path}", "k1")
    use = await store.tasks.find_idempotency_key(key)
    assert use is not None
    # As it is when a server dies between the claim and its answer.
    await store.save_idempotency_key(attrs.evolve(use, response_body=b""))

    again = await post(server, path, body)

    assert (409, "idempotency-unknown", None) == again.problem
    tokens = (await server.api("GET", "/tokens")).json()["items"]
    assert 1 == sum(token["name"] == "x" for token in tokens)


@each_case("error", [Busy, TooMany, LimitReached, Invalid, NotFound, Unavailable])
async def test_free_unless_in_doubt(
    server: LocalServer, error: type[PushServerError]
) -> None:
    """
    A claimed key is free again after an error that says that nothing was done; if
    perhaps something was, it stays, and nothing is done twice.
    """
    keys = server.services.idempotency_keys
    key = IdempotencyKey(0, "/", error.__name__)
    request = IdempotentRequest(key, "the same")
    claimed = [await keys.claim(request)]
    with pytest.raises(error):
        async with keys.kept_if_in_doubt(request):
            raise error("Not now.")
    try:
        claimed.append(await keys.claim(request))
    except IdempotencyUnknown:
        claimed.append(b"in doubt")

    assert [None, b"in doubt" if error is Unavailable else None] == claimed


async def test_for_a_day(server: LocalServer) -> None:
    """
    A key is remembered for 24 hours, to the microsecond.
    """
    path, body = await _token(server)
    first = await post(server, path, body)

    server.clock.tick(seconds=86_400 - 0.000_001)
    kept = await post(server, path, body)
    server.clock.tick(seconds=0.000_001)
    forgotten = await post(server, path, body)

    assert first.body == kept.body != forgotten.body


async def test_no_secret_at_rest(server: LocalServer, database: str) -> None:
    """
    The database has no secret that an answer showed: neither in plain nor as text.
    """
    shown = (await post(server, *await _token(server))).json()["token"]

    stored = "".join(rows(database))

    assert shown not in stored
    assert "idempotency_key" in stored


async def test_another_token(server: LocalServer) -> None:
    """
    A key belongs to its token: another one's request is another request.
    """
    other = await server.create_token("tokens:write", "results:read")
    path, body = await _token(server)

    first = await post(server, path, body)
    second = await post(server, path, body, token=other)

    assert first.json()["id"] != second.json()["id"]


def test_sealed() -> None:
    """
    What was sealed is read with its secret alone, and is never the same twice.
    """
    sealed = seal(b"answer", TOKEN)

    assert b"answer" == unseal(sealed, TOKEN)
    assert b"answer" != unseal(sealed, TOKEN + "x")
    assert sealed != seal(b"answer", TOKEN)
    assert b"" == unseal(seal(b"", TOKEN), TOKEN)


@pytest.mark.parametrize("name", ["makeDeviceKey", "notifyOperation"])
async def test_out_of_reach(server: LocalServer, name: str) -> None:
    """
    What a restricted token no longer reaches is not shown again, either.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {"tags": {"gate": "1"}})
    permissions = ["devices:write", "operations:write"]
    request = {"name": "gate", "permissions": permissions, "tags": {"gate": "1"}}
    token = (await server.api("POST", "/tokens", request)).json()["token"]
    operation = await create_operation(server)
    path, body = {
        "makeDeviceKey": (f"/devices/{DEVICE}/key", {}),
        "notifyOperation": (
            f"/operations/{operation['id']}/notifications",
            {"progress": 1},
        ),
    }[name]

    first = await server.api("POST", path, body, token=token, headers=KEY)
    await server.api("PATCH", f"/devices/{DEVICE}", {"tags": {}})
    again = await server.api("POST", path, body, token=token, headers=KEY)

    assert 201 == first.status
    assert (404, "not-found", None) == again.problem


async def test_two_keys(server: LocalServer) -> None:
    """
    Of two keys in one request nobody knows which one is meant.
    """
    body = json.dumps({"name": "x", "permissions": ["results:read"]}).encode()
    answer = await server.send_raw(
        b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
        b"Idempotency-Key: k1\r\nIdempotency-Key: k2\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (TOKEN.encode(), len(body), body)
    )

    assert answer.startswith(b"HTTP/1.1 400 ")
