"""What a device is sent: one command object, as on the vendor's page."""

import base64
import json
from typing import Any

import pytest

from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer


async def test_idle(server: LocalServer) -> None:
    """
    A device with nothing to do gets a 200 whose length is nought.
    """
    await server.api("PUT", f"/devices/{DEVICE}", {})

    assert (await server.poll()).is_empty


async def test_as_on_the_vendors_page(server: LocalServer) -> None:
    """
    The command object is the vendor's example, and nothing besides.
    """
    await server.enqueue(LOAD_USERS)

    answer = await server.poll()

    assert "application/json" == answer.headers["Content-Type"].partition(";")[0]
    assert answer.json() == {
        "verb": "POST",
        "endpoint": "load_objects",
        "body": {"object": "users"},
        "contentType": "application/json",
    }


ORDERS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (
        {"endpoint": "system_information"},
        {"endpoint": "system_information", "verb": "POST"},
    ),
    (
        {"endpoint": "/load_objects.fcgi", "verb": "GET"},
        {"endpoint": "load_objects", "verb": "GET"},
    ),
    ({"endpoint": "//reboot.fcgi/"}, {"endpoint": "reboot"}),
    (
        {"endpoint": "load_objects", "contentType": "application/JSON"},
        {"contentType": "application/json"},
    ),
    ({"endpoint": "x", "body": [1, {"a": None}]}, {"body": [1, {"a": None}]}),
    ({"endpoint": "x", "body": "as it is"}, {"body": "as it is"}),
    ({"endpoint": "x", "body": "ação \U0001f6aa"}, {"body": "ação \U0001f6aa"}),
    (
        {"endpoint": "x", "queryString": "user_id=7&match=0"},
        {"queryString": "user_id=7&match=0"},
    ),
    (
        {"endpoint": "x", "queryString": {"user_id": 7, "name": "a b&c"}},
        {"queryString": "user_id=7&name=a+b%26c"},
    ),
)


@pytest.mark.parametrize(("body", "expected"), ORDERS)
async def test_fields(
    server: LocalServer, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    """
    Each field goes out as it was given, without what people copy along.
    """
    await server.enqueue(body)

    order = (await server.poll()).json()

    assert expected == {name: order[name] for name in expected}
    assert set(order) <= {"verb", "endpoint", "body", "contentType", "queryString"}
    assert None not in order.values()


async def test_numbers_to_the_digit(server: LocalServer) -> None:
    """
    Numbers that no double can hold reach the device to the digit.
    """
    body = b'{"id":9007199254740993,"big":123456789012345678901234567890,"f":1.10}'
    command = b'{"endpoint":"x","body":' + body + b"}"
    await server.api("POST", f"/devices/{DEVICE}/commands", command)

    assert body in (await server.poll()).body


async def test_octets(server: LocalServer) -> None:
    """
    Bytes go out as one base64 string, their parameters in the query string.
    """
    photo = bytes(range(256)) * 40
    path = (
        f"/devices/{DEVICE}/commands?endpoint=user_set_image"
        "&queryString=user_id%3D7%26timestamp%3D1700000000%26match%3D0"
    )
    kind = {"Content-Type": "application/octet-stream"}
    await server.api("POST", path, photo, headers=kind)

    order = (await server.poll()).json()

    assert photo == base64.b64decode(order["body"], validate=True)
    assert "application/octet-stream" == order["contentType"]
    assert "user_id=7&timestamp=1700000000&match=0" == order["queryString"]


async def test_one_at_a_time(server: LocalServer) -> None:
    """
    Commands go out one by one, in order, and the next only when one is answered.
    """
    for number in range(3):
        await server.enqueue({"endpoint": "load_objects", "body": {"n": number}})

    numbers, between = [], []
    for _ in range(3):
        numbers.append((await server.poll()).json()["body"]["n"])
        between.append((await server.poll()).is_empty)
        await server.post_result()

    assert [0, 1, 2] == numbers
    assert [True, True, True] == between
    assert (await server.poll()).is_empty


async def test_order_is_json_of_its_time(server: LocalServer) -> None:
    """
    What the device gets is one JSON object, never an array.
    """
    await server.enqueue()

    assert isinstance(json.loads((await server.poll()).body), dict)
