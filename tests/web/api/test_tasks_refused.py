"""Tasks over the API: what is refused, and to whom."""

from typing import Any

import pytest

from tests.each_case import each_case
from tests.web.api.operations import STEP
from tests.web.api.tasks import ALL, change_task, create_task, get_task, post_task
from tests.web.api.tenant import empty_tenant
from tests.web.local_server import LocalServer


@each_case("dry", [False, True])
@each_case(
    ("wrong", "pointer"),
    [
        ({"steps": []}, "/steps"),
        ({"steps": [STEP] * 101}, "/steps"),
        ({"steps": [STEP, {"endpoint": "a/b"}]}, "/steps/1/endpoint"),
        ({"steps": [STEP, {"endpoint": "x", "verb": "PUT"}]}, "/steps/1/verb"),
        ({"targets": {}}, "/targets"),
        ({"targets": None}, "/targets"),
        ({"targets": {"all": False}}, "/targets"),
        ({"targets": {"all": True, "deviceIds": [1]}}, "/targets"),
        ({"targets": {"tags": {}}}, "/targets"),
        ({"targets": {"tags": {"site": "west"}}}, "/targets"),
        ({"targets": {"deviceIds": []}}, "/targets"),
        ({"targets": {"deviceIds": [1, 99]}}, "/targets/deviceIds"),
        ({"targets": {"deviceIds": [1, -1]}}, "/targets/deviceIds/1"),
        ({"targets": {"deviceIds": ["x"]}}, "/targets/deviceIds/0"),
        ({"targets": {"devices": [1]}}, "/targets/devices"),
        ({"stopAfterFailures": 0}, "/stopAfterFailures"),
        ({"stopAfterFailures": -1}, "/stopAfterFailures"),
        ({"stopAfterFailures": 10_000_000}, "/stopAfterFailures"),
        ({"stopAfterFailures": 1.5}, "/stopAfterFailures"),
        ({"stopAfterFailures": "0%"}, "/stopAfterFailures"),
        ({"stopAfterFailures": "101%"}, "/stopAfterFailures"),
        ({"stopAfterFailures": "many"}, "/stopAfterFailures"),
        ({"concurrency": 0}, "/concurrency"),
        ({"expiresIn": 0}, "/expiresIn"),
        ({"name": "x" * 201}, "/name"),
        ({"wrong": 1}, "/wrong"),
    ],
)
async def test_refused(
    server_with_devices: LocalServer, wrong: dict[str, Any], pointer: str, dry: bool
) -> None:
    """
    An error names the field, and nothing is started, not even with nothing to start.
    """
    answer = await post_task(server_with_devices, **{**wrong, "dryRun": dry})

    assert (422, "invalid", pointer) == answer.problem
    assert [] == (await server_with_devices.api("GET", "/tasks")).json()["items"]


async def test_nothing_given(server: LocalServer) -> None:
    """
    Targets there must be.
    """
    answer = await server.api("POST", "/tasks", {"steps": [STEP]})

    assert (422, "invalid", "/targets") == answer.problem


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"includeUnknown": 1}, "/includeUnknown"), ({"wrong": True}, "/wrong")],
)
async def test_bad_retry(
    server_with_devices: LocalServer, body: Any, pointer: str
) -> None:
    """
    What is wrong is named.
    """
    task = await create_task(server_with_devices)

    answer = await change_task(server_with_devices, task, "retry", body)

    assert (422, "invalid", pointer) == answer.problem


@each_case("action", ["", "/pause", "/resume", "/cancel", "/retry"])
async def test_not_there(server: LocalServer, action: str) -> None:
    """
    What is not there is 404, and what is no id is 422.
    """
    method = "POST" if action else "GET"

    assert (404, "not-found", None) == (
        await server.api(method, f"/tasks/5{action}")
    ).problem
    assert (422, "invalid", None) == (
        await server.api(method, f"/tasks/x{action}")
    ).problem


async def test_foreign_scope(server_with_devices: LocalServer) -> None:
    """
    Another scope's token finds nothing of it, and reaches none of its devices.
    """
    task = await create_task(server_with_devices)
    other = await empty_tenant(server_with_devices, "other")
    body = {"targets": {"deviceIds": [1]}, "steps": [STEP]}

    answers = [await other.api("GET", f"/tasks/{task['id']}")]
    for action in ("pause", "resume", "cancel", "retry"):
        answers.append(await other.api("POST", f"/tasks/{task['id']}/{action}"))

    assert {(404, "not-found", None)} == {answer.problem for answer in answers}
    assert [] == (await other.api("GET", "/tasks")).json()["items"]
    assert (422, "invalid", "/targets/deviceIds") == (
        await other.api("POST", "/tasks", body)
    ).problem
    assert (422, "invalid", "/targets") == (
        await other.api("POST", "/tasks", {**body, "targets": ALL})
    ).problem
    assert "RUNNING" == (await get_task(server_with_devices, task))["state"]
