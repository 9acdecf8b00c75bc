"""Subscriptions over the API: what is refused, and to whom."""

from typing import Any

import pytest

from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.api.subscriptions.requests import (
    EVENT_NAMES,
    REQUEST,
    UNREACHABLE,
    create_subscription,
    get_subscription,
)
from tests.web.local_server import LocalServer, Response, running_server


@each_case(
    ("call", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/ping"),
        ("POST", "/secret/rotate"),
        ("POST", "/enable"),
        ("POST", "/disable"),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/1/redeliver"),
        ("POST", "/recover"),
    ],
)
async def test_unknown(server: LocalServer, call: str, path: str) -> None:
    """
    What is not there is 404, and an id that is none 422.
    """
    bodies: dict[str, Any] = {"PATCH": {}}
    body = {"since": "2026-01-01T00:00:00Z"} if "recover" in path else bodies.get(call)
    gone = await server.api(call, f"/subscriptions/5{path}", body)
    none = await server.api(call, f"/subscriptions/x{path}", body)

    assert (404, "not-found", None) == gone.problem
    assert (422, "invalid") == none.problem[:2]


async def test_patch_is_checked(server: LocalServer) -> None:
    """
    A change is refused as a new one would be, and then changes nothing.
    """
    created = await create_subscription(server, format="iotda")
    before = await get_subscription(server, created)
    path = f"/subscriptions/{created['id']}"
    changes: list[dict[str, Any]] = [
        {"events": ["task.finished"]},
        {"url": "http://10.0.0.1/"},
        {"format": "native"},
        {"events": []},
    ]
    refused = [
        await server.api("PATCH", path, {"description": "x", **change})
        for change in changes
    ]

    assert ["/events", "/url", "/format", "/events"] == [
        answer.problem[2] for answer in refused
    ]
    assert before == await get_subscription(server, created)


async def test_twin(server: LocalServer) -> None:
    """
    A second one with the same URL, events, format and filter is refused, also by a
    change.
    """
    first = await create_subscription(
        server, events=["command.status", "device.online"]
    )
    answer = await server.api(
        "POST",
        "/subscriptions",
        {**REQUEST, "events": ["device.online", "command.status"], "ordered": True},
    )
    other = await create_subscription(server)
    path = f"/subscriptions/{other['id']}"
    turned = await server.api("PATCH", path, {"events": first["events"]})
    same = await server.api("PATCH", path, {"events": other["events"]})

    assert (409, "conflict", None) == answer.problem
    assert first["id"] in answer.json()["detail"]
    assert (409, "conflict", None) == turned.problem
    assert 200 == same.status
    await create_subscription(server, format="iotda")


async def test_other_filter(server: LocalServer) -> None:
    """
    The same URL with other devices is no twin; what clashes, if one is, is said.
    """
    await create_subscription(server)
    north = await create_subscription(server, tags={"site": ["north", "east"]})
    await create_subscription(server, tags={"site": "south"})
    await create_subscription(server, tags={"site": ["north"]})
    await create_subscription(server, deviceIds=["1", "2"])

    again = {**REQUEST, "tags": {"site": ["east", "north"]}}
    answer = await server.api("POST", "/subscriptions", again)
    changed = await server.api(
        "PATCH", f"/subscriptions/{north['id']}", {"tags": {"site": "south"}}
    )

    assert (409, "conflict", None) == answer.problem
    assert (
        f"Subscription {north['id']} posts the same events (command.status) of devices"
        " with the tag site=east or site=north to this URL already, in the format"
        " native."
    ) == answer.json()["detail"]
    assert (409, "conflict", None) == changed.problem


