"""What became of a task on each of its devices, and why it failed on some."""

from typing import Any

import pytest

from tests.web.api.conftest import flush_last_seen
from tests.web.api.operations import PHOTO, STEP
from tests.web.api.tasks import change_task, create_task, get_task, run_steps
from tests.web.api.upgrades import ERROR, create_upgrade, get_upgrade
from tests.web.api.upgrades import run_steps as run_upgrade_steps
from tests.web.local_server import LocalServer

TIME = "2026-01-01T00:00:00.000000Z"


async def get_devices(
    server: LocalServer, task: dict[str, Any], query: str = ""
) -> dict[str, Any]:
    """Return a page of a task's devices."""
    answer = await server.api("GET", f"/tasks/{task['id']}/devices?{query}")
    assert 200 == answer.status, answer.body
    page: dict[str, Any] = answer.json()
    return page


async def list_ids(server: LocalServer, task: dict[str, Any], query: str) -> list[str]:
    """Return which of a task's devices are listed."""
    items = (await get_devices(server, task, query))["items"]
    return [each["deviceId"] for each in items]


async def test_failures(server_with_devices: LocalServer) -> None:
    """
    Failures are shown with the step and the device's words, and in the list of devices.
    """
    server = server_with_devices
    task = await create_task(
        server, steps=[STEP, PHOTO], targets={"deviceIds": [1, 2, 3]}
    )
    await run_steps(server, 1, 2)
    server.clock.tick(seconds=2)
    await run_steps(server, 1, body=ERROR)
    await run_steps(server, 2)

    now = await get_task(server, task)
    (failure,) = now["failures"]
    assert {
        "deviceId": "1",
        "subOperationId": failure["subOperationId"],
        "errorCode": "17",
        "error": "Step 2 of 2 (photo) failed: disk full",
    } == failure
    one, two, three = (await get_devices(server, task))["items"]
    assert {
        **failure,
        "status": "FAILED",
        "progress": 75,
        "stepsDone": 2,
        "startedAt": TIME,
        "endedAt": "2026-01-01T00:00:02.000000Z",
    } == one
    assert ("2", "COMPLETED", 100) == (
        two["deviceId"],
        two["status"],
        two["progress"],
    )
    assert "error" not in two
    assert {
        "deviceId": "3",
        "subOperationId": three["subOperationId"],
        "status": "RUNNING",
        "progress": 0,
        "stepsDone": 0,
    } == three
    listed = (await server.api("GET", "/tasks")).json()["items"]
    assert "failures" not in listed[0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"response": "not json',
            ("TIMEOUT", "Step 1 of 1 (users) has an answer that cannot be read."),
        ),
        (
            b'{"error": "' + b"x" * 20_000 + b'"}',
            (
                "DEVICE_ERROR",
                "Step 1 of 1 (users) failed: The device reported an error.",
            ),
        ),
        (
            b'{"error": {"message": "no"}}',
            ("DEVICE_ERROR", 'Step 1 of 1 (users) failed: {"message": "no"}'),
        ),
    ],
    ids=["unreadable", "long", "object"],
)
async def test_odd_answers(
    server_with_devices: LocalServer, body: bytes, expected: tuple[str, str]
) -> None:
    """
    An answer that cannot be read, is long or is no text is told in words, too.
    """
    server = server_with_devices
    step = {**STEP, "resource": "users"}
    task = await create_task(server, steps=[step], targets={"deviceIds": [1]})
    await run_steps(server, 1, body=body)

    (failure,) = (await get_task(server, task))["failures"]

    assert expected == (failure["errorCode"], failure["error"])


async def test_no_step_failed(server_with_devices: LocalServer) -> None:
    """
    A device that did not come, or was not needed any more, failed for just that.
    """
    server = server_with_devices
    late = await create_task(server, targets={"deviceIds": [4]}, expiresIn=60)
    canceled = await create_task(server, targets={"deviceIds": [4]})
    await change_task(server, canceled, "cancel")
    server.clock.tick(seconds=61)
    await server.services.task_scheduler.advance()

    assert [
        ("EXPIRED", "The device did not come in time, or is gone."),
        ("CANCELED", "The task was canceled."),
    ] == [
        (each["errorCode"], each["error"])
        for task in (late, canceled)
        for each in (await get_task(server, task))["failures"]
    ]


async def test_which_devices(server_with_devices: LocalServer) -> None:
    """
    Devices are listed by how their operations stand, and page by page.
    """
    server = server_with_devices
    await server.poll("deviceId=3")
    await flush_last_seen(server)
    task = await create_task(server)
    await run_steps(server, 1, 3, body=ERROR)
    await run_steps(server, 2)

    assert ["1", "2", "3", "4"] == await list_ids(server, task, "")
    assert ["1", "3"] == await list_ids(server, task, "status=FAILED")
    assert ["1", "2", "3"] == await list_ids(server, task, "status=FAILED,COMPLETED")
    assert ["2", "4"] == await list_ids(server, task, "status=RUNNING&status=COMPLETED")
    page = await get_devices(server, task, "limit=2&status=FAILED,COMPLETED")
    assert ["1", "2"] == [each["deviceId"] for each in page["items"]]
    rest = f"limit=2&status=FAILED,COMPLETED&cursor={page['nextCursor']}"
    assert ["3"] == await list_ids(server, task, rest)
    assert 404 == (await server.api("GET", "/tasks/7/devices")).status
    assert (
        422
        == (await server.api("GET", f"/tasks/{task['id']}/devices?status=GONE")).status
    )


async def test_retried(server_with_devices: LocalServer) -> None:
    """
    What was retried is no failure any more, and stands in the list as it is now.
    """
    server = server_with_devices
    task = await create_task(server, targets={"deviceIds": [1]})
    await run_steps(server, 1, body=ERROR)
    await change_task(server, task, "retry", {})
    await server.services.task_scheduler.advance()

    assert [] == (await get_task(server, task))["failures"]
    (item,) = (await get_devices(server, task))["items"]
    assert "RUNNING" == item["status"]


async def test_more_failures_than_are_shown(server: LocalServer) -> None:
    """
    Of very many failures a hundred are shown, and where to find the others.
    """
    rows = b"\n".join(b'{"deviceId":%d}' % n for n in range(1, 103))
    kind = {"Content-Type": "application/x-ndjson"}
    await server.api("POST", "/devices/import", rows, headers=kind)
    task = await create_task(server)
    await change_task(server, task, "cancel")

    now = await get_task(server, task)
    cursor = now["failuresCursor"]

    assert 100 == len(now["failures"])
    assert ["101", "102"] == await list_ids(
        server, task, f"status=FAILED,STALE&cursor={cursor}"
    )


async def test_an_upgrade_as_a_task(server_with_devices: LocalServer) -> None:
    """
    An upgrade that is shown as a task failed for the same reasons.
    """
    server = server_with_devices
    await flush_last_seen(server)
    upgrade = await create_upgrade(server, targets={"deviceIds": [1]})
    await run_upgrade_steps(server, ERROR)

    failures = (await get_upgrade(server, upgrade))["failures"]

    assert failures
    assert failures == (await get_task(server, upgrade))["failures"]
