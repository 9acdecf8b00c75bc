"""Errors in Kapua's shapes, and in Kapua's order."""

from typing import Any

import attrs
import pytest
import structlog

from pushserver.web.kapua import ROUTES
from pushserver.web.kapua.call import Route
from tests.storage.places import away
from tests.web.kapua.client import Kapua, Work, begin, kapua_id
from tests.web.site import Site


def name_of(route: Route) -> str:
    """Return how a route is called."""
    return f"{route.method} {route.path.partition('/devices/')[2]}"


def filled(route: Route, work: Work, **ids: str) -> str:
    """Return a route's path with ids in it."""
    usual = {
        "scopeId": "AQ",
        "deviceId": kapua_id(work.device),
        "operationId": work.id,
        "notificationId": "BQ",
    }
    return route.path.format(**usual | ids)


def body_of(route: Route) -> Any:
    """Return what a route may be sent."""
    return {} if route.method == "POST" else None


each_route = pytest.mark.parametrize("route", ROUTES, ids=name_of)


@each_route
async def test_no_token(kapua: Kapua, work: Work, route: Route) -> None:
    """Without a valid token the answer is 401 and empty, whatever else is wrong."""
    for token in (None, "pst_wrong", ""):
        client = attrs.evolve(kapua, token=token)
        for method, path in (
            (route.method, filled(route, work)),
            (route.method, filled(route, work, deviceId="!")),
            ("PUT", filled(route, work)),
        ):
            answer = await client.ask(method, path, body_of(route))
            assert (401, b"") == (answer.status, answer.body)
            assert "Content-Type" not in answer.headers
            assert "Bearer" in answer.headers["WWW-Authenticate"]


@each_route
async def test_unreadable_id(kapua: Kapua, work: Work, route: Route) -> None:
    """An id that cannot be read is 400, named, before a scope is looked at."""
    names = ("scopeId", "deviceId", "operationId", "notificationId")
    for name in (n for n in names if f"{{{n}" in route.path):
        ids = {"scopeId": "Ag"} | {name: "A"}
        path = filled(route, work, **ids)
        assert {
            "type": "illegalArgumentExceptionInfo",
            "httpErrorCode": 400,
            "message": f"An illegal value was provided for the argument {name}: A.",
            "kapuaErrorCode": "ILLEGAL_ARGUMENT",
            "argumentName": name,
            "argumentValue": "A",
        } == await kapua.error(route.method, path, body_of(route))


@each_route
async def test_foreign_scope(kapua: Kapua, work: Work, route: Route) -> None:
    """Another scope is 403, whether it exists or not."""
    path = filled(route, work, scopeId="Ag")

    assert {
        "type": "subjectUnauthorizedExceptionInfo",
        "httpErrorCode": 403,
        "message": "This token belongs to another scope.",
        "kapuaErrorCode": "SUBJECT_UNAUTHORIZED",
    } == await kapua.error(route.method, path, body_of(route))


@each_route
async def test_permission(kapua: Kapua, site: Site, work: Work, route: Route) -> None:
    """Each call needs its permission and no other."""
    both = {"operations:read", "operations:write"}
    rest = sorted(both - {route.permission})
    path, body = filled(route, work), body_of(route)

    refused = await attrs.evolve(kapua, token=await site.token(*rest)).error(
        route.method, path, body
    )
    own = attrs.evolve(kapua, token=await site.token(route.permission))
    taken = await own.ask(route.method, path, body)

    assert (403, "SUBJECT_UNAUTHORIZED") == (
        refused["httpErrorCode"],
        refused["kapuaErrorCode"],
    )
    assert taken.status in (200, 404)


#: The routes that show or delete one thing.
SINGLE = [route for route in ROUTES if route.path.endswith("}")]


@pytest.mark.parametrize("route", SINGLE, ids=name_of)
async def test_not_there(kapua: Kapua, work: Work, route: Route) -> None:
    """What is not there is 404; its id is told as it was given."""
    kind, name = (
        ("managementOperationNotification", "notificationId")
        if "notificationId" in route.path
        else ("deviceManagementOperation", "operationId")
    )
    path = filled(route, work, **{name: "QNvLTfKO1hy"})

    assert {
        "type": "entityNotFoundExceptionInfo",
        "httpErrorCode": 404,
        "message": f"The entity of type {kind} with id/name 4673552573969389084"
        " was not found.",
        "kapuaErrorCode": "ENTITY_NOT_FOUND",
        "entityType": kind,
        "entityId": "QNvLTfKO1hy",
    } == await kapua.error(route.method, path)


