"""The fleet: made, changed, listed, forgotten."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.local_server import ADMIN, DEVICE, OPEN_DOOR, LocalServer

PATH = f"/devices/{DEVICE}"


async def ids(server: LocalServer, query: str = "") -> list[str]:
    """Return the ids of the devices that a list holds."""
    answer = await server.api("GET", f"/devices?{query}")
    assert 200 == answer.status, answer.body
    return [item["deviceId"] for item in answer.json()["items"]]


async def test_put(server: LocalServer) -> None:
    """
    PUT makes a device, 201, and replaces it, 200: what is left out is gone then.
    """
    settings = {"name": "Porta ü", "tags": {"site": "São Paulo"}, "hold": 12.5}
    answer = await server.api("PUT", PATH, settings)
    replaced = await server.api("PUT", PATH, {"name": "x"})

    assert 201 == answer.status
    assert {
        "deviceId": str(DEVICE),
        "name": "Porta ü",
        "tags": {"site": "São Paulo"},
        "hold": 12.5,
        "state": "adopted",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "adoptedBy": ADMIN,
        "queueDepth": 0,
        "keyed": False,
        "keyEnforced": False,
        "deviceSeen": False,
        "online": False,
    } == answer.json()
    assert 200 == replaced.status
    assert ({}, "x") == (replaced.json()["tags"], replaced.json()["name"])
    assert "hold" not in replaced.json()


async def test_put_nothing(server: LocalServer) -> None:
    """
    `PUT {}` is enough; it adopts a quarantined device, which is created then.
    """
    await server.poll()

    answer = await server.api("PUT", PATH, {})

    assert (201, "adopted") == (answer.status, answer.json()["state"])


async def test_patch(server: LocalServer) -> None:
    """
    PATCH changes what is given, and null takes away.
    """
    await server.api("PUT", PATH, {"name": "x", "tags": {"a": "b"}, "hold": 3})

    answer = await server.api("PATCH", PATH, {"tags": {"c": "d"}, "hold": None})

    device = answer.json()
    assert 200 == answer.status
    assert ("x", {"c": "d"}) == (device["name"], device["tags"])
    assert "hold" not in device


async def test_unknown(server: LocalServer) -> None:
    """
    A device that is not known is 404, but for PUT and adopting.
    """
    for method, path in (
        ("GET", PATH),
        ("PATCH", PATH),
        ("DELETE", PATH),
        ("POST", f"{PATH}/key"),
    ):
        answer = await server.api(method, path, {} if method != "GET" else None)
        assert (404, "not-found", None) == answer.problem
    assert 200 == (await server.api("POST", f"{PATH}/adopt")).status


async def test_what_was_seen(server: LocalServer) -> None:
    """
    A device shows when it was seen, how often it polls, and what is with it.
    """
    await server.api("PUT", PATH, {})
    for _ in range(4):
        await server.poll()
        server.clock.tick(seconds=5)
    command = await server.enqueue()
    await server.enqueue()
    await server.poll()

    device = await server.get_device()

    assert (5, 1) == (device["pollPeriod"], device["queueDepth"])
    assert "2026-01-01T00:00:20.000000Z" == device["lastSeenAt"]
    assert (0, True) == (device["lastSeenAgo"], device["online"])
    in_flight = device["inFlight"]
    assert (command["id"], "load_objects") == (
        in_flight["commandId"],
        in_flight["endpoint"],
    )
    assert "2026-01-01T00:00:20.000000Z" == in_flight["sentAt"]


async def test_delete(server: LocalServer) -> None:
    """
    Deleting a device ends what waits for it; what it did stays.
    """
    await server.enqueue(OPEN_DOOR)
    waiting = await server.enqueue(OPEN_DOOR)
    await server.poll()
    await server.post_result()

    gone = await server.api("DELETE", PATH)

    assert (204, b"") == (gone.status, gone.body)
    assert 404 == (await server.api("GET", PATH)).status
    assert "CANCELED" == (await server.get_command(waiting["id"]))["state"]
    listed = await server.api("GET", f"{PATH}/commands")
    assert ["CANCELED", "SUCCESSFUL"] == [c["state"] for c in listed.json()["items"]]


async def test_list(server: LocalServer) -> None:
    """
    Devices are listed by their ids, page by page, each once.
    """
    for number in (3, 20, 100, 1, 0):
        await server.api("PUT", f"/devices/{number}", {})
    first = (await server.api("GET", "/devices?limit=2")).json()
    second = await server.api("GET", f"/devices?limit=3&cursor={first['nextCursor']}")

    assert ["0", "1", "3", "20", "100"] == await ids(server)
    assert ["0", "1"] == [item["deviceId"] for item in first["items"]]
    assert ["3", "20", "100"] == [i["deviceId"] for i in second.json()["items"]]
    assert "nextCursor" not in second.json()
    assert "Link" not in second.headers


async def test_filters(server: LocalServer) -> None:
    """
    Filters are by state and by tag; a tag's value may hold a colon.
    """
    await server.api("PUT", "/devices/1", {"tags": {"site": "a:b", "x": ""}})
    await server.api("PUT", "/devices/2", {"tags": {"site": "c"}})
    await server.poll("deviceId=3")

    assert ["1"] == await ids(server, "tag=site:a:b")
    assert ["2"] == await ids(server, "tag=site%3Ac&state=adopted")
    assert ["1"] == await ids(server, "tag=x:")
    assert ["3"] == await ids(server, "state=quarantined")
    assert [] == await ids(server, "tag=site:")
    assert ["1", "2"] == await ids(server, "tag=site:a:b&tag=site:c")
    assert ["1"] == await ids(server, "tag=site:a:b&tag=site:c&tag=x:")
    assert ["3"] == await ids(server, "online=true")
    assert ["1", "2"] == await ids(server, "online=false")


async def test_search(server: LocalServer) -> None:
    """
    A text is looked for in names and ids, as it is; a filter is kept on every page.
    """
    for number, name in (("7", "Gate 1%"), ("17", "gate 2"), ("27", "Door, 1%")):
        await server.api("PUT", f"/devices/{number}", {"name": name})
    first = (await server.api("GET", "/devices?q=GATE&limit=1")).json()

    assert ["7", "17"] == await ids(server, "q=gate")
    assert ["7", "27"] == await ids(server, "q=1%25")
    assert ["7", "17", "27"] == await ids(server, "q=7")
    assert ["17"] == await ids(server, f"q=GATE&cursor={first['nextCursor']}")


@pytest.mark.parametrize("sort", ["name", "-name", "lastSeenAt", "-queueDepth"])
async def test_sorted(server: LocalServer, sort: str) -> None:
    """
    A list in another order goes from page to page by its links; a cursor is its own.
    """
    for number, name in ((3, "é"), (2, "a,b"), (1, None)):
        await server.api("PUT", f"/devices/{number}", {"name": name} if name else {})
        await server.poll(f"deviceId={number}")
        server.clock.tick(seconds=1)
    await server.api("POST", "/devices/2/commands", {"endpoint": "x"})
    expected = {
        "name": ["2", "3", "1"],
        "-name": ["1", "3", "2"],
        "lastSeenAt": ["3", "2", "1"],
        "-queueDepth": ["2", "3", "1"],
    }[sort]
    path, listed = f"/devices?sort={sort}&limit=1", []
    while path:
        answer = await server.api("GET", path)
        listed += [item["deviceId"] for item in answer.json()["items"]]
        link = answer.headers.get("Link", "")
        path = link.removeprefix("</api/v1").removesuffix('>; rel="next"')
        if "nextCursor" in answer.json():
            cursor = answer.json()["nextCursor"]
            query = f"sort=-lastSeenAt&cursor={cursor}"
            other = await server.api("GET", f"/devices?{query}")
            assert (422, "invalid", "/cursor") == other.problem

    assert expected == listed


@each_case(
    ("body", "pointer"),
    [
        ({"nam": "x"}, "/nam"),
        ({"name": 7}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"tags": []}, "/tags"),
        ({"tags": None}, "/tags"),
        ({"tags": {"a": 1}}, "/tags/a"),
        ({"hold": -1}, "/hold"),
        ({"hold": "1"}, "/hold"),
        ({"hold": 1e9}, "/hold"),
        ({"hold": 300.1}, "/hold"),
        ({"state": "adopted"}, "/state"),
        ({"deviceId": "1"}, "/deviceId"),
        ([], None),
    ],
)
async def test_wrong_fields(
    server: LocalServer, body: Any, pointer: str | None
) -> None:
    """
    A field that is wrong is named, and nothing is changed.
    """
    for method in ("PUT", "PATCH"):
        answer = await server.api(method, PATH, body)
        assert (422, "invalid") == answer.problem[:2]
        assert answer.problem[2] in (pointer, (pointer or "").rpartition("/a")[0])
    assert [] == await ids(server)


@each_case(
    ("query", "pointer"),
    [
        ("tag=site", "/tag"),
        ("state=lost", "/state"),
        ("cursor=x", "/cursor"),
        ("limit=0", "/limit"),
        ("name=x", "/name"),
        ("online=maybe", "/online"),
        ("sort=age", "/sort"),
        ("sort=--name", "/sort"),
        ("sort=name&sort=name", "/sort"),
        ("sort=name&cursor=1", "/cursor"),
        ("sort=name&cursor=WyJuYW1lIiwxXQ", "/cursor"),
        ("sort=name&cursor=%C3%A9", "/cursor"),
        ("sort=lastSeenAt&cursor=WyJsYXN0U2VlbkF0Iiwi4pi6Il0", "/cursor"),
        ("q=" + "x" * 201, "/q"),
    ],
)
async def test_wrong_filters(server: LocalServer, query: str, pointer: str) -> None:
    """
    A filter that is wrong is refused.
    """
    answer = await server.api("GET", f"/devices?{query}")

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize("body", [None, {}, {"enforce": False}])
async def test_key(server: LocalServer, body: Any) -> None:
    """
    A key is made with or without a body; no terminal reaches a loopback URL.
    """
    await server.api("PUT", PATH, {})

    answer = await server.api("POST", f"{PATH}/key", body)

    shown = {"key", "path", "enforced"}
    assert (201, shown) == (answer.status, set(answer.json()))


async def test_odd_text(server: LocalServer) -> None:
    """
    Names and tags are any text.
    """
    settings = {"name": "a\x00b\n\U0001f6aa", "tags": {"": "", "a\x00": "\x00"}}

    await server.api("PUT", PATH, settings)

    device = await server.get_device()
    assert settings == {"name": device["name"], "tags": device["tags"]}
