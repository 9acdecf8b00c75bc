"""Enqueuing: what a program gives, and what it is told."""

import base64
from typing import Any

import pytest

from tests.web.site import DEVICE, LOAD_USERS, OPEN_DOOR, Site

PATH = f"/devices/{DEVICE}/commands"
OCTETS = {"Content-Type": "application/octet-stream"}


async def test_answer(site: Site) -> None:
    """
    A program gets its command whole, with all that was filled in, and where it is.
    """
    answer = await site.api("POST", PATH, LOAD_USERS)

    command = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/commands/{command['id']}" == answer.headers["Location"]
    assert {
        "id": command["id"],
        "deviceId": str(DEVICE),
        "verb": "POST",
        "endpoint": "load_objects",
        "body": {"object": "users"},
        "contentType": "application/json",
        "state": "PENDING",
        "delivery": "atLeastOnce",
        "priority": 0,
        "maxAttempts": 5,
        "responseTimeout": 180,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "expiresAt": "2026-01-02T00:00:00.000000Z",
        "attempts": 0,
        "deliveries": [],
        "warnings": ["The device has never polled."],
        "deviceSeen": False,
    } == command
    assert command["id"].isdigit()


async def test_everything_given(site: Site) -> None:
    """
    Every field that a program gives is kept and shown.
    """
    given: dict[str, Any] = {
        "verb": "GET",
        "endpoint": "user_list_images",
        "body": {"a": [1, None]},
        "contentType": "application/json",
        "queryString": "get_timestamp=1",
        "expiresIn": 90.5,
        "notBefore": "2026-01-01T02:00:00.250000+01:00",
        "priority": -100,
        "delivery": "atMostOnce",
        "maxAttempts": 3,
        "responseTimeout": 12.5,
        "metadata": {"who": "Ana", "n": 9007199254740993},
    }

    command = await site.enqueue(given)

    times = {
        "notBefore": "2026-01-01T01:00:00.250000Z",
        "expiresAt": "2026-01-01T01:01:30.750000Z",
    }
    del given["expiresIn"]
    assert {**given, **times} == {name: command[name] for name in (*given, "expiresAt")}


@pytest.mark.parametrize(
    ("command", "delivery", "expires"),
    [
        (OPEN_DOOR, "atMostOnce", "2026-01-01T00:00:30.000000Z"),
        ({"endpoint": "reboot"}, "atMostOnce", "2026-01-02T00:00:00.000000Z"),
        (LOAD_USERS, "atLeastOnce", "2026-01-02T00:00:00.000000Z"),
    ],
)
async def test_catalogue(
    site: Site, command: dict[str, Any], delivery: str, expires: str
) -> None:
    """
    What a program does not say, the catalogue of endpoints does.
    """
    told = await site.enqueue(command)

    assert (delivery, expires) == (told["delivery"], told["expiresAt"])


async def test_known_device(site: Site) -> None:
    """
    For a device that polls there is nothing to warn of.
    """
    await site.enqueue()
    await site.push()
    await site.result()

    told = await site.enqueue()

    assert not {"warnings", "deviceSeen"} & set(told)


