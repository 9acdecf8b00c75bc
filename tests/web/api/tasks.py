"""A program and its fleet, which runs tasks."""

from typing import Any

from tests.web.api.operations import STEP
from tests.web.local_server import LocalServer, Response

ALL = {"all": True}


async def post_task(server: LocalServer, **fields: Any) -> Response:
    """Post a task of one step for all devices."""
    request = {"targets": ALL, "steps": [STEP], **fields}
    return await server.api("POST", "/tasks", request)


async def create_task(server: LocalServer, **fields: Any) -> dict[str, Any]:
    """Create a task; it starts."""
    answer = await post_task(server, **fields)
    assert 201 == answer.status, answer.body
    await server.services.task_scheduler.advance()
    payload: dict[str, Any] = answer.json()
    return payload


async def get_task(server: LocalServer, task: dict[str, Any]) -> dict[str, Any]:
    """Return a task."""
    answer = await server.api("GET", f"/tasks/{task['id']}")
    assert 200 == answer.status, answer.body
    payload: dict[str, Any] = answer.json()
    return payload


async def change_task(
    server: LocalServer, task: dict[str, Any], action: str, body: Any = None
) -> Response:
    """Pause, resume, cancel or retry a task."""
    return await server.api("POST", f"/tasks/{task['id']}/{action}", body)


async def run_steps(
    server: LocalServer, *devices: int, body: bytes = b'{"response":{}}'
) -> None:
    """Let devices run their waiting commands, then run the workers."""
    for device in devices:
        assert not (await server.poll(f"deviceId={device}")).is_empty
        await server.post_result(body, f"deviceId={device}")
    await server.services.next_steps.queue_due_steps()
    await server.services.task_scheduler.advance()


def task_counts(task: dict[str, Any]) -> tuple[int, ...]:
    """Return the counts of a task's operations, and how many of those wait."""
    counts = task["counts"]
    names = ("RUNNING", "COMPLETED", "FAILED", "STALE")
    assert task["devices"] == sum(counts.values())
    return (*(counts[name] for name in names), task["waiting"])
