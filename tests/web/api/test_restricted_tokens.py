"""A restricted token reaches its devices and nothing else, whatever it asks."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from pushserver.web.api import ROUTES
from pushserver.web.api.route import ApiRoute
from tests.web.api.isolation import stored_rows
from tests.web.api.tenant import Tenant, first_tenant, populated_tenant
from tests.web.api.test_scope_isolation import (
    CHANGING,
    READ_ROUTES,
    REQUESTS,
    ROUTE_GROUPS,
    leaked,
    send_request,
)
from tests.web.event_stream import open_event_stream
from tests.web.kapua.client import kapua_id
from tests.web.local_server import DEVICE, LocalServer, Response

#: A device of the caller's own, which is not the owner's.
OWN = DEVICE + 9
#: What is about a whole scope, and so for no restricted token.
WHOLE_SCOPE = {
    "importDevices",
    "getBlob",
    "makeToken",
    "listTokens",
    "revokeToken",
    "makeScope",
    "listScopes",
    "deleteScope",
    "makeTokenOfScope",
    "purge",
    "getServer",
    "getLatencies",
    "getStatistics",
    "listAudit",
}
#: What is found by the names of tasks and subscriptions, which others have made.
OF_OTHERS = {
    route.name
    for route in ROUTES
    if any(f"{{{kind}_id}}" in route.path for kind in ("task", "upgrade"))
    or "{subscription_id}" in route.path
}
RESTRICTIONS: Mapping[str, Mapping[str, Any]] = {
    "ids": {"deviceIds": [str(OWN)]},
    "tags": {"tags": {"door": "mine"}},
    "both": {"deviceIds": [str(OWN), str(DEVICE)], "tags": {"door": "mine"}},
}


@pytest.fixture(name="server")
def _server(server_of_all_faces: LocalServer) -> LocalServer:
    """Return a server of which every call can be tried."""
    return server_of_all_faces


async def restricted(server: LocalServer, **limits: Any) -> str:
    """Make a token that may do everything, and only to some devices."""
    request = {"name": "some doors", "permissions": ["admin"], **limits}
    answer = await server.api("POST", "/tokens", request)
    assert 201 == answer.status, answer.body
    secret: str = answer.json()["token"]
    return secret


async def populated(server: LocalServer) -> Tenant:
    """Return the owner of one of everything; there is a device that is not his."""
    await server.api("PUT", f"/devices/{OWN}", {"tags": {"door": "mine"}})
    return await populated_tenant(first_tenant(server), "first", 0)


@pytest.mark.parametrize("how", RESTRICTIONS)
async def test_other_devices(server: LocalServer, database: str, how: str) -> None:
    """
    It sees nothing of a device that is not its own, and changes nothing of it.
    """
    owner = await populated(server)
    token = await restricted(server, **RESTRICTIONS[how])
    caller = attrs.evolve(owner, token=token)
    marks = owner.marks - {*RESTRICTIONS[how].get("deviceIds", ())}
    rows = await stored_rows(server, database)

    for route in (*READ_ROUTES, *CHANGING):
        for template in REQUESTS[route.name]:
            answer, asked = await send_request(caller, owner, route, template)
            assert (route.name, set()) == (route.name, leaked(marks, answer, asked))
        before, rows = rows, await stored_rows(server, database)
        new = [dict(row[1:]) for row in rows.keys() - before.keys()]
        assert (route.name, set()) == (route.name, before.keys() - rows.keys())
        assert DEVICE not in {row.get("device_id") for row in new}, route.name


@pytest.mark.parametrize("routes", ROUTE_GROUPS, ids=lambda routes: routes[0].name)
async def test_its_own(server: LocalServer, routes: Sequence[ApiRoute]) -> None:
    """
    It may do to its own devices what its permissions say; the rest is not for it.
    """
    owner = await populated(server)
    token = await restricted(server, deviceIds=[str(DEVICE)])
    caller = attrs.evolve(owner, token=token)

    for route in routes:
        answer, _ = await send_request(caller, owner, route, REQUESTS[route.name][0])

        expected: Sequence[int] = (200, 201, 202, 204)
        if route.name in WHOLE_SCOPE:
            expected = (403,)
        elif route.name in OF_OTHERS:
            expected = (404,)
        assert answer.status in expected, (route.name, answer.body)


async def ids_of(server: LocalServer, path: str, token: str) -> list[str]:
    """Return what a list has for a token, by its ids."""
    items = (await server.api("GET", path, token=token)).json()["items"]
    return [item.get("id") or item["deviceId"] for item in items]


async def test_lists(server: LocalServer) -> None:
    """
    Lists have what is of its devices, page by page, and nothing between.
    """
    owner = await populated(server)
    mine = []
    for _ in range(3):
        mine.append((await server.enqueue(device_id=OWN))["id"])
        await server.enqueue(device_id=owner.ids["device_id"])
    token = await restricted(server, tags={"door": "mine"})

    first = await server.api("GET", "/commands?limit=2", token=token)
    rest = await server.api(
        "GET", f"/commands?limit=2&cursor={first.json()['nextCursor']}", token=token
    )

    pages = [[item["id"] for item in page.json()["items"]] for page in (first, rest)]
    assert [[mine[2], mine[1]], [mine[0]]] == pages
    assert [str(OWN)] == await ids_of(server, "/devices", token)
    assert [] == await ids_of(server, "/results", token)
    assert [] == await ids_of(server, "/operations", token)


async def test_tags_of_today(server: LocalServer) -> None:
    """
    A device is reached from when it has the tags, until it has them no more.
    """
    token = await restricted(server, tags={"door": "mine"})
    path, statuses = f"/devices/{DEVICE}", []

    for tags in ({"door": "yours"}, {"door": "mine", "floor": "1"}, {}):
        await server.api("PUT", path, {"tags": tags})
        statuses.append((await server.api("GET", path, token=token)).status)

    assert [404, 200, 404] == statuses


async def test_bulk_cancel(server: LocalServer) -> None:
    """
    Taking back all, or what is named, takes back what is of its devices.
    """
    owner = await populated(server)
    mine = (await server.enqueue(device_id=OWN))["id"]
    foreign = owner.ids["pending"]
    token = await restricted(server, deviceIds=[str(OWN)])

    by_ids = await server.api(
        "POST", "/commands/cancel?dryRun=true", {"ids": [mine, foreign]}, token=token
    )
    by_filter = await server.api(
        "POST", "/commands/cancel", {"endpoint": "load_objects"}, token=token
    )

    assert (1, 1) == (by_ids.json()["canceled"], by_ids.json()["unknown"])
    assert 1 == by_filter.json()["canceled"]
    assert "PENDING" == (await server.get_command(foreign))["state"]


async def make_task(server: LocalServer, token: str, targets: Any) -> Response:
    """Begin a task."""
    body = {"targets": targets, "steps": [{"endpoint": "reboot"}]}
    return await server.api("POST", "/tasks", body, token=token)


async def test_targets(server: LocalServer) -> None:
    """
    All are all of its devices; one that it does not reach is named as if unknown.
    """
    await populated(server)
    token = await restricted(server, tags={"door": "mine"})

    all_, foreign, none = [
        await make_task(server, token, targets)
        for targets in (
            {"all": True},
            {"deviceIds": [str(OWN), str(DEVICE)]},
            {"tags": {"owner": "first-tag"}},
        )
    ]

    assert (201, 1) == (all_.status, all_.json()["devices"])
    assert (422, "invalid", "/targets/deviceIds") == foreign.problem
    assert (422, "invalid", "/targets") == none.problem


async def test_own_tasks(server: LocalServer) -> None:
    """
    It sees and steers the tasks that it made, and begins none of them anew with a
    device that it does not reach any more.
    """
    await populated(server)
    token = await restricted(server, tags={"door": "mine"})
    task = (await make_task(server, token, {"all": True})).json()["id"]

    listed = await ids_of(server, "/tasks", token)
    paused = await server.api("POST", f"/tasks/{task}/pause", token=token)
    await server.api("PATCH", f"/devices/{OWN}", {"tags": {}})
    resumed = await server.api("POST", f"/tasks/{task}/resume", token=token)

    assert [task] == listed
    assert 200 == paused.status
    assert (403, "forbidden", None) == resumed.problem


async def test_events(server: LocalServer) -> None:
    """
    Its stream has the events of its devices, whatever filter it asks for.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})
    await server.api("PUT", f"/devices/{OWN}", {"tags": {"door": "mine"}})
    token = await restricted(server, tags={"door": "mine"})

    async with open_event_stream(server, token=token) as stream:
        await server.enqueue(device_id=DEVICE)
        mine = await server.enqueue(device_id=OWN)
        event = await stream.next_data()

    assert mine["id"] == event["commandId"]


