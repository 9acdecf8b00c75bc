"""Permissions: every route, with no token, the wrong one, and the right one."""

import re
from typing import Any

import pytest

from pushserver.model.token import Permission
from pushserver.web.api import ROUTES, events
from pushserver.web.api.route import ApiRoute
from tests.each_case import each_case
from tests.web.api.upgrades import PHASES
from tests.web.local_server import LocalServer, Response

GUARDED = [route for route in ROUTES if route.permission is not None]
#: A body that each route takes, so that only the permission is in question.
BODIES: dict[str, Any] = {
    "enqueue": {"endpoint": "x"},
    "enqueueBatch": [{"endpoint": "x"}],
    "cancelCommands": {"endpoint": "x"},
    "beginOperation": {"deviceId": 1},
    "notifyOperation": {"progress": 1},
    "makeTask": {"targets": {"all": True}, "steps": [{"endpoint": "x"}]},
    "makeUpgrade": {"targets": {"all": True}, "targetVersion": "2", "phases": PHASES},
    "makeDeviceKeys": {"targets": {"all": True}},
    "patchShadow": {},
    "patchShadows": {"targets": {"all": True}, "desired": {"a": {"b": 1}}},
    "makeSubscription": {"url": "https://9.9.9.9/", "events": ["command.status"]},
    "changeSubscription": {},
    "recoverSubscription": {"since": "2026-01-01T00:00:00Z"},
    "putDevice": {},
    "patchDevice": {},
    "makeToken": {"name": "x", "permissions": ["results:read"]},
    "makeScope": {"name": "x"},
    "purge": {"before": "2026-01-01T00:00:00Z"},
    "makeTokenOfScope": {"name": "x", "permissions": ["results:read"]},
}


#: Written down a second time on purpose: a route that slips to another permission
#: would agree with itself.
EXPECTED_ROUTES = {
    "devices:read": {"listDevices", "exportDevices", "getDevice", "getServer"},
    "devices:write": {
        "importDevices",
        "putDevice",
        "patchDevice",
        "deleteDevice",
        "adoptDevice",
        "makeDeviceKey",
        "makeDeviceKeys",
    },
    "commands:read": {
        "listCommands",
        "listCommandsOfDevice",
        "getCommand",
        "getBlob",
        "getShadow",
    },
    "commands:write": {
        "enqueue",
        "enqueueBatch",
        "enqueueBytes",
        "cancelCommand",
        "releaseCommand",
        "keepBlob",
        "cancelCommandsOfDevice",
        "cancelCommands",
        "retryCommand",
        "patchShadow",
        "refreshShadow",
    },
    "operations:read": {
        "listOperations",
        "getOperation",
        "listNotifications",
        "listTasks",
        "getTask",
        "listDevicesOfTask",
        "listUpgrades",
        "getUpgrade",
        "listDevicesOfUpgrade",
    },
    "operations:write": {
        "beginOperation",
        "cancelOperation",
        "notifyOperation",
        "makeTask",
        "pauseTask",
        "resumeTask",
        "cancelTask",
        "retryTask",
        "makeUpgrade",
        "pauseUpgrade",
        "resumeUpgrade",
        "cancelUpgrade",
        "retryUpgrade",
        "patchShadows",
    },
    "events:read": {"streamEvents"},
    "subscriptions:read": {
        "listSubscriptions",
        "getSubscription",
        "listDeliveries",
    },
    "subscriptions:write": {
        "makeSubscription",
        "changeSubscription",
        "deleteSubscription",
        "pingSubscription",
        "rotateSecret",
        "enableSubscription",
        "disableSubscription",
        "redeliver",
        "recoverSubscription",
    },
    "results:read": {"listResults", "getCommandResult"},
    "metrics:read": {"getLatencies", "getStatistics"},
    "tokens:write": {"makeToken", "listTokens", "revokeToken", "listScopes"},
    "admin": {"makeScope", "deleteScope", "makeTokenOfScope", "purge", "listAudit"},
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is read up to its heartbeat."""
    monkeypatch.setattr(events, "HEARTBEAT_INTERVAL", 0.02)


async def call(server: LocalServer, route: ApiRoute, token: str | None) -> Response:
    """Call a route in a way that it takes."""
    path = re.sub(r"\{\w+\}", "1", route.path)
    headers, body = {}, BODIES.get(route.name)
    if route.name == "keepBlob":
        headers, body = {"Content-Type": "application/octet-stream"}, b"x"
    if route.name == "importDevices":
        headers, body = {"Content-Type": "application/x-ndjson"}, b'{"deviceId":1}'
    if route.name == "enqueueBytes":
        path += "?endpoint=x"
        headers, body = {"Content-Type": "application/octet-stream"}, b"bytes"
    return await server.api(route.method, path, body, token=token, headers=headers)


def test_nothing_forgotten() -> None:
    """
    The one call that needs no token is the API's own description.
    """
    assert ["getOpenapi"] == [r.name for r in ROUTES if r.permission is None]


def test_each_its_own() -> None:
    """
    Every route asks for the permission that belongs to what it does.
    """
    permissions: dict[str, set[str]] = {}
    for route in GUARDED:
        permissions.setdefault(str(route.permission), set()).add(route.name)

    assert EXPECTED_ROUTES == permissions


@each_case("route", GUARDED, ids=lambda route: route.name)
async def test_no_token(server: LocalServer, route: ApiRoute) -> None:
    """
    Without a token it is 401, and nothing is done.
    """
    answer = await call(server, route, None)

    assert (401, "unauthorized", None) == answer.problem
    assert [] == (await server.api("GET", "/devices")).json()["items"]


@each_case("route", GUARDED, ids=lambda route: route.name)
async def test_every_other_permission(server: LocalServer, route: ApiRoute) -> None:
    """
    With every permission but its own, and but `admin`, it is 403.
    """
    others = set(Permission) - {route.permission, Permission.ADMIN}
    token = await server.create_token(*others)

    answer = await call(server, route, token)

    assert (403, "forbidden", None) == answer.problem
    assert [] == (await server.api("GET", "/devices")).json()["items"]


@each_case("route", GUARDED, ids=lambda route: route.name)
async def test_its_own_permission(server: LocalServer, route: ApiRoute) -> None:
    """
    With its own permission, or with `admin`, nobody asks further.
    """
    assert route.permission is not None
    await server.api("PUT", "/devices/7", {})
    more = [Permission.RESULTS_READ] if route.name == "makeToken" else []

    for token in (
        await server.create_token(route.permission, *more),
        await server.create_token(Permission.ADMIN),
    ):
        assert (await call(server, route, token)).status in (200, 201, 204, 404, 409)


async def test_description_needs_none(server: LocalServer) -> None:
    """
    The description is for everybody.
    """
    assert 200 == (await server.api("GET", "/openapi.json", token=None)).status
