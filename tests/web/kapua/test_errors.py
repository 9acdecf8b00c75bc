"""Errors in Kapua's shapes, and in Kapua's order."""

from typing import Any

import attrs
import pytest
import structlog

from pushserver.web.kapua import ROUTES
from pushserver.web.kapua.list_query import MAX_QUERY
from pushserver.web.kapua.route import KapuaRoute
from tests.each_case import each_case
from tests.storage.locations import failing_commits
from tests.web.kapua.client import (
    KapuaClient,
    KapuaOperation,
    create_operation,
    kapua_id,
)
from tests.web.local_server import DEVICE, LocalServer


def name_of(route: KapuaRoute) -> str:
    """Return how a route is called."""
    return f"{route.method} {route.path.partition('/devices/')[2]}"


def filled(route: KapuaRoute, operation: KapuaOperation, **ids: str) -> str:
    """Return a route's path with ids in it."""
    usual = {
        "scopeId": "AQ",
        "deviceId": kapua_id(operation.device),
        "operationId": operation.id,
        "notificationId": "BQ",
    }
    return route.path.format(**usual | ids)


def body_of(route: KapuaRoute) -> Any:
    """Return what a route may be sent."""
    return {} if route.method == "POST" else None


each_route = each_case("route", ROUTES, ids=name_of)


# Each on a server of its own: one that gets so many wrong tokens slows them down.
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_no_token(
    kapua: KapuaClient, operation: KapuaOperation, route: KapuaRoute
) -> None:
    """Without a valid token the answer is 401 and empty, whatever else is wrong."""
    for token in (None, "pst_wrong", ""):
        client = attrs.evolve(kapua, token=token)
        for method, path in (
            (route.method, filled(route, operation)),
            (route.method, filled(route, operation, deviceId="!")),
            ("PUT", filled(route, operation)),
        ):
            answer = await client.request(method, path, body_of(route))
            assert (401, b"") == (answer.status, answer.body)
            assert "Content-Type" not in answer.headers
            assert "Bearer" in answer.headers["WWW-Authenticate"]


@each_route
async def test_unreadable_id(
    kapua: KapuaClient, operation: KapuaOperation, route: KapuaRoute
) -> None:
    """An id that cannot be read is 400, named, before a scope is looked at."""
    names = ("scopeId", "deviceId", "operationId", "notificationId")
    for name in (n for n in names if f"{{{n}" in route.path):
        ids = {"scopeId": "Ag"} | {name: "A"}
        path = filled(route, operation, **ids)
        assert {
            "type": "illegalArgumentExceptionInfo",
            "httpErrorCode": 400,
            "message": f"An illegal value was provided for the argument {name}: A.",
            "kapuaErrorCode": "ILLEGAL_ARGUMENT",
            "argumentName": name,
            "argumentValue": "A",
        } == await kapua.error(route.method, path, body_of(route))


@each_route
async def test_foreign_scope(
    kapua: KapuaClient, operation: KapuaOperation, route: KapuaRoute
) -> None:
    """Another scope is 403, whether it exists or not."""
    path = filled(route, operation, scopeId="Ag")

    assert {
        "type": "subjectUnauthorizedExceptionInfo",
        "httpErrorCode": 403,
        "message": "This token belongs to another scope.",
        "kapuaErrorCode": "SUBJECT_UNAUTHORIZED",
    } == await kapua.error(route.method, path, body_of(route))


@each_route
async def test_permission(
    kapua: KapuaClient,
    server: LocalServer,
    operation: KapuaOperation,
    route: KapuaRoute,
) -> None:
    """Each call needs its permission and no other."""
    both = {"operations:read", "operations:write"}
    rest = sorted(both - {route.permission})
    path, body = filled(route, operation), body_of(route)

    refused = await attrs.evolve(kapua, token=await server.create_token(*rest)).error(
        route.method, path, body
    )
    own = attrs.evolve(kapua, token=await server.create_token(route.permission))
    taken = await own.request(route.method, path, body)

    assert (403, "SUBJECT_UNAUTHORIZED") == (
        refused["httpErrorCode"],
        refused["kapuaErrorCode"],
    )
    assert taken.status in (200, 404)


#: The routes that show or delete one thing.
SINGLE = [route for route in ROUTES if route.path.endswith("}")]


