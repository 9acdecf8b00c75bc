"""The fleet: made, changed, listed, forgotten."""

from typing import Any

import pytest

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


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("tag=site", "/tag"),
        ("state=lost", "/state"),
        ("cursor=x", "/cursor"),
        ("limit=0", "/limit"),
        ("name=x", "/name"),
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