async def test_too_late_for_its_period(site: Site) -> None:
    """
    A door that expires before the device will poll is announced as that.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})
    for _ in range(3):
        await site.push()
        site.clock.tick(seconds=60)
    await site.push()

    (warning,) = (await site.enqueue(OPEN_DOOR))["warnings"]
    assert "expires" in warning


async def test_numbers_to_the_digit(site: Site) -> None:
    """
    Numbers beyond 2^53 in bodies and metadata come back to the digit.
    """
    numbers = b'{"n":[9007199254740993,1.10,1e5,123456789012345678901234567890]}'
    wanted = b'{"endpoint":"x","body":%b,"metadata":%b}' % (numbers, numbers)

    told = await site.api("POST", PATH, wanted)
    listed = await site.api("GET", PATH)

    assert 2 == told.body.count(numbers)
    assert 2 == listed.body.count(numbers)


async def test_null_is_left_out(site: Site) -> None:
    """
    What is null counts as not given.
    """
    command = await site.enqueue(
        {"endpoint": "x", "body": None, "queryString": None, "expiresIn": None}
    )

    assert not {"body", "queryString"} & set(command)


async def test_octets_as_json(site: Site) -> None:
    """
    Bytes come as base64 in JSON, too.
    """
    photo = base64.b64encode(b"\xff\xd8photo").decode()
    wanted = {
        "endpoint": "user_set_image",
        "contentType": "application/octet-stream",
        "body": photo,
    }

    command = await site.enqueue(wanted)

    assert photo == command["body"]


async def test_octets_with_everything(site: Site) -> None:
    """
    Raw bytes take all other fields as query parameters.
    """
    query = (
        "endpoint=user_set_image.fcgi&queryString=user_id%3D7&priority=5"
        "&expiresIn=60&delivery=atMostOnce&maxAttempts=2&responseTimeout=30"
        "&notBefore=2026-01-01T00:00:10Z"
    )

    answer = await site.api("POST", f"{PATH}?{query}", b"\x00\xff", headers=OCTETS)

    assert 201 == answer.status
    command = answer.json()
    wanted = {
        "verb": "POST",
        "endpoint": "user_set_image",
        "body": "AP8=",
        "contentType": "application/octet-stream",
        "queryString": "user_id=7",
        "priority": 5,
        "delivery": "atMostOnce",
        "maxAttempts": 2,
        "responseTimeout": 30,
        "notBefore": "2026-01-01T00:00:10.000000Z",
        "expiresAt": "2026-01-01T00:01:10.000000Z",
    }
    assert wanted == {name: command[name] for name in wanted}


async def test_many(site: Site) -> None:
    """
    An array of a thousand is enqueued in its order.
    """
    wanted = [{"endpoint": "x", "body": {"n": n}} for n in range(1000)]

    answer = await site.api("POST", PATH, wanted)

    items = answer.json()["items"]
    assert 201 == answer.status
    assert list(range(1000)) == [item["body"]["n"] for item in items]
    assert 1000 == (await site.device())["queueDepth"]
    assert 0 == (await site.push()).json()["body"]["n"]


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ([], None),
        ([{"endpoint": "x"}] * 1001, None),
        ([{"endpoint": "x"}, {"endpoint": "a/b"}], "/1/endpoint"),
        ([{"endpoint": "x"}, {"endpoint": "y", "wrong": 1}], "/1/wrong"),
        ([{"endpoint": "x"}, {"endpoint": "y", "priority": 101}], "/1/priority"),
        ([{"endpoint": "x"}, {"endpoint": "y", "verb": "PUT"}], "/1/verb"),
    ],
)
async def test_all_or_nothing(site: Site, wanted: Any, pointer: str | None) -> None:
    """
    One wrong command in an array, and none is enqueued; the pointer tells which.
    """
    await site.api("PUT", f"/devices/{DEVICE}", {})

    answer = await site.api("POST", PATH, wanted)

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await site.api("GET", "/commands")).json()["items"]


async def test_adopts(site: Site) -> None:
    """
    A token that may write devices adopts by enqueuing; another one may not.
    """
    may = await site.token("commands:write", "devices:write")
    may_not = await site.token("commands:write", "devices:read")

    refused = await site.api("POST", PATH, LOAD_USERS, token=may_not)
    taken = await site.api("POST", PATH, LOAD_USERS, token=may)

    assert (404, "not-found", None) == refused.problem
    assert (201, False) == (taken.status, taken.json()["deviceSeen"])
    assert "adopted" == (await site.device())["state"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        (f"{PATH}?", {}),
        (PATH, {"Expect": "100-continue"}),
        (PATH.replace("commands", "%63ommands"), {}),
        (f"/devices/%3{str(DEVICE)[0]}{str(DEVICE)[1:]}/commands", {}),
    ],
)
async def test_past_the_router_or_not(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    """
    However its address is written, an enqueue is the same.
    """
    answer = await site.api("POST", path, LOAD_USERS, headers=headers)

    assert (201, str(DEVICE)) == (answer.status, answer.json()["deviceId"])


@pytest.mark.parametrize("device_id", ["x", "1x", "9" * 19, "9" * 20, "%C2%B2"])
async def test_no_device_id(site: Site, device_id: str) -> None:
    """
    What is no int64 is refused, also where it is made of digits.
    """
    answer = await site.api("POST", f"/devices/{device_id}/commands", LOAD_USERS)

    assert (422, "invalid") == answer.problem[:2]