async def test_another_device(kapua: Kapua, work: Work) -> None:
    """Under another device an operation is as if it were not there."""
    one = await work.tell(5)
    other = attrs.evolve(work, device=7)

    assert 404 == (await kapua.error("GET", other.path))["httpErrorCode"]
    assert 404 == (await kapua.error("DELETE", other.path))["httpErrorCode"]
    path = f"{other.notifications}/{one}"
    assert 404 == (await kapua.error("GET", path))["httpErrorCode"]
    assert 404 == (await kapua.error("DELETE", path))["httpErrorCode"]
    await nothing_listed(kapua, other.notifications)
    assert [one] == await kapua.ids(work.notifications)


async def nothing_listed(kapua: Kapua, path: str) -> None:
    """Expect an empty list, by all three ways to read it."""
    page = await kapua.get(f"{path}?askTotalCount=true")
    assert (False, 0, [], 0) == (
        page["limitExceeded"],
        page["size"],
        page["items"],
        page["totalCount"],
    )
    assert [] == (await kapua.ask("POST", f"{path}/_query", {})).json()["items"]
    assert b'{"count":0}' == (await kapua.ask("POST", f"{path}/_count", {})).body


async def test_unknown_lists(kapua: Kapua, work: Work) -> None:
    """Lists under what is not known are empty, and not 404."""
    await nothing_listed(kapua, f"{work.operations}/AQ/notifications")
    await nothing_listed(kapua, "/_/devices/AQ/operations/AQ/notifications")
    await nothing_listed(kapua, "/_/devices/AQ/operations")
    await nothing_listed(kapua, "/_/devices/_w/operations")


async def test_stranger(kapua: Kapua, site: Site, work: Work) -> None:
    """Another scope's token finds nothing under its own scope, and deletes nothing."""
    one = await work.tell(5)
    made = (await site.api("POST", "/scopes", {"name": "other"})).json()
    stranger = attrs.evolve(kapua, token=made["token"])
    own = attrs.evolve(work)
    for scope in ("_", kapua_id(int(made["id"]))):
        path = own.path.replace("/AQ/", f"/{scope}/")
        await nothing_listed(stranger, f"{path}/notifications")
        await nothing_listed(stranger, path.rpartition("/")[0])
        for method in ("GET", "DELETE"):
            for thing in (path, f"{path}/notifications/{one}"):
                refused = await stranger.error(method, thing)
                assert "ENTITY_NOT_FOUND" == refused["kapuaErrorCode"]
    assert 403 == (await stranger.error("GET", work.path))["httpErrorCode"]
    assert [one] == await kapua.ids(work.notifications)


@each_route
async def test_method(kapua: Kapua, work: Work, route: Route) -> None:
    """Another method is 405, and says which there are."""
    answer = await kapua.ask("PUT", filled(route, work), {})

    assert 405 == answer.status
    assert route.method in answer.headers["Allow"]
    assert "METHOD_NOT_ALLOWED" == answer.json()["kapuaErrorCode"]


async def test_no_room(kapua: Kapua, work: Work) -> None:
    """A body that announces too much is 413."""
    head = (
        f"POST {kapua.base}{work.notifications}/_query HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {kapua.token}\r\nContent-Length: 99999999999\r\n"
        "\r\n"
    )

    async with kapua.site.line() as (reader, writer):
        writer.write(head.encode())
        answer = await reader.readuntil(b"}")

    assert b" 413 " in answer.partition(b"\r\n")[0]
    assert b'"httpErrorCode":413' in answer


async def test_compressed(kapua: Kapua, work: Work) -> None:
    """A compressed body is 415."""
    answer = await kapua.site.call(
        "POST",
        f"{kapua.base}{work.notifications}/_query",
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


async def test_store_away(kapua: Kapua, work: Work) -> None:
    """While the store is away, a DELETE is 503 and may be tried again."""
    one = await work.tell(5)
    store = kapua.site.services.store
    async with away(store):
        answer = await kapua.ask("DELETE", f"{work.notifications}/{one}")

    assert (503, "UNAVAILABLE", "1") == (
        answer.status,
        answer.json()["kapuaErrorCode"],
        answer.headers["Retry-After"],
    )
    assert [one] == await kapua.ids(work.notifications)


async def test_internal(
    kapua: Kapua, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected is 500 in Kapua's shape, and tells nothing."""

    def fail(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr("pushserver.dialects.kapua.bodies.operation", fail)

    with structlog.testing.capture_logs() as logs:
        error = await kapua.error("GET", work.path)

    assert {
        "type": "exceptionInfo",
        "httpErrorCode": 500,
        "message": "Internal error. The server's log has more.",
        "kapuaErrorCode": "INTERNAL_ERROR",
    } == error
    assert ["request.failed"] == [
        line["event"] for line in logs if line["log_level"] == "error"
    ]


async def test_begun_elsewhere(kapua: Kapua, site: Site) -> None:
    """An operation is found under its own device alone."""
    here, there = await begin(site), await begin(site, device=7)

    assert [here.id] == await kapua.ids(here.operations)
    assert [there.id] == await kapua.ids(there.operations)
