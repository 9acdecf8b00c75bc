"""The fleet: made, changed, listed, forgotten."""

from typing import Any

import pytest

from tests.web.site import DEVICE, OPEN_DOOR, Site

PATH = f"/devices/{DEVICE}"


async def ids(site: Site, query: str = "") -> list[str]:
    """Return the ids of the devices that a list holds."""
    answer = await site.api("GET", f"/devices?{query}")
    assert 200 == answer.status, answer.body
    return [item["deviceId"] for item in answer.json()["items"]]


async def test_put(site: Site) -> None:
    """
    PUT makes a device, 201, and replaces it, 200: what is left out is gone then.
    """
    told = {"name": "Porta ü", "tags": {"site": "São Paulo"}, "hold": 12.5}
    made = await site.api("PUT", PATH, told)
    replaced = await site.api("PUT", PATH, {"name": "x"})

    assert 201 == made.status
    assert {
        "deviceId": str(DEVICE),
        "name": "Porta ü",
        "tags": {"site": "São Paulo"},
        "hold": 12.5,
        "state": "adopted",
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "queueDepth": 0,
        "keyed": False,
        "keyEnforced": False,
        "deviceSeen": False,
    } == made.json()
    assert 200 == replaced.status
    assert ({}, "x") == (replaced.json()["tags"], replaced.json()["name"])
    assert "hold" not in replaced.json()


async def test_put_nothing(site: Site) -> None:
    """
    `PUT {}` is enough; it adopts a quarantined device, which is created then.
    """
    await site.push()

    answer = await site.api("PUT", PATH, {})

    assert (201, "adopted") == (answer.status, answer.json()["state"])


async def test_patch(site: Site) -> None:
    """
    PATCH changes what is given, and null takes away.
    """
    await site.api("PUT", PATH, {"name": "x", "tags": {"a": "b"}, "hold": 3})

    answer = await site.api("PATCH", PATH, {"tags": {"c": "d"}, "hold": None})

    device = answer.json()
    assert 200 == answer.status
    assert ("x", {"c": "d"}) == (device["name"], device["tags"])
    assert "hold" not in device


async def test_unknown(site: Site) -> None:
    """
    A device that is not known is 404, but for PUT and adopting.
    """
    for method, path in (
        ("GET", PATH),
        ("PATCH", PATH),
        ("DELETE", PATH),
        ("POST", f"{PATH}/key"),
    ):
        answer = await site.api(method, path, {} if method != "GET" else None)
        assert (404, "not-found", None) == answer.problem
    assert 200 == (await site.api("POST", f"{PATH}/adopt")).status


async def test_what_was_seen(site: Site) -> None:
    """
    A device shows when it was seen, how often it polls, and what is with it.
    """
    await site.api("PUT", PATH, {})
    for _ in range(4):
        await site.push()
        site.clock.tick(seconds=5)
    command = await site.enqueue()
    await site.enqueue()
    await site.push()

    device = await site.device()

    assert (5, 1) == (device["pollPeriod"], device["queueDepth"])
    assert "2026-01-01T00:00:20.000000Z" == device["lastSeenAt"]
    flight = device["inFlight"]
    assert (command["id"], "load_objects") == (flight["commandId"], flight["endpoint"])
    assert "2026-01-01T00:00:20.000000Z" == flight["sentAt"]


async def test_delete(site: Site) -> None:
    """
    Deleting a device ends what waits for it; what it did stays.
    """
    await site.enqueue(OPEN_DOOR)
    waiting = await site.enqueue(OPEN_DOOR)
    await site.push()
    await site.result()

    gone = await site.api("DELETE", PATH)

    assert (204, b"") == (gone.status, gone.body)
    assert 404 == (await site.api("GET", PATH)).status
    assert "CANCELED" == (await site.command(waiting["id"]))["state"]
    listed = await site.api("GET", f"{PATH}/commands")
    assert ["CANCELED", "SUCCESSFUL"] == [c["state"] for c in listed.json()["items"]]


async def test_list(site: Site) -> None:
    """
    Devices are listed by their ids, page by page, each once.
    """
    for number in (3, 20, 100, 1, 0):
        await site.api("PUT", f"/devices/{number}", {})
    first = (await site.api("GET", "/devices?limit=2")).json()
    second = await site.api("GET", f"/devices?limit=3&cursor={first['nextCursor']}")

    assert ["0", "1", "3", "20", "100"] == await ids(site)
    assert ["0", "1"] == [item["deviceId"] for item in first["items"]]
    assert ["3", "20", "100"] == [i["deviceId"] for i in second.json()["items"]]
    assert "nextCursor" not in second.json()
    assert "Link" not in second.headers


async def test_filters(site: Site) -> None:
    """
    Filters are by state and by tag; a tag's value may hold a colon.
    """
    await site.api("PUT", "/devices/1", {"tags": {"site": "a:b", "x": ""}})
    await site.api("PUT", "/devices/2", {"tags": {"site": "c"}})
    await site.push("deviceId=3")

    assert ["1"] == await ids(site, "tag=site:a:b")
    assert ["2"] == await ids(site, "tag=site%3Ac&state=adopted")
    assert ["1"] == await ids(site, "tag=x:")
    assert ["3"] == await ids(site, "state=quarantined")
    assert [] == await ids(site, "tag=site:")


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
        ({"state": "adopted"}, "/state"),
        ({"deviceId": "1"}, "/deviceId"),
        ([], None),
    ],
)
async def test_wrong_fields(site: Site, body: Any, pointer: str | None) -> None:
    """
    A field that is wrong is named, and nothing is changed.
    """
    for method in ("PUT", "PATCH"):
        answer = await site.api(method, PATH, body)
        assert (422, "invalid") == answer.problem[:2]
        assert answer.problem[2] in (pointer, (pointer or "").rpartition("/a")[0])
    assert [] == await ids(site)


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
async def test_wrong_filters(site: Site, query: str, pointer: str) -> None:
    """
    A filter that is wrong is refused.
    """
    answer = await site.api("GET", f"/devices?{query}")

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize("body", [None, {}, {"enforce": False}])
async def test_key(site: Site, body: Any) -> None:
    """
    A key is made with or without a body, for an adopted device.
    """
    await site.api("PUT", PATH, {})

    answer = await site.api("POST", f"{PATH}/key", body)

    assert (201, {"key", "path", "url"}) == (answer.status, set(answer.json()))


async def test_odd_text(site: Site) -> None:
    """
    Names and tags are any text.
    """
    told = {"name": "a\x00b\n\U0001f6aa", "tags": {"": "", "a\x00": "\x00"}}

    await site.api("PUT", PATH, told)

    device = await site.device()
    assert told == {"name": device["name"], "tags": device["tags"]}
