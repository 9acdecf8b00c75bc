"""Shadows over the API: what is refused."""

from typing import Any

import pytest

from tests.web.api.shadows import desire, patch, shadow
from tests.web.site import DEVICE, Site


@pytest.mark.parametrize(
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
async def test_refused(site: Site, wrong: Any, pointer: str | None) -> None:
    """
    What is wrong is named, and nothing is changed.
    """
    await desire(site, {"general": {"language": "en_US"}})

    answer = await patch(site, {"ntp": {"enabled": 1}, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert ["general"] == list(await shadow(site))


@pytest.mark.parametrize(
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
async def test_no_patch(site: Site, body: bytes, status: int) -> None:
    """
    What is no JSON object is no patch.
    """
    json = {"Content-Type": "application/json"}
    answer = await site.api("PATCH", f"/devices/{DEVICE}/shadow", body, headers=json)

    assert status == answer.status


async def test_other_type(site: Site) -> None:
    """
    Another content type is refused.
    """
    answer = await patch(site, b"x", Content_Type="text/plain")

    assert (415, "unsupported-media-type", None) == answer.problem


async def test_unknown_device(site: Site) -> None:
    """
    Nobody's device has no shadow, and gets none from who may not adopt it.
    """
    token = await site.token("commands:read", "commands:write")
    path = f"/devices/{DEVICE}/shadow"

    for method, at, body in (
        ("GET", path, None),
        ("PATCH", path, {}),
        ("POST", f"{path}/refresh", None),
    ):
        answer = await site.api(method, at, body, token=token)
        assert (404, "not-found", None) == answer.problem


@pytest.mark.parametrize(
    ("keys", "pointer"),
    [
        ({"a-b": ["x"]}, "/a-b"),
        ({"ntp": ["x", ""]}, "/ntp/1"),
        ({f"s{n}": ["a"] for n in range(65)}, None),
    ],
)
async def test_refresh_refused(site: Site, keys: Any, pointer: str | None) -> None:
    """
    Names are checked there, too.
    """
    answer = await site.api("POST", f"/devices/{DEVICE}/shadow/refresh", keys)

    assert (422, "invalid", pointer) == answer.problem


@pytest.mark.parametrize(
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
async def test_many_refused(fleet: Site, wrong: Any, pointer: str) -> None:
    """
    For many devices the same is refused, and null, too; nothing is begun.
    """
    good = {"targets": {"all": True}, "desired": {"general": {"language": "x"}}}
    answer = await fleet.api("PATCH", "/shadows", {**good, **wrong})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await fleet.api("GET", "/tasks")).json()["items"]
