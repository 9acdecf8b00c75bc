"""What runs until somebody ends it is bounded: operations without steps, and tasks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.local_server import LocalServer, Response, running_server

BOUND = 2
REFUSED = (409, "limit-reached", None)
STEP = {"endpoint": "load_users"}


@pytest.fixture(name="server")
async def _server(database: str, clock: ManualClock) -> AsyncIterator[LocalServer]:
    """Return a server with small bounds, and a device."""
    bounds = dict.fromkeys(("scope_operations", "scope_tasks"), BOUND)
    async with running_server(database, clock, **bounds) as server:
        await server.api("PUT", "/devices/1", {})
        yield server


def is_refused(answer: Response) -> bool:
    """Tell whether there are as many as may be."""
    return REFUSED == answer.problem and "60" == answer.headers["Retry-After"]


async def begin(server: LocalServer, key: str = "", **fields: Any) -> Response:
    """Begin an operation."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"deviceId": "1", **fields}
    return await server.api("POST", "/operations", body, headers=headers)


async def make(server: LocalServer, path: str = "/tasks", **fields: Any) -> Response:
    """Make a task of one step, or what *fields* say."""
    body = {"targets": {"deviceIds": ["1"]}, "steps": [STEP], **fields}
    return await server.api("POST", path, body)


async def test_operations(server: LocalServer) -> None:
    """
    As many operations without steps run as the bound, and one more when one has ended;
    those with steps do not count.
    """
    made = [await begin(server, key=str(n)) for n in range(BOUND)]
    refused = await begin(server)
    with_steps = await begin(server, steps=[STEP])
    again = await begin(server, key="0")
    await server.api("POST", f"/operations/{made[0].json()['id']}/cancel")

    assert [201, 201] == [each.status for each in made]
    assert is_refused(refused)
    assert (201, 201) == (with_steps.status, again.status)
    assert made[0].json()["id"] == again.json()["id"]
    assert 201 == (await begin(server)).status
    assert 1 == server.services.counts["bounds.scopeOperations"]


async def test_at_once(server: LocalServer) -> None:
    """
    Of many that begin at the same time no more than the bound are taken.
    """
    answers = await asyncio.gather(*(begin(server) for _ in range(BOUND * 5)))

    assert sum(each.status == 201 for each in answers) <= BOUND
    assert all(is_refused(each) for each in answers if each.status != 201)


async def test_tasks(server: LocalServer) -> None:
    """
    As many tasks and upgrades have not ended as the bound; one that has ended is
    retried only if there is room.
    """
    first, second = await make(server), await make(server)
    refused = await make(server)
    await cancel(server, first)
    third = await make(server)
    retried = await server.api("POST", f"/tasks/{first.json()['id']}/retry", {})
    await cancel(server, third)

    assert (201, 201, 201) == (first.status, second.status, third.status)
    assert is_refused(refused)
    assert is_refused(retried)
    path = f"/tasks/{first.json()['id']}/retry"
    assert 200 == (await server.api("POST", path, {})).status
    assert 2 == server.services.counts["bounds.scopeTasks"]


async def cancel(server: LocalServer, task: Response) -> None:
    """Cancel a task, and wait until it has ended."""
    await server.api("POST", f"/tasks/{task.json()['id']}/cancel")
    await server.services.task_scheduler.advance()


async def test_tasks_of_another_scope(server: LocalServer) -> None:
    """
    Each scope has room for tasks of its own.
    """
    store = server.services.store.tasks
    await make(server)

    assert (1, 0) == (await store.count_active(1), await store.count_active(2))
