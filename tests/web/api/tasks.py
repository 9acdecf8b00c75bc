"""A program and its fleet, which does tasks."""

from typing import Any

from tests.web.api.operations import STEP
from tests.web.site import Answer, Site

ALL = {"all": True}


async def ask(site: Site, **given: Any) -> Answer:
    """Ask for a task of one step for all devices."""
    wanted = {"targets": ALL, "steps": [STEP], **given}
    return await site.api("POST", "/tasks", wanted)


async def make(site: Site, **given: Any) -> dict[str, Any]:
    """Make a task; it begins."""
    answer = await ask(site, **given)
    assert 201 == answer.status, answer.body
    await site.services.rollout.advance()
    told: dict[str, Any] = answer.json()
    return told


async def shown(site: Site, task: dict[str, Any]) -> dict[str, Any]:
    """Return how a task stands."""
    answer = await site.api("GET", f"/tasks/{task['id']}")
    assert 200 == answer.status, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def move(site: Site, task: dict[str, Any], how: str, body: Any = None) -> Answer:
    """Change a task's course."""
    return await site.api("POST", f"/tasks/{task['id']}/{how}", body)


async def do_step(site: Site, *devices: int, body: bytes = b'{"response":{}}') -> None:
    """Let devices do what waits for them, and everything go on."""
    for device in devices:
        assert not (await site.push(f"deviceId={device}")).is_empty
        await site.result(body, f"deviceId={device}")
    await site.services.operations.go_on()
    await site.services.rollout.advance()


def counted(task: dict[str, Any]) -> tuple[int, ...]:
    """Return how a task's operations stand, and how many of those wait."""
    counts = task["counts"]
    names = ("RUNNING", "COMPLETED", "FAILED", "STALE")
    assert task["devices"] == sum(counts.values())
    return (*(counts[name] for name in names), task["waiting"])
