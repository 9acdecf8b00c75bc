"""Operations, tasks and upgrades are waited for: `wait`, and `Prefer: wait`."""

import asyncio
from typing import Any

import pytest

from tests.web.api.operations import IDEMPOTENCY_HEADER, STEP, create_operation
from tests.web.api.tasks import ALL, change_task, create_task, run_steps
from tests.web.api.upgrades import create_upgrade
from tests.web.local_server import DEVICE, LocalServer, Response, wait_until

PREFER = {"Prefer": "wait=30"}


async def until_waiting(server: LocalServer) -> None:
    """Wait until a call waits for an end."""
    await wait_until(lambda: bool(server.services.completion_waiters._ends))


async def answered(calling: "asyncio.Task[Response]") -> Response:
    """Return the answer of a call that waits no more."""
    async with asyncio.timeout(15):
        return await calling


async def test_operation(server: LocalServer) -> None:
    """
    Who asks for an operation with `wait` is answered when its last step has ended.
    """
    operation = await create_operation(server, STEP)
    path = f"/operations/{operation['id']}?wait=30"
    waiting = asyncio.create_task(server.api("GET", path))
    await until_waiting(server)
    await server.poll()
    await server.post_result()

    operation = (await answered(waiting)).json()
    assert ("COMPLETED", "SUCCESSFUL") == (
        operation["status"],
        operation["steps"][0]["state"],
    )


async def test_operation_by_notification(server: LocalServer) -> None:
    """
    So it is with one whose end is reported from outside.
    """
    operation = await create_operation(server)
    path = f"/operations/{operation['id']}"
    waiting = asyncio.create_task(server.api("GET", f"{path}?wait=30"))
    await until_waiting(server)
    report = {"progress": 100, "status": "FAILED"}
    await server.api("POST", f"{path}/notifications", report)

    assert "FAILED" == (await answered(waiting)).json()["status"]


async def test_deleted_device(server: LocalServer) -> None:
    """
    So it is with one that ends since its device is deleted.
    """
    operation = await create_operation(server, STEP)
    path = f"/operations/{operation['id']}?wait=30"
    waiting = asyncio.create_task(server.api("GET", path))
    await until_waiting(server)
    await server.api("DELETE", f"/devices/{DEVICE}")

    assert "RUNNING" != (await answered(waiting)).json()["status"]


async def test_task(server_with_devices: LocalServer) -> None:
    """
    Who asks for a task with `wait` is answered when all of its devices have ended.
    """
    server = server_with_devices
    task = await create_task(server, targets={"deviceIds": [1, 2]})
    path = f"/tasks/{task['id']}?wait=30"
    waiting = asyncio.create_task(server.api("GET", path))
    await until_waiting(server)
    await run_steps(server, 1)
    await run_steps(server, 2)

    task = (await answered(waiting)).json()
    assert ("COMPLETED", 2) == (task["state"], task["counts"]["COMPLETED"])


async def test_canceled_upgrade(server_with_devices: LocalServer) -> None:
    """
    Who asks for an upgrade with `wait` is answered when it is canceled for good.
    """
    server = server_with_devices
    upgrade = await create_upgrade(server)
    path = f"/upgrades/{upgrade['id']}"
    waiting = asyncio.create_task(server.api("GET", f"{path}?wait=30"))
    await until_waiting(server)
    await server.api("POST", f"{path}/cancel")
    await server.services.task_scheduler.advance()

    if not waiting.done():
        for device in (1, 2):
            await server.poll(f"deviceId={device}")
            await server.post_result(b'{"response":{}}', f"deviceId={device}")
        await server.services.task_scheduler.advance()
    upgrade = (await answered(waiting)).json()
    assert "CANCELED" == upgrade["state"]
    assert "endedAt" in upgrade


async def test_over(server: LocalServer) -> None:
    """
    What has ended is shown at once.
    """
    operation = await create_operation(server, STEP)
    await server.api("POST", f"/operations/{operation['id']}/cancel")

    async with asyncio.timeout(15):
        path = f"/operations/{operation['id']}?wait=30"
        answer = await server.api("GET", path)

    assert (200, "FAILED") == (answer.status, answer.json()["status"])


@pytest.mark.parametrize("kind", ["operations", "tasks", "upgrades"])
async def test_nothing_there(server: LocalServer, kind: str) -> None:
    """
    What is not there is not waited for.
    """
    async with asyncio.timeout(15):
        answer = await server.api("GET", f"/{kind}/1?wait=30")

    assert (404, "not-found", None) == answer.problem


async def test_preferred_operation(server: LocalServer) -> None:
    """
    An operation is answered once it has ended, if the program prefers to wait.
    """
    request = {"deviceId": DEVICE, "steps": [STEP]}
    waiting = asyncio.create_task(
        server.api("POST", "/operations", request, headers=PREFER)
    )
    await until_waiting(server)
    await server.poll()
    await server.post_result()

    answer = await answered(waiting)
    operation = answer.json()
    assert (201, "COMPLETED") == (answer.status, operation["status"])
    assert "wait=30" == answer.headers["Preference-Applied"]
    assert f"/api/v1/operations/{operation['id']}" == answer.headers["Location"]


async def test_preferred_task(server_with_devices: LocalServer) -> None:
    """
    So is a task; the same key again gets the first answer without another wait.
    """
    server = server_with_devices
    request = {"targets": {"deviceIds": [1]}, "steps": [STEP]}
    headers = {**PREFER, **IDEMPOTENCY_HEADER}
    waiting = asyncio.create_task(
        server.api("POST", "/tasks", request, headers=headers)
    )
    await until_waiting(server)
    await server.services.task_scheduler.advance()
    await run_steps(server, 1)

    task = (await answered(waiting)).json()
    assert "COMPLETED" == task["state"]
    again = await server.api("POST", "/tasks", request, headers=headers)
    assert "true" == again.headers["Idempotency-Replayed"]
    assert "Preference-Applied" not in again.headers
    assert task["id"] == again.json()["id"]


async def listed(server: LocalServer, path: str) -> list[Any]:
    """Return the names in a list."""
    answer = await server.api("GET", path)
    assert 200 == answer.status, answer.body
    return [each["name"] for each in answer.json()["items"]]


async def test_task_filters(server_with_devices: LocalServer) -> None:
    """
    Tasks are listed by their state, or several, and by their name.
    """
    server = server_with_devices
    for name in ("a", "b", "c", "a"):
        task = await create_task(server, name=name, targets=ALL)
        if name == "b":
            await change_task(server, task, "pause")

    assert ["a", "c", "a"] == await listed(server, "/tasks?state=RUNNING")
    assert ["b"] == await listed(server, "/tasks?state=PAUSED,COMPLETED")
    assert ["a", "a"] == await listed(server, "/tasks?name=a")
    assert ["a"] == await listed(server, "/tasks?name=a&limit=1")
    assert [] == await listed(server, "/tasks?name=a&state=PAUSED")
    answer = await server.api("GET", "/tasks?state=PREPARING")
    assert (422, "invalid", "/state/0") == answer.problem


async def test_upgrade_filters(server_with_devices: LocalServer) -> None:
    """
    So are upgrades.
    """
    server = server_with_devices
    for name in ("a", "b"):
        upgrade = await create_upgrade(server, name=name)
    await server.api("POST", f"/upgrades/{upgrade['id']}/pause")

    assert ["a"] == await listed(server, "/upgrades?state=RUNNING")
    assert ["b"] == await listed(server, "/upgrades?name=b")
    assert [] == await listed(server, "/upgrades?name=b&state=RUNNING")
