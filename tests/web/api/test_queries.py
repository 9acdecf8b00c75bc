"""The queries of all calls: what a call does not know is refused, not ignored."""

import re

import pytest

from pushserver.web.api import ROUTES
from pushserver.web.api.route import ApiRoute
from tests.each_case import each_case
from tests.web.local_server import DEVICE, TOKEN, LocalServer

OCTETS = {"Content-Type": "application/octet-stream"}
PATH = f"/devices/{DEVICE}/commands"


@each_case("route", ROUTES, ids=lambda route: route.name)
async def test_unknown_parameter(server: LocalServer, route: ApiRoute) -> None:
    """
    No call takes a parameter that it does not know, whatever its path names.
    """
    path = re.sub(r"\{\w+\}", "1", route.path)

    answer = await server.api(route.method, f"{path}?nonsense=1")

    assert (422, "invalid", "/nonsense") == answer.problem


@each_case(
    ("query", "pointer"),
    [
        ("endpoint=reboot&prio=3", "/endpoint"),
        ("priority=3", "/priority"),
        ("prio=3", "/prio"),
        ("wait=20", "/wait"),
    ],
)
async def test_json_enqueue(server: LocalServer, query: str, pointer: str) -> None:
    """
    A command in JSON says everything itself: what stands in the query is refused, and
    nothing is enqueued.
    """
    answer = await server.api("POST", f"{PATH}?{query}", {"endpoint": "x"})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server.api("GET", "/commands")).json()["items"]


@each_case(
    ("query", "pointer"),
    [
        ("endpoint=x&endpoint=y", "/endpoint"),
        ("endpoint=x&prio=3", "/prio"),
        ("endpoint=x&notBefore=2026", "/notBefore"),
        ("endpoint=x&notBefore=1e10", "/notBefore"),
        ("endpoint=x&notBefore=2026-01-01T00:00:00", "/notBefore"),
        ("endpoint=x&notBefore=3001-01-01T00:00:00Z", "/notBefore"),
    ],
)
async def test_raw_enqueue(server: LocalServer, query: str, pointer: str) -> None:
    """
    The parameters of a raw body are as strict as the fields of JSON.
    """
    answer = await server.api("POST", f"{PATH}?{query}", b"bytes", headers=OCTETS)

    assert (422, "invalid", pointer) == answer.problem


@each_case(
    "route",
    [route for route in ROUTES if not route.media_types],
    ids=lambda route: route.name,
)
async def test_body_of_a_call_without_one(server: LocalServer, route: ApiRoute) -> None:
    """
    A call that takes no body refuses one, whatever its path names.
    """
    path = re.sub(r"\{\w+\}", "1", route.path)

    answer = await server.api(route.method, path, b"[0]")

    assert (422, "invalid", None) == answer.problem


async def test_filter_in_the_wrong_place(server: LocalServer) -> None:
    """
    A filter in the body of a call that has it in its query takes nothing back; what
    libraries send for no body is none.
    """
    await server.enqueue()
    await server.enqueue()

    refused = await server.api("DELETE", PATH, {"endpoint": "reboot"})
    in_chunks = await server.send_raw(
        f"DELETE /api/v1{PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\n{}\r\n0\r\n\r\n".encode()
    )
    left = (await server.api("GET", "/commands?state=PENDING")).json()["items"]
    taken = await server.api("DELETE", PATH, {})

    assert (422, b"422", 2) == (refused.status, in_chunks[9:12], len(left))
    assert (200, 2) == (taken.status, taken.json()["canceled"])


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/purge", "before"),
        ("/subscriptions/{}/recover", "since"),
        ("/commands/cancel", "createdBefore"),
    ],
)
@pytest.mark.parametrize(
    "instant", ["2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "3000-01-01T00:00:00Z"]
)
async def test_instants_in_bodies(
    server: LocalServer, path: str, field: str, instant: str
) -> None:
    """
    Each instant of a body has its offset, and lies between 1970 and 3000.
    """
    subscription = {"url": "https://receiver.example/", "events": ["device.online"]}
    created = (await server.api("POST", "/subscriptions", subscription)).json()

    answer = await server.api("POST", path.format(created["id"]), {field: instant})

    assert (422, "invalid", f"/{field}") == answer.problem


@each_case(
    ("method", "path", "field"),
    [
        ("GET", "/commands", "createdAfter"),
        ("GET", PATH, "createdBefore"),
        ("DELETE", PATH, "createdBefore"),
    ],
)
@each_case("instant", ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z"])
async def test_instants_in_queries(
    server: LocalServer, method: str, path: str, field: str, instant: str
) -> None:
    """
    Each instant of a query lies between 1970 and 3000, too.
    """
    answer = await server.api(method, f"{path}?{field}={instant}")

    assert (422, "invalid", f"/{field}") == answer.problem


async def test_null_is_no_value(server: LocalServer) -> None:
    """
    `null` is a text like any other: it does not take a filter away.
    """
    answer = await server.api("GET", "/devices?state=null")

    assert (422, "invalid", "/state") == answer.problem
    await server.enqueue()
    filtered = await server.api("GET", "/commands?endpoint=null")
    assert [] == filtered.json()["items"]