#: What the last id in their path is of.
KINDS = {
    "deviceId": "device",
    "operationId": "deviceManagementOperation",
    "notificationId": "managementOperationNotification",
}


@each_case("route", SINGLE, ids=name_of)
async def test_not_there(
    kapua: KapuaClient, operation: KapuaOperation, route: KapuaRoute
) -> None:
    """What does not exist is 404, with its id as it was given."""
    name = route.path.rpartition("{")[2].removesuffix("}")
    kind = KINDS[name]
    path = filled(route, operation, **{name: "QNvLTfKO1hy"})

    assert {
        "type": "entityNotFoundExceptionInfo",
        "httpErrorCode": 404,
        "message": f"The entity of type {kind} with id/name 4673552573969389084"
        " was not found.",
        "kapuaErrorCode": "ENTITY_NOT_FOUND",
        "entityType": kind,
        "entityId": "QNvLTfKO1hy",
    } == await kapua.error(route.method, path)


@each_case(
    "path",
    [
        "/_/devices/AQ/snapshots",
        "/_/devices/AQ/operations/AQ/steps",
        "/_/devices/",
        "/_/users",
        "/_",
        "/authentication/mfa",
        "/authentication",
    ],
)
async def test_unknown_call(kapua: KapuaClient, path: str) -> None:
    """Calls of Kapua's that are not served are 404 in its form, with any method."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        error = await kapua.error(method, path)

        assert ("exceptionInfo", 404, "NOT_FOUND") == (
            error["type"],
            error["httpErrorCode"],
            error["kapuaErrorCode"],
        )


async def test_unknown_call_without_token(server: LocalServer) -> None:
    """So they are below Kapua's own base without a token; no device has sent them."""
    await server.api("PUT", f"/devices/{DEVICE}", {})
    nobody = KapuaClient(server, "/v1", token=None)
    for path in ("", "/", "/devices", f"/_/users?deviceId={DEVICE}", "/%FF"):
        assert "exceptionInfo" == (await nobody.error("GET", path))["type"]
    assert "unknownCalls" not in await server.get_device()
    assert "stray" not in (await server.api("GET", "/server")).json()["counts"]


async def test_device_below(server: LocalServer) -> None:
    """A device that has such a prefix before its own paths is served as any other."""
    for number, prefix in enumerate(("/v1", "/_/devices", "/authentication")):
        await server.api("PUT", f"/devices/{number}", {})
        await server.enqueue(device_id=number)
        given = await server.poll(f"deviceId={number}", f"{prefix}/push")

        assert "load_objects" == given.json()["endpoint"]


