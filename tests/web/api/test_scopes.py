"""Scopes: created, listed, given tokens; and a device that changes its owner."""

import asyncio
from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.api.tenant import Tenant, empty_tenant
from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer

READER = {"name": "reader", "permissions": ["results:read"]}
DEVICE_PATH = f"/devices/{DEVICE}"


@pytest.fixture(name="acme")
async def _acme(server: LocalServer) -> Tenant:
    """Return a tenant who has nothing yet."""
    return await empty_tenant(server, "acme")


async def test_make(server: LocalServer) -> None:
    """
    A scope is made with a token, which is shown once and counts there at once.
    """
    answer = await server.api("POST", "/scopes", {"name": "acme"})
    scope = answer.json()
    listed = await server.api("GET", "/scopes")
    own = await server.api("GET", "/scopes", token=scope["token"])
    tokens = await server.api("GET", "/tokens", token=scope["token"])

    assert 201 == answer.status
    assert {"id", "name", "createdAt", "token"} == set(scope)
    assert [("1", "default"), (scope["id"], "acme")] == [
        (each["id"], each["name"]) for each in listed.json()["items"]
    ]
    assert scope["token"] not in listed.body.decode()
    assert ["acme"] == [each["name"] for each in own.json()["items"]]
    assert [scope["id"]] == [each["scopeId"] for each in tokens.json()["items"]]


@each_case(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "x", "id": "1"}, "/id"),
        *(({"name": name}, "/name") for name in ("", " ", "a\nb", "\u200b", "\u202ex")),
    ],
)
async def test_wrong_fields(server: LocalServer, body: Any, pointer: str) -> None:
    """
    A field that is wrong is named.
    """
    answer = await server.api("POST", "/scopes", body)

    assert (422, "invalid", pointer) == answer.problem


async def test_only_the_first(acme: Tenant) -> None:
    """
    Another scope's administrator makes no scopes, and tokens for its own alone.
    """
    scope = await acme.api("POST", "/scopes", {"name": "x"})
    theirs = await acme.api("POST", "/scopes/1/tokens", READER)
    own = await acme.api("POST", f"/scopes/{acme.scope_id}/tokens", READER)
    plain = await acme.api("POST", "/tokens", READER)

    for answer in (scope, theirs, own):
        assert (403, "forbidden", None) == answer.problem
    assert (201, acme.scope_id) == (plain.status, plain.json()["scopeId"])


async def test_token_of_scope(server: LocalServer, acme: Tenant) -> None:
    """
    A tenant that lost its token gets one from the first scope's administrator.
    """
    path = f"/scopes/{acme.scope_id}/tokens"
    answer = await server.api("POST", path, READER)
    unknown = await server.api("POST", "/scopes/99/tokens", READER)

    assert (201, acme.scope_id) == (answer.status, answer.json()["scopeId"])
    assert (404, "not-found", None) == unknown.problem
    secret = answer.json()["token"]
    assert 200 == (await server.api("GET", "/results", token=secret)).status
    tokens = (await server.api("GET", "/tokens")).json()["items"]
    assert ["1"] == [each["scopeId"] for each in tokens]


async def test_server(server: LocalServer, acme: Tenant) -> None:
    """
    Each scope sees its own devices and held polls; the first also sees refusals.
    """
    await acme.api("PUT", DEVICE_PATH, {"hold": 60})
    await server.api("PUT", "/devices/5", {})
    await server.poll("deviceId=6")
    poll = asyncio.create_task(server.poll())
    await server.wait_for_held_polls(1)

    theirs = (await acme.api("GET", "/server")).json()
    ours = (await server.api("GET", "/server")).json()
    await acme.api("POST", f"{DEVICE_PATH}/commands", LOAD_USERS)
    await poll

    assert {} == ours["failingWorkers"]
    assert "failingWorkers" not in theirs
    assert (1, 1, False) == (theirs["devices"], theirs["heldPolls"], "counts" in theirs)
    assert (2, 0, True) == (ours["devices"], ours["heldPolls"], "counts" in ours)
    assert ("clocks" in theirs, "clocks" in ours) == (False, True)


async def test_adopted_elsewhere(server: LocalServer, acme: Tenant) -> None:
    """
    A device of another scope is no device, or a conflict for who would adopt it.
    """
    await acme.api("PUT", DEVICE_PATH, {"name": "Door"})
    clerk = await server.create_token("commands:write")
    path = f"{DEVICE_PATH}/commands"

    adopting = await server.api("POST", path, LOAD_USERS)
    not_adopting = await server.api("POST", path, LOAD_USERS, token=clerk)

    assert (409, "conflict", None) == adopting.problem
    assert (404, "not-found", None) == not_adopting.problem
    shown = (await acme.api("GET", DEVICE_PATH)).json()
    assert ("Door", 0) == (shown["name"], shown["queueDepth"])


async def test_quarantined(server: LocalServer, acme: Tenant) -> None:
    """
    A quarantined device is shown in the first scope, and adopted by an enqueue.
    """
    await server.poll()
    before = await acme.api("GET", DEVICE_PATH)
    shown = (await server.get_device())["state"]

    answer = await acme.api("POST", f"{DEVICE_PATH}/commands", LOAD_USERS)

    assert (404, "quarantined", 201) == (before.status, shown, answer.status)
    assert "load_objects" == (await server.poll()).json()["endpoint"]
    assert 404 == (await server.api("GET", DEVICE_PATH)).status


async def test_changes_hands(server: LocalServer, acme: Tenant) -> None:
    """
    After its deletion a device is the next one's; its history stays where it was.
    """
    old = await server.enqueue()
    await server.poll()
    await server.post_result(b'{"response":"old"}')
    await server.api("DELETE", DEVICE_PATH)

    adopted = await acme.api("PUT", DEVICE_PATH, {})
    new = (await acme.api("POST", f"{DEVICE_PATH}/commands", LOAD_USERS)).json()

    assert 201 == adopted.status
    listed = (await acme.api("GET", f"{DEVICE_PATH}/commands")).json()["items"]
    assert [new["id"]] == [each["id"] for each in listed]
    commands = (await server.api("GET", f"{DEVICE_PATH}/commands")).json()["items"]
    assert [old["id"]] == [each["id"] for each in commands]
    assert [] == (await acme.api("GET", "/results")).json()["items"]
    assert 1 == len(await server.list_results())
    assert 1 == (await acme.api("GET", DEVICE_PATH)).json()["queueDepth"]
    retried = await server.api("POST", f"/commands/{old['id']}/retry")
    assert (409, "conflict", None) == retried.problem


async def test_what_is_left_is_not_shown(server: LocalServer, acme: Tenant) -> None:
    """
    In quarantine, the first scope is not shown what another one left in the queue.
    """
    command = {**LOAD_USERS, "delivery": "atLeastOnce"}
    await acme.api("PUT", DEVICE_PATH, {})
    await acme.api("POST", f"{DEVICE_PATH}/commands", command)
    await server.poll()
    await acme.api("DELETE", DEVICE_PATH)
    await server.poll()

    device = await server.get_device()
    server.clock.tick(seconds=180)
    await server.expire_overdue()
    later = await server.get_device()

    assert "inFlight" not in device
    assert 0 == later["queueDepth"]
    assert 1 == len((await acme.api("GET", "/commands?state=TIMEOUT")).json()["items"])
