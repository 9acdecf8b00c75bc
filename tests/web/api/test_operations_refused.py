"""Operations over the API: what is refused, and to whom."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.api.operations import STEP, create_operation, get_operation
from tests.web.api.tenant import empty_tenant
from tests.web.local_server import DEVICE, LocalServer


@each_case(
    ("body", "pointer"),
    [
        ({}, "/deviceId"),
        ({"deviceId": None}, "/deviceId"),
        ({"deviceId": -1}, "/deviceId"),
        ({"deviceId": "x"}, "/deviceId"),
        ({"deviceId": 2**63}, "/deviceId"),
        ({"deviceId": 1.5}, "/deviceId"),
        ({"deviceId": True}, "/deviceId"),
        ({"steps": {}}, "/steps"),
        ({"steps": [STEP, {"endpoint": "a/b"}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {**STEP, "wrong": 1}]}, "/steps/1/wrong"),
        ({"steps": [{**STEP, "verb": "PUT"}]}, "/steps/0/verb"),
        ({"steps": [{**STEP, "priority": 101}]}, "/steps/0/priority"),
        ({"steps": [{**STEP, "resource": ""}]}, "/steps/0/resource"),
        (
            {"steps": [{**STEP, "notBefore": "9000-01-01T00:00:00Z"}]},
            "/steps/0/notBefore",
        ),
        ({"onFailure": "never"}, "/onFailure"),
        ({"action": "FLY"}, "/action"),
        ({"resource": "x" * 201}, "/resource"),
        ({"appId": ""}, "/appId"),
        ({"properties": {"a": 1}}, "/properties"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(server: LocalServer, body: dict[str, Any], pointer: str) -> None:
    """
    An error names the field, and nothing is started.
    """
    usual = {} if body == {} else {"deviceId": DEVICE}

    answer = await server.api("POST", "/operations", {**usual, **body})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server.api("GET", "/operations")).json()["items"]
    assert [] == (await server.api("GET", "/devices")).json()["items"]


@each_case("body", [b"[]", b"1", b'"x"', b"null"])
async def test_no_object(server: LocalServer, body: bytes) -> None:
    """
    A body that is no object is refused.
    """
    answer = await server.api("POST", "/operations", body)

    assert (422, "invalid") == answer.problem[:2]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
async def test_no_json(server: LocalServer, body: bytes) -> None:
    """
    A body that is no JSON is refused, too.
    """
    kind = {"Content-Type": "application/json"}
    answer = await server.api("POST", "/operations", body, headers=kind)

    assert (400, "malformed", None) == answer.problem


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/operations/{}"),
        ("POST", "/operations/{}/cancel"),
        ("GET", "/operations/{}/notifications"),
    ],
)
async def test_not_there(server: LocalServer, method: str, path: str) -> None:
    """
    What is not there is 404, and what is no id is 422.
    """
    missing = await server.api(method, path.format(5))
    wrong = await server.api(method, path.format("x"))

    assert (404, "not-found", None) == missing.problem
    assert (422, "invalid", None) == wrong.problem


async def test_foreign_scope(server: LocalServer) -> None:
    """
    Another scope's token finds nothing of it, and cannot take its device.
    """
    operation = await create_operation(server, STEP)
    other = await empty_tenant(server, "other")
    path = f"/operations/{operation['id']}"
    body = {"deviceId": DEVICE, "steps": [STEP]}

    answers = [
        await other.api("GET", path),
        await other.api("POST", f"{path}/cancel"),
        await other.api("POST", f"{path}/notifications", {"progress": 1}),
        await other.api("GET", f"{path}/notifications"),
    ]
    taken = await other.api("POST", "/operations", body)

    assert {(404, "not-found", None)} == {answer.problem for answer in answers}
    assert (409, "conflict", None) == taken.problem
    assert [] == (await other.api("GET", "/operations")).json()["items"]
    assert operation == await get_operation(server, operation)