SUBSCRIPTION = {"url": "http://127.0.0.1:1/", "events": ["command.status"]}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"deviceIds": [str(OWN)], "tags": {"door": ["mine"]}}),
        (
            {"tags": {"floor": "1"}},
            {"deviceIds": [str(OWN)], "tags": {"door": ["mine"], "floor": ["1"]}},
        ),
        ({"deviceIds": [str(DEVICE)]}, "/deviceIds"),
        ({"deviceIds": [str(OWN), str(DEVICE)]}, "/deviceIds"),
        ({"tags": {"door": "yours"}}, "/tags"),
        ({"tags": {"door": ["mine", "yours"]}}, "/tags"),
    ],
)
async def test_webhooks(server: LocalServer, asked: Any, expected: Any) -> None:
    """
    What it has posted is of its devices: the filters are narrowed, or refused.
    """
    token = await restricted(server, deviceIds=[str(OWN)], tags={"door": "mine"})

    answer = await server.api(
        "POST", "/subscriptions", SUBSCRIPTION | asked, token=token
    )

    if isinstance(expected, str):
        assert (422, "invalid", expected) == answer.problem
    else:
        assert expected.items() <= answer.json().items()


@pytest.mark.parametrize("widened", [{"deviceIds": None}, {"tags": None}])
async def test_webhooks_are_not_widened(server: LocalServer, widened: Any) -> None:
    """
    A change that leaves the filters out, or takes them away, takes none away.
    """
    token = await restricted(server, deviceIds=[str(OWN)], tags={"door": "mine"})
    made = await server.api("POST", "/subscriptions", SUBSCRIPTION, token=token)
    path = f"/subscriptions/{made.json()['id']}"

    answers = [
        await server.api("PATCH", path, change, token=token)
        for change in (widened, {"description": "x"})
    ]

    for answer in answers:
        assert 200 == answer.status, answer.body
        assert [str(OWN)] == answer.json()["deviceIds"]
        assert {"door": ["mine"]} == answer.json()["tags"]


async def test_kapua(server: LocalServer) -> None:
    """
    Kapua's face is one more way to the same devices.
    """
    owner = await populated(server)
    token = await restricted(server, deviceIds=[str(OWN)])
    operation = kapua_id(int(owner.ids["operation_id"]))
    headers = {"Authorization": f"Bearer {token}"}

    statuses = {
        (await server.request("GET", path, headers=headers)).status
        for device in (kapua_id(DEVICE),)
        for path in (
            f"/_/devices/{device}/operations",
            f"/_/devices/{device}/operations/{operation}",
            f"/_/devices/{device}/operations/{operation}/notifications",
        )
    }
    own = await server.request(
        "GET", f"/_/devices/{kapua_id(OWN)}/operations", headers=headers
    )

    assert {403} == statuses
    assert 200 == own.status


async def test_refused_before_its_body(server: LocalServer) -> None:
    """
    What is about a whole scope is refused before anything of its body was sent.
    """
    secret = await restricted(server, deviceIds=[str(OWN)])

    status_line = await server.announce_import(secret)

    assert status_line.startswith(b"HTTP/1.1 403 ")
