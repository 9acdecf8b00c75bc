"""Tasks over the API: which devices, the progress, and changes of state."""

from typing import Any

import pytest

from tests.web.api.operations import IDEMPOTENCY_HEADER, PHOTO, STEP
from tests.web.api.tasks import (
    ALL,
    change_task,
    create_task,
    get_task,
    post_task,
    run_steps,
    task_counts,
)
from tests.web.local_server import ADMIN, LocalServer


async def test_made(server_with_devices: LocalServer) -> None:
    """
    A program gets its task whole, and where it is.
    """
    answer = await post_task(server_with_devices, steps=[PHOTO, STEP])

    task = answer.json()
    assert 201 == answer.status
    assert f"/api/v1/tasks/{task['id']}" == answer.headers["Location"]
    assert {
        "id": task["id"],
        "state": "RUNNING",
        "devices": 4,
        "waiting": 4,
        "counts": {"RUNNING": 4, "COMPLETED": 0, "FAILED": 0, "STALE": 0},
        "done": 0,
        "onFailure": "stop",
        "resource": "photo",
        "action": "EXECUTE",
        "appId": "pushserver",
        "stepCount": 2,
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "createdBy": ADMIN,
        "expiresAt": "2026-01-02T00:00:00.000000Z",
        "failures": [],
    } == task
    assert task == await get_task(server_with_devices, task)


async def test_everything_given(server_with_devices: LocalServer) -> None:
    """
    Every field that a program gives is stored and shown.
    """
    fields: dict[str, Any] = {
        "name": "New photos ☃",
        "onFailure": "continue",
        "resource": "photos",
        "action": "WRITE",
        "appId": "door-tool",
        "properties": {"ticket": "7"},
        "concurrency": 2,
        "stopAfterFailures": "12.5%",
    }

    task = await create_task(server_with_devices, expiresIn=90.5, **fields)

    assert fields == {name: task[name] for name in fields}
    assert "2026-01-01T00:01:30.500000Z" == task["expiresAt"]
    listed = (await server_with_devices.api("GET", "/tasks")).json()["items"]
    assert await get_task(server_with_devices, task) == {**listed[0], "failures": []}


async def test_to_the_end(server_with_devices: LocalServer) -> None:
    """
    Counts and the share that is done are shown until everything has ended.
    """
    task = await create_task(
        server_with_devices, steps=[STEP, PHOTO], targets={"deviceIds": [1, 2]}
    )
    seen = [await get_task(server_with_devices, task)]
    await run_steps(server_with_devices, 1, 2)
    await run_steps(server_with_devices, 1)
    seen.append(await get_task(server_with_devices, task))
    await run_steps(server_with_devices, 2, body=b'{"error":"no"}')
    seen.append(await get_task(server_with_devices, task))

    assert [(2, 0, 0, 0, 0), (1, 1, 0, 0, 0), (0, 1, 1, 0, 0)] == list(
        map(task_counts, seen)
    )
    assert [0, 0.5, 1] == [each["done"] for each in seen]
    assert ["RUNNING", "RUNNING", "COMPLETED"] == [each["state"] for each in seen]
    assert [False, False, True] == ["endedAt" in each for each in seen]


async def test_its_operations(server_with_devices: LocalServer) -> None:
    """
    Each device has its own operation, with the task's steps.
    """
    task = await create_task(server_with_devices)
    path = f"/operations?taskId={task['id']}"
    items = (await server_with_devices.api("GET", path)).json()["items"]
    part = next(item for item in items if item["deviceId"] == "1")
    whole = (await server_with_devices.api("GET", f"/operations/{part['id']}")).json()

    assert ["4", "3", "2", "1"] == [item["deviceId"] for item in items]
    assert (task["id"], "load_objects", "PENDING") == (
        whole["taskId"],
        whole["steps"][0]["endpoint"],
        whole["steps"][0]["state"],
    )


@pytest.mark.parametrize(
    ("targets", "devices"),
    [
        (ALL, 4),
        ({"tags": {"site": "north"}}, 2),
        ({"deviceIds": [1, "2", 1]}, 2),
    ],
)
async def test_targets(
    server_with_devices: LocalServer, targets: dict[str, Any], devices: int
) -> None:
    """
    Devices are chosen in one of three ways.
    """
    assert (
        devices == (await create_task(server_with_devices, targets=targets))["devices"]
    )


@pytest.mark.parametrize("limit", [1, 1_000_000, "5", "100%", "0.001%"])
async def test_limits_of_failures(
    server_with_devices: LocalServer, limit: int | str
) -> None:
    """
    A number is shown as a number, a percentage as one.
    """
    expected = int(limit) if str(limit).isdigit() else limit
    answer = await post_task(server_with_devices, stopAfterFailures=limit)

    assert expected == answer.json()["stopAfterFailures"]
    assert (
        expected
        == (await get_task(server_with_devices, answer.json()))["stopAfterFailures"]
    )