async def test_another_device(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """Under another device an operation is as if it were not there."""
    one = await operation.post_notification(5)
    other = attrs.evolve(operation, device=7)

    assert 404 == (await kapua.error("GET", other.path))["httpErrorCode"]
    assert 404 == (await kapua.error("DELETE", other.path))["httpErrorCode"]
    path = f"{other.notifications}/{one}"
    assert 404 == (await kapua.error("GET", path))["httpErrorCode"]
    assert 404 == (await kapua.error("DELETE", path))["httpErrorCode"]
    await nothing_listed(kapua, other.notifications)
    assert [one] == await kapua.ids(operation.notifications)


async def nothing_listed(kapua: KapuaClient, path: str) -> None:
    """Expect an empty list, by all three ways to read it."""
    page = await kapua.get(f"{path}?askTotalCount=true")
    assert (False, 0, [], 0) == (
        page["limitExceeded"],
        page["size"],
        page["items"],
        page["totalCount"],
    )
    assert [] == (await kapua.request("POST", f"{path}/_query", {})).json()["items"]
    assert b'{"count":0}' == (await kapua.request("POST", f"{path}/_count", {})).body


async def test_unknown_lists(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """Lists under what is not known are empty, and not 404."""
    await nothing_listed(kapua, f"{operation.operations}/AQ/notifications")
    await nothing_listed(kapua, "/_/devices/AQ/operations/AQ/notifications")
    await nothing_listed(kapua, "/_/devices/AQ/operations")
    await nothing_listed(kapua, "/_/devices/_w/operations")


async def test_stranger(
    kapua: KapuaClient, server: LocalServer, operation: KapuaOperation
) -> None:
    """Another scope's token finds nothing under its own scope, and deletes nothing."""
    one = await operation.post_notification(5)
    created = (await server.api("POST", "/scopes", {"name": "other"})).json()
    stranger = attrs.evolve(kapua, token=created["token"])
    own = attrs.evolve(operation)
    for scope in ("_", kapua_id(int(created["id"]))):
        path = own.path.replace("/AQ/", f"/{scope}/")
        await nothing_listed(stranger, f"{path}/notifications")
        await nothing_listed(stranger, path.rpartition("/")[0])
        for method in ("GET", "DELETE"):
            for thing in (path, f"{path}/notifications/{one}"):
                refused = await stranger.error(method, thing)
                assert "ENTITY_NOT_FOUND" == refused["kapuaErrorCode"]
    assert 403 == (await stranger.error("GET", operation.path))["httpErrorCode"]
    assert [one] == await kapua.ids(operation.notifications)


@each_route
async def test_method(
    kapua: KapuaClient, operation: KapuaOperation, route: KapuaRoute
) -> None:
    """Another method is 405, and says which there are."""
    answer = await kapua.request("PUT", filled(route, operation), {})

    assert 405 == answer.status
    assert route.method in answer.headers["Allow"]
    assert "METHOD_NOT_ALLOWED" == answer.json()["kapuaErrorCode"]


async def test_no_room(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A body that announces too much is 413."""
    head = (
        f"POST {kapua.base}{operation.notifications}/_query HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {kapua.token}\r\nContent-Length: 99999999999\r\n"
        "\r\n"
    )

    async with kapua.server.connect() as (reader, writer):
        writer.write(head.encode())
        answer = await reader.readuntil(b"}")

    assert b" 413 " in answer.partition(b"\r\n")[0]
    assert b'"httpErrorCode":413' in answer


@pytest.mark.parametrize("call", ["_query", "_count"])
async def test_long_query(
    kapua: KapuaClient, operation: KapuaOperation, call: str
) -> None:
    """A query has at most 64 KiB; one more is 413, and nothing of it is read."""
    url = f"{kapua.base}{operation.notifications}/{call}"
    headers = {"Authorization": f"Bearer {kapua.token}"}
    taken, refused = [
        await kapua.server.request(
            "POST", url, data=b"{}".ljust(MAX_QUERY + more), headers=headers
        )
        for more in (0, 1)
    ]

    assert (200, 413) == (taken.status, refused.status)
    assert "TOO_LARGE" == refused.json()["kapuaErrorCode"]


async def test_compressed(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """A compressed body is 415."""
    answer = await kapua.server.request(
        "POST",
        f"{kapua.base}{operation.notifications}/_query",
        data=b"x",
        headers={
            "Authorization": f"Bearer {kapua.token}",
            "Content-Encoding": "gzip",
        },
    )

    assert (415, "UNSUPPORTED_MEDIA_TYPE") == (
        answer.status,
        answer.json()["kapuaErrorCode"],
    )


async def test_store_away(kapua: KapuaClient, operation: KapuaOperation) -> None:
    """While the store is away, a DELETE is 503 and may be tried again."""
    one = await operation.post_notification(5)
    store = kapua.server.services.store
    async with failing_commits(store):
        answer = await kapua.request("DELETE", f"{operation.notifications}/{one}")

    assert (503, "UNAVAILABLE", "1") == (
        answer.status,
        answer.json()["kapuaErrorCode"],
        answer.headers["Retry-After"],
    )
    assert [one] == await kapua.ids(operation.notifications)


async def test_internal(
    kapua: KapuaClient, operation: KapuaOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error is 500 in Kapua's shape, and reveals nothing."""

    def fail(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr("pushserver.dialects.kapua.bodies.render_operation", fail)

    with structlog.testing.capture_logs() as logs:
        error = await kapua.error("GET", operation.path)

    assert {
        "type": "exceptionInfo",
        "httpErrorCode": 500,
        "message": "Internal error. The server's log has more.",
        "kapuaErrorCode": "INTERNAL_ERROR",
    } == error
    assert ["request.failed"] == [
        line["event"] for line in logs if line["log_level"] == "error"
    ]


async def test_begun_elsewhere(kapua: KapuaClient, server: LocalServer) -> None:
    """An operation is found under its own device alone."""
    here, there = (
        await create_operation(server),
        await create_operation(server, device=7),
    )

    assert [here.id] == await kapua.ids(here.operations)
    assert [there.id] == await kapua.ids(there.operations)
