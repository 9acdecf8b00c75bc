"""Tasks that pause after failures, are resumed, and are stopped in the middle."""

import asyncio

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import TaskState
from tests.services.operation_driver import ERROR, OperationDriver, task_pace

pytestmark = pytest.mark.scopes(2)
ONE, TWO = "load_objects", "user_set_image"
ONE, TWO = "load_objects", "user_set_image"
TIMEOUT = 180


@pytest.mark.parametrize(
    ("limit", "failures"), [("1", 1), ("2", 2), ("20%", 2), ("21%", 3)]
)
async def test_pauses(
    operation_driver: OperationDriver, limit: str, failures: int
) -> None:
    """After so many failures, or such a share of the devices, no more start."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=10, seen=10, pace=task_pace(concurrency=1, stop_after=limit)
    )
    await operation_driver.advance_tasks()
    for device in range(1, failures + 1):
        assert TaskState.RUNNING == await operation_driver.task_state(task)
        await operation_driver.run_steps(device, body=ERROR)

    assert TaskState.PAUSED == await operation_driver.task_state(task)
    assert {
        "failed": failures,
        "waiting": 10 - failures,
    } == await operation_driver.task_counts(task)
    assert 0 == await operation_driver.advance_tasks()


async def test_nobody_knows_counts_as_failure(
    operation_driver: OperationDriver,
) -> None:
    """An unknown outcome counts towards the limit, too."""
    task = await operation_driver.adopt_and_create_task(
        "reboot", devices=2, seen=2, pace=task_pace(concurrency=1, stop_after="1")
    )
    await operation_driver.advance_tasks()
    await operation_driver.receive_command(device=1)
    await operation_driver.expire_overdue(TIMEOUT)
    await operation_driver.advance_tasks()

    assert TaskState.PAUSED == await operation_driver.task_state(task)
    assert {"stale": 1, "waiting": 1} == await operation_driver.task_counts(task)


async def test_what_runs_goes_on(operation_driver: OperationDriver) -> None:
    """In a paused task what has started runs to its end."""
    task = await operation_driver.adopt_and_create_task(ONE, TWO, seen=2)
    await operation_driver.advance_tasks()
    await operation_driver.services.tasks.pause(DEFAULT_SCOPE_ID, task.id)
    for _ in range(2):
        await operation_driver.run_steps(1, 2)
    await operation_driver.see_devices(3)
    await operation_driver.advance_tasks()

    assert {"completed": 2, "waiting": 1} == await operation_driver.task_counts(task)
    assert TaskState.PAUSED == await operation_driver.task_state(task)


async def test_resumed(operation_driver: OperationDriver) -> None:
    """A resumed task runs until there are as many failures again."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=6, seen=6, pace=task_pace(concurrency=1, stop_after="2")
    )
    await operation_driver.advance_tasks()
    for device in (1, 2):
        await operation_driver.run_steps(device, body=ERROR)
    await operation_driver.services.tasks.resume(DEFAULT_SCOPE_ID, task.id)
    await operation_driver.advance_tasks()
    courses = []
    for device in (3, 4):
        await operation_driver.run_steps(device, body=ERROR)
        courses.append(await operation_driver.task_state(task))

    assert [TaskState.RUNNING, TaskState.PAUSED] == courses


async def test_paused_at_the_end(operation_driver: OperationDriver) -> None:
    """When nothing is left to begin a task is over, however much has failed."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=1, seen=1, pace=task_pace(stop_after="1")
    )
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(1, body=ERROR)

    assert TaskState.COMPLETED == await operation_driver.task_state(task)
    assert {"failed": 1} == await operation_driver.task_counts(task)


async def test_pausing_in_the_middle(operation_driver: OperationDriver) -> None:
    """From the moment that a task is paused nobody more begins."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1000, seen=1000)
    advancing = asyncio.create_task(operation_driver.advance_tasks())
    while not await operation_driver.started_devices(task):
        pass  # reading lets others go on
    _, paused = await operation_driver.services.tasks.pause(DEFAULT_SCOPE_ID, task.id)
    await advancing

    assert 0 < paused.waiting < 1000
    assert paused.waiting == (await operation_driver.task_counts(task))["waiting"]


async def test_canceling_in_the_middle(operation_driver: OperationDriver) -> None:
    """From the moment that a task is canceled nobody begins, and all end."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1000, seen=1000)
    advancing = asyncio.create_task(operation_driver.advance_tasks())
    while not await operation_driver.started_devices(task):
        pass  # reading lets others go on
    await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    await advancing
    await operation_driver.advance_tasks()

    assert {"failed": 1000} == await operation_driver.task_counts(task)
    assert all(operation_driver.services.polling.is_idle(d) for d in range(1, 1001))