async def test_key(server_with_devices: LocalServer) -> None:
    """
    The same request with its key is answered the same, and done once.
    """
    body = {"targets": ALL, "steps": [STEP]}
    first = await server_with_devices.api(
        "POST", "/tasks", body, headers=IDEMPOTENCY_HEADER
    )
    await server_with_devices.services.task_scheduler.advance()
    again = await server_with_devices.api(
        "POST", "/tasks", body, headers=IDEMPOTENCY_HEADER
    )
    other = await server_with_devices.api(
        "POST", "/tasks", {**body, "name": "x"}, headers=IDEMPOTENCY_HEADER
    )

    assert (201, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    assert "true" == again.headers["Idempotency-Replayed"]
    assert (422, "idempotency-mismatch", None) == other.problem
    assert 1 == len((await server_with_devices.api("GET", "/tasks")).json()["items"])


async def test_paused_and_resumed(server_with_devices: LocalServer) -> None:
    """
    A paused task starts nobody, a resumed one does; doing it twice is a conflict.
    """
    task = await create_task(
        server_with_devices, targets={"deviceIds": [1, 2]}, concurrency=1
    )
    paused = await change_task(server_with_devices, task, "pause")
    again = await change_task(server_with_devices, task, "pause")
    await run_steps(server_with_devices, 1)
    still = await get_task(server_with_devices, task)
    resumed = await change_task(server_with_devices, task, "resume")
    await server_with_devices.services.task_scheduler.advance()

    assert (200, "PAUSED") == (paused.status, paused.json()["state"])
    assert (409, "conflict", None) == again.problem
    assert (1, 1, 0, 0, 1) == task_counts(still)
    assert "RUNNING" == resumed.json()["state"]
    assert (1, 1, 0, 0, 0) == task_counts(await get_task(server_with_devices, task))
    assert (409, "conflict", None) == (
        await change_task(server_with_devices, task, "resume")
    ).problem


async def test_stopped_by_failures(server_with_devices: LocalServer) -> None:
    """
    So many failures pause it.
    """
    task = await create_task(server_with_devices, stopAfterFailures=1, concurrency=1)
    await run_steps(server_with_devices, 1, body=b'{"error":"no"}')

    stopped = await get_task(server_with_devices, task)
    assert ("PAUSED", (3, 0, 1, 0, 3)) == (stopped["state"], task_counts(stopped))


async def test_canceled(server_with_devices: LocalServer) -> None:
    """
    Canceling ends what waits; what is in flight runs to its end.
    """
    task = await create_task(server_with_devices)
    await server_with_devices.poll("deviceId=1")

    canceled = await change_task(server_with_devices, task, "cancel")
    again = await change_task(server_with_devices, task, "cancel")
    await server_with_devices.post_result(query="deviceId=1")
    await server_with_devices.services.task_scheduler.advance()

    assert ("CANCELED", (1, 0, 3, 0, 0)) == (
        canceled.json()["state"],
        task_counts(canceled.json()),
    )
    assert (200, canceled.json()) == (again.status, again.json())
    ended = await get_task(server_with_devices, task)
    assert ("CANCELED", (0, 1, 3, 0, 0)) == (ended["state"], task_counts(ended))
    assert "endedAt" in ended


@pytest.mark.parametrize(
    ("body", "waiting"),
    [(None, 1), ({}, 1), ({"includeUnknown": False}, 1), ({"includeUnknown": True}, 2)],
)
async def test_tried_again(
    server_with_devices: LocalServer, body: Any, waiting: int
) -> None:
    """
    What failed is started again, and what is unknown if asked for; the old stay.
    """
    task = await create_task(
        server_with_devices,
        targets={"deviceIds": [1, 2]},
        steps=[{"endpoint": "reboot"}],
    )
    await run_steps(server_with_devices, 1, body=b'{"error":"no"}')
    await server_with_devices.poll("deviceId=2")
    server_with_devices.clock.tick(seconds=180)
    await server_with_devices.expire_overdue()
    await server_with_devices.services.task_scheduler.advance()
    assert "COMPLETED" == (await get_task(server_with_devices, task))["state"]

    answer = await change_task(server_with_devices, task, "retry", body)

    retried = answer.json()
    assert ("RUNNING", 2, waiting) == (
        retried["state"],
        retried["devices"],
        retried["waiting"],
    )
    path = f"/operations?taskId={task['id']}"
    items = (await server_with_devices.api("GET", path)).json()["items"]
    assert waiting == sum(item.get("retried", False) for item in items)
    assert 2 + waiting == len(items)


async def test_list(server_with_devices: LocalServer) -> None:
    """
    Tasks are listed newest first, in pages that link on.
    """
    ids = [(await create_task(server_with_devices))["id"] for _ in range(3)][::-1]

    first = await server_with_devices.api("GET", "/tasks?limit=2")
    cursor = first.json()["nextCursor"]
    rest = await server_with_devices.api("GET", f"/tasks?limit=2&cursor={cursor}")

    assert f"cursor={cursor}" in first.headers["Link"]
    assert "nextCursor" not in rest.json()
    pages = (*first.json()["items"], *rest.json()["items"])
    assert ids == [each["id"] for each in pages]
    for query, pointer in (("cursor=x", "/cursor"), ("limit=0", "/limit")):
        refused = await server_with_devices.api("GET", f"/tasks?{query}")
        assert (422, "invalid", pointer) == refused.problem
