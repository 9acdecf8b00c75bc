"""Shadows over the API: what is refused."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.api.shadows import get_services, patch_shadow, set_desired
from tests.web.local_server import DEVICE, LocalServer


@each_case(
    ("wrong", "pointer"),
    [
        ({"a-b": {"x": 1}}, "/a-b"),
        ({"": {}}, "/"),
        ({"1a": {}}, "/1a"),
        ({"a/b~": None}, "/a~1b~0"),
        ({"a" * 65: {}}, "/" + "a" * 65),
        ({"é": {}}, "/é"),
        ({"general": 1}, "/general"),
        ({"general": ["language"]}, "/general"),
        ({"general": {"language": {"a": 1}}}, "/general/language"),
        ({"general": {"x/y~": [1]}}, "/general/x~1y~0"),
        ({"general": {"": 1}}, "/general/"),
        ({"general": {"x" * 65: 1}}, "/general/" + "x" * 65),
        ({"general": {"a\nb": 1}}, "/general/a\nb"),
        ({"general": {"a": "x" * 4001}}, "/general/a"),
        ({"general": {"a": 2**63}}, "/general/a"),
        ({f"s{n}": {"a": 1} for n in range(65)}, None),
        ({"general": {f"p{n}": 1 for n in range(1001)}}, None),
        ({"general": {f"p{n}": "x" * 4000 for n in range(65)}}, None),
    ],
)
async def test_refused(server: LocalServer, wrong: Any, pointer: str | None) -> None:
    """
    What is wrong is named, and nothing is changed.
    """
    await set_desired(server, {"general": {"language": "en_US"}})

    answer = await patch_shadow(server, {"ntp": {"enabled": 1}, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert ["general"] == list(await get_services(server))


@each_case(
    ("body", "status"),
    [
        (b"[]", 422),
        (b"1", 422),
        (b"{", 400),
        (b"", 400),
        (b'{"a": {"b": NaN}}', 400),
        (b'{"a": ' * 3000 + b"1" + b"}" * 3000, 400),
    ],
)
async def test_no_patch(server: LocalServer, body: bytes, status: int) -> None:
    """
    What is no JSON object is no patch.
    """
    json = {"Content-Type": "application/json"}
    answer = await server.api("PATCH", f"/devices/{DEVICE}/shadow", body, headers=json)

    assert status == answer.status


async def test_other_type(server: LocalServer) -> None:
    """
    Another content type is refused.
    """
    answer = await patch_shadow(server, b"x", Content_Type="text/plain")

    assert (415, "unsupported-media-type", None) == answer.problem


async def test_unknown_device(server: LocalServer) -> None:
    """
    Nobody's device has no shadow, and gets none from who may not adopt it.
    """
    token = await server.create_token("commands:read", "commands:write")
    path = f"/devices/{DEVICE}/shadow"

    for method, at, body in (
        ("GET", path, None),
        ("PATCH", path, {}),
        ("POST", f"{path}/refresh", None),
    ):
        answer = await server.api(method, at, body, token=token)
        assert (404, "not-found", None) == answer.problem


@pytest.mark.parametrize(
    ("keys", "pointer"),
    [
        ({"a-b": ["x"]}, "/a-b"),
        ({"ntp": ["x", ""]}, "/ntp/1"),
        ({f"s{n}": ["a"] for n in range(65)}, None),
    ],
)
async def test_refresh_refused(
    server: LocalServer, keys: Any, pointer: str | None
) -> None:
    """
    Names are checked there, too.
    """
    answer = await server.api("POST", f"/devices/{DEVICE}/shadow/refresh", keys)

    assert (422, "invalid", pointer) == answer.problem


@each_case(
    ("wrong", "pointer"),
    [
        ({"desired": {}}, "/desired"),
        ({"desired": {"general": {"a": [1]}}}, "/desired/general/a"),
        ({"desired": {"a-b": {}}}, "/desired/a-b"),
        ({"desired": {"general": None}}, "/desired/general"),
        ({"desired": {"general": {}}}, "/desired/general"),
        ({"desired": {"general": {"a": None}}}, "/desired/general"),
        ({"targets": {}}, "/targets"),
        ({"stopAfterFailures": "x"}, "/stopAfterFailures"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_many_refused(
    server_with_devices: LocalServer, wrong: Any, pointer: str
) -> None:
    """
    For many devices the same is refused, and null, too; nothing is started.
    """
    good = {"targets": {"all": True}, "desired": {"general": {"language": "x"}}}
    answer = await server_with_devices.api("PATCH", "/shadows", {**good, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server_with_devices.api("GET", "/tasks")).json()["items"]