@each_case(
    ("fields", "pointer", "words"),
    [
        ({"events": ["door.opened"]}, "/events/0", "door.opened"),
        ({"events": []}, "/events", "at least 1 item"),
        ({"format": "soap"}, "/format", "soap"),
        ({"format": "iotda", "events": EVENT_NAMES[:4]}, "/events", "device.offline"),
        ({"retryProfile": "never"}, "/retryProfile", "never"),
        ({"deviceIds": []}, "/deviceIds", "at least 1 item"),
        ({"deviceIds": ["7", "x"]}, "/deviceIds/1", "decimal"),
        ({"tags": {}}, "/tags", "at least 1 field"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "/headers", "control characters"),
        ({"headers": {"X A": "a"}}, "/headers", "hyphens"),
        ({"include": ["everything"]}, "/include/0", "everything"),
        ({"secret": "mine"}, "/secret", "secret"),
        ({"url": "ftp://example.com/"}, "/url", "https://"),
        ({"url": "http://9.9.9.9/"}, "/url", "must be https"),
        ({"url": "https://a:b@9.9.9.9/"}, "/url", "credentials"),
        ({"url": "https://10.1.2.3/"}, "/url", "private network"),
        ({"url": "https://[::1]/"}, "/url", "loopback"),
        ({"url": "https://169.254.169.254/"}, "/url", "metadata service"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "10.0.0.1"),
        ({"url": "https://0x7f000001/"}, "/url", "four decimal numbers"),
        ({"url": "https://9.9.9.9/#x"}, "/url", "fragment"),
        ({"url": "https://9.9.9.9:0/"}, "/url", "port"),
        ({"url": "https:///x"}, "/url", "host"),
        ({"url": ""}, "/url", "at least 1 character"),
        ({"url": "https://9.9.9.9/" + "x" * 2000}, "/url", "at most 2000"),
    ],
)
async def test_refused(
    server: LocalServer, fields: dict[str, Any], pointer: str, words: str
) -> None:
    """
    What cannot be is refused with its reason, and nothing is made.
    """
    answer = await server.api("POST", "/subscriptions", {**REQUEST, **fields})

    assert (422, "invalid", pointer) == answer.problem
    assert words in answer.json()["detail"]
    assert [] == list(server.services.subscription_registry)


async def test_refused_by_its_name(database: str, clock: ManualClock) -> None:
    """
    A name that resolves to a refused address is refused with that address.
    """
    body = {**REQUEST, "url": "https://localhost/"}
    async with running_server(database, clock) as server:
        answer = await server.api("POST", "/subscriptions", body)

    assert (422, "invalid", "/url") == answer.problem
    assert "loopback" in answer.json()["detail"]


async def include(server: LocalServer, *permissions: str) -> list[Response]:
    """Ask for results with a token of these permissions: in a new one, in a change."""
    created = await create_subscription(server, url=f"{UNREACHABLE}/plain")
    token = await server.create_token(*permissions)
    body = {"include": ["result"]}
    path = f"/subscriptions/{created['id']}"
    return [
        await server.api("POST", "/subscriptions", {**REQUEST, **body}, token=token),
        await server.api("PATCH", path, body, token=token),
        await server.api("PATCH", path, {"include": []}, token=token),
    ]


async def test_include_needs_more(server: LocalServer) -> None:
    """
    Only who may read results can have them sent to a subscription.
    """
    response = await include(server, "subscriptions:write", "commands:read")

    assert (403, "forbidden", None) == response[0].problem
    assert (403, "forbidden", None) == response[1].problem
    assert "results:read" in response[0].json()["detail"]
    assert 200 == response[2].status
    assert not any(
        each.include_result for each in server.services.subscription_registry
    )


async def test_include(server: LocalServer) -> None:
    """
    Who may read results can have them sent.
    """
    response = await include(server, "subscriptions:write", "results:read")

    assert [201, 200, 200] == [answer.status for answer in response]
    assert [["result"], ["result"], []] == [each.json()["include"] for each in response]


async def test_iotda_needs_more(server: LocalServer) -> None:
    """
    A format whose bodies hold results is only for who may read them.
    """
    token = await server.create_token("subscriptions:write")
    body = {**REQUEST, "format": "iotda"}
    refused = await server.api("POST", "/subscriptions", body, token=token)
    token = await server.create_token("subscriptions:write", "results:read")
    answer = await server.api("POST", "/subscriptions", body, token=token)

    assert (403, "forbidden", None) == refused.problem
    assert 201 == answer.status


@pytest.mark.parametrize("fields", [{"include": ["result"]}, {"format": "iotda"}])
async def test_results_are_not_led_elsewhere(
    server: LocalServer, fields: dict[str, Any]
) -> None:
    """
    Where results go is changed only by who may read them.
    """
    created = await create_subscription(server, **fields)
    path, change = f"/subscriptions/{created['id']}", {"url": f"{UNREACHABLE}/mine"}
    token = await server.create_token("subscriptions:write")
    refused = await server.api("PATCH", path, change, token=token)
    token = await server.create_token("subscriptions:write", "results:read")
    changed = await server.api("PATCH", path, change, token=token)

    assert (403, "forbidden", None) == refused.problem
    assert (200, f"{UNREACHABLE}/mine") == (changed.status, changed.json()["url"])
