"""Large tasks take turns with others, whatever is done with them."""

import asyncio

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.task import Task, TaskState
from pushserver.services import task_scheduler, tasks
from tests.devices import terminal
from tests.services.operation_driver import (
    OperationDriver,
    count_operations,
    task_pace,
)

OTHER_SCOPE = 2
pytestmark = pytest.mark.scopes(OTHER_SCOPE)
ONE = "load_objects"


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a few operations takes several turns."""
    monkeypatch.setattr(task_scheduler, "BATCH_SIZE", 1)
    monkeypatch.setattr(task_scheduler, "MAX_BATCHES", 2)
    monkeypatch.setattr(task_scheduler, "ROUND_TIME", 0)
    monkeypatch.setattr(tasks, "BATCH_SIZE", 1)
    monkeypatch.setattr(tasks, "MAX_CANCELED_AT_ONCE", 0)


async def task_of_another(operation_driver: OperationDriver, device: int) -> Task:
    """Create a task in the other scope for a device that is there."""
    services = operation_driver.services
    await services.device_import.run(OTHER_SCOPE, {terminal(device): {}})
    await operation_driver.see_devices(device)
    targets = TargetSelector(device_ids=[device])
    created = await operation_driver.create_task(
        ONE, targets=targets, scope_id=OTHER_SCOPE
    )
    assert created.task is not None
    return created.task


async def test_long_cancels(operation_driver: OperationDriver) -> None:
    """
    While tasks of one scope are canceled, that of another starts in the turn after one.
    """
    large = [
        await operation_driver.adopt_and_create_task(ONE, devices=9) for _ in range(3)
    ]
    for task in large:
        await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    await operation_driver.advance_tasks()
    small = await task_of_another(operation_driver, device=1000)

    await operation_driver.advance_tasks()
    started = await operation_driver.started_devices(small)
    waiting = [await operation_driver.task_counts(each) for each in large]
    while await operation_driver.advance_tasks():
        pass

    assert [1000] == started
    assert [{"waiting": 7, "failed": 2}, {"waiting": 9}, {"waiting": 9}] == waiting
    assert [{"failed": 9}] * 3 == [
        await operation_driver.task_counts(each) for each in large
    ]


async def test_beside_a_retry(operation_driver: OperationDriver) -> None:
    """
    While very much is retried of one task, another is paused.
    """
    failed = await operation_driver.adopt_and_create_task(ONE, devices=60)
    other = await operation_driver.create_task(ONE, devices=1)
    assert other.task is not None
    services = operation_driver.services
    await services.tasks.cancel(DEFAULT_SCOPE_ID, failed.id)
    while await operation_driver.advance_tasks():
        pass

    retrying = asyncio.create_task(
        services.tasks.retry(DEFAULT_SCOPE_ID, failed.id, include_unknown=True)
    )
    await asyncio.sleep(0)
    await services.tasks.pause(DEFAULT_SCOPE_ID, other.task.id)
    retried_by_then = await count_operations(operation_driver) - 61
    await retrying

    assert 60 > retried_by_then
    assert {"waiting": 60} == await operation_driver.task_counts(failed)


async def test_failures_of_a_retry(operation_driver: OperationDriver) -> None:
    """
    What is still to be retried does not count for the limit of failures; nor does what
    was, but what fails of it does.
    """
    pace = task_pace(stop_after="1")
    task = await operation_driver.adopt_and_create_task(ONE, devices=9, pace=pace)
    services = operation_driver.services
    await services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    while await operation_driver.advance_tasks():
        pass

    retry = services.tasks.retry(DEFAULT_SCOPE_ID, task.id, include_unknown=True)
    retrying = asyncio.create_task(retry)
    while not retrying.done():
        await operation_driver.advance_tasks()
    retried, counts = await retrying

    assert (TaskState.RUNNING, 0) == (retried.state, retried.ignored_failures)
    assert 9 == counts.waiting
