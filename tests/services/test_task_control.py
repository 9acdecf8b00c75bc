"""Tasks that are paused, resumed, canceled and retried."""

import asyncio

import pytest

from pushserver.errors import (
    Conflict,
    NotFound,
    Unavailable,
)
from pushserver.model.audit import AuditAction
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import TaskState
from pushserver.services import tasks as tasks_service
from pushserver.services.next_steps import BATCH_SIZE
from pushserver.services.task_creation import RolloutPolicy
from pushserver.storage.audit import AuditFilter
from pushserver.storage.operations import OperationFilter
from tests.model.operation_scenario import ACTOR
from tests.services.operation_driver import ERROR, OperationDriver, task_pace
from tests.storage.read_counts import count_reads

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def test_paused_and_resumed(operation_driver: OperationDriver) -> None:
    """A paused task begins nobody; a resumed one gives its devices their time again."""
    task = await operation_driver.adopt_and_create_task(
        ONE, seen=3, pace=task_pace(seconds=60)
    )
    await operation_driver.services.tasks.pause(DEFAULT_SCOPE_ID, task.id)
    operation_driver.clock.tick(100)
    await operation_driver.see_devices(1, 2, 3)
    await operation_driver.advance_tasks()
    paused = (
        await operation_driver.task_counts(task),
        await operation_driver.task_state(task),
    )
    resumed, _ = await operation_driver.services.tasks.resume(DEFAULT_SCOPE_ID, task.id)
    await operation_driver.advance_tasks()

    assert ({"waiting": 3}, TaskState.PAUSED) == paused
    assert operation_driver.clock.now() + 60_000_000 == resumed.expires_at
    assert {"running": 3} == await operation_driver.task_counts(task)


async def test_canceled(operation_driver: OperationDriver) -> None:
    """Waiting steps are canceled, those in flight run to their end and are the last."""
    task = await operation_driver.adopt_and_create_task(ONE, TWO, devices=4, seen=3)
    await operation_driver.advance_tasks()
    await operation_driver.run_command(device=1)
    await operation_driver.receive_command(device=2)

    canceled, counts = await operation_driver.services.tasks.cancel(
        DEFAULT_SCOPE_ID, task.id
    )
    await operation_driver.start_next_steps()
    await operation_driver.advance_tasks()

    assert (TaskState.CANCELED, 3, 1) == (
        canceled.state,
        counts.failed,
        counts.running,
    )
    await operation_driver.post_result(device=2)
    await operation_driver.start_next_steps()
    await operation_driver.advance_tasks()
    assert {"failed": 4} == await operation_driver.task_counts(task)
    ended, _ = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)
    assert (TaskState.CANCELED, operation_driver.clock.now()) == (
        ended.state,
        ended.ended_at,
    )
    assert await operation_driver.poll(device=3) is None


async def test_what_cannot_be_done(operation_driver: OperationDriver) -> None:
    """An action that the task's state does not allow is refused."""
    tasks = operation_driver.services.tasks
    task = await operation_driver.adopt_and_create_task(ONE, devices=1)
    place = DEFAULT_SCOPE_ID, task.id

    with pytest.raises(Conflict):
        await tasks.resume(*place)
    await tasks.pause(*place)
    with pytest.raises(Conflict):
        await tasks.pause(*place)
    await tasks.cancel(*place)
    for refused in (tasks.pause, tasks.resume):
        with pytest.raises(Conflict):
            await refused(*place)
    done = await operation_driver.adopt_and_create_task(ONE, devices=1, seen=1)
    await operation_driver.advance_tasks()
    await operation_driver.run_command(device=1)
    await operation_driver.advance_tasks()
    with pytest.raises(Conflict):
        await tasks.cancel(DEFAULT_SCOPE_ID, done.id)


async def test_canceled_again(operation_driver: OperationDriver) -> None:
    """To cancel a task again changes nothing, whoever does it and however far it is."""
    tasks, store = operation_driver.services.tasks, operation_driver.services.store
    task = await operation_driver.adopt_and_create_task(ONE, devices=2, seen=1)
    await operation_driver.advance_tasks()
    await operation_driver.receive_command(device=1)
    place = DEFAULT_SCOPE_ID, task.id

    first = await tasks.cancel(*place, ACTOR)
    assert first == await tasks.cancel(*place)
    await operation_driver.post_result(device=1)
    await operation_driver.advance_tasks()
    again, _ = await tasks.cancel(*place)
    assert (TaskState.CANCELED, ACTOR) == (again.state, again.canceled_by)
    assert again.ended_at is not None
    assert 1 == sum(
        each.action is AuditAction.TASK_CANCEL
        for each in await store.audit.entries_after(
            DEFAULT_SCOPE_ID, AuditFilter(), after=0, limit=99
        )
    )


async def test_canceled_while_the_store_goes_away(
    operation_driver: OperationDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What was canceled is, also if the store goes away before all operations have ended.
    """
    task = await operation_driver.adopt_and_create_task(ONE, devices=2)
    lanes = operation_driver.services.lanes

    async def fail(*_: object) -> None:
        raise Unavailable("The store is away.")

    with monkeypatch.context() as patched:
        patched.setattr(lanes.store, "change_lane", fail)
        canceled, _ = await operation_driver.services.tasks.cancel(
            DEFAULT_SCOPE_ID, task.id
        )
    assert TaskState.CANCELED is canceled.state
    await operation_driver.advance_tasks()
    assert {"failed": 2} == await operation_driver.task_counts(task)


async def test_canceled_in_few_statements(operation_driver: OperationDriver) -> None:
    """The operations of a batch are read together, and not one after the other."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=BATCH_SIZE)

    async with count_reads(operation_driver.services.store) as count:
        await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)

    assert {"failed": BATCH_SIZE} == await operation_driver.task_counts(task)
    assert BATCH_SIZE // 2 > len(count.statements)


async def test_very_many_canceled(
    operation_driver: OperationDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody waits until very many have ended: the call cancels some, the scheduler all.
    """
    monkeypatch.setattr(tasks_service, "MAX_CANCELED_AT_ONCE", BATCH_SIZE)
    task = await operation_driver.adopt_and_create_task(ONE, devices=2 * BATCH_SIZE)
    operation_driver.services.task_scheduler.wakeup.clear()

    canceled, counts = await operation_driver.services.tasks.cancel(
        DEFAULT_SCOPE_ID, task.id
    )

    assert (TaskState.CANCELED, None) == (canceled.state, canceled.ended_at)
    assert (BATCH_SIZE, BATCH_SIZE) == (counts.failed, counts.waiting)
    assert operation_driver.services.task_scheduler.wakeup.is_set()
    await operation_driver.advance_tasks()
    ended, counts = await operation_driver.services.tasks.cancel(
        DEFAULT_SCOPE_ID, task.id
    )
    assert ended.ended_at is not None
    assert 2 * BATCH_SIZE == counts.failed


async def test_stopping_in_between(operation_driver: OperationDriver) -> None:
    """
    A server that stops waits for one batch at most; the next start cancels the rest.
    """
    services = operation_driver.services
    task = await operation_driver.adopt_and_create_task(ONE, devices=2 * BATCH_SIZE)
    services.store.prepare_to_close()

    canceled, counts = await services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    advanced = await services.task_scheduler.advance()

    assert (TaskState.CANCELED, None) == (canceled.state, canceled.ended_at)
    assert (2 * BATCH_SIZE, 0) == (counts.waiting, advanced)


async def test_not_there(operation_driver: OperationDriver) -> None:
    """A task that does not exist, or is another scope's, is not found."""
    tasks = operation_driver.services.tasks
    task = await operation_driver.adopt_and_create_task(ONE, devices=1)

    for place in ((DEFAULT_SCOPE_ID, 5), (OTHER, task.id)):
        for ask in (tasks.get, tasks.pause, tasks.resume, tasks.cancel):
            with pytest.raises(NotFound):
                await ask(*place)
        with pytest.raises(NotFound):
            await tasks.retry(*place, include_unknown=True)
    assert {"waiting": 1} == await operation_driver.task_counts(task)


async def create_ended_task(
    operation_driver: OperationDriver, policy: RolloutPolicy | None = None
) -> int:
    """
    Create a task with one operation completed, one failed, one unknown; return its id.
    """
    task = await operation_driver.adopt_and_create_task("reboot", seen=3, pace=policy)
    await operation_driver.advance_tasks()
    await operation_driver.run_command(device=1)
    await operation_driver.run_command(ERROR, device=2)
    await operation_driver.receive_command("u3", device=3)
    await operation_driver.expire_overdue(180)
    await operation_driver.advance_tasks()
    assert TaskState.COMPLETED == await operation_driver.task_state(task)
    return task.id


@pytest.mark.parametrize(
    ("unknown", "again", "rest"),
    [(False, [2], {"stale": 1}), (True, [2, 3], {})],
)
async def test_tried_again(
    operation_driver: OperationDriver,
    unknown: bool,
    again: list[int],
    rest: dict[str, int],
) -> None:
    """What failed is started again, and what is unknown only if asked for."""
    task_id = await create_ended_task(operation_driver)
    tasks = operation_driver.services.tasks
    retried, counts = await tasks.retry(
        DEFAULT_SCOPE_ID, task_id, include_unknown=unknown
    )

    assert (TaskState.RUNNING, None) == (retried.state, retried.ended_at)
    assert len(again) == counts.waiting
    await operation_driver.see_devices(1, 2, 3)
    await operation_driver.advance_tasks()
    for device in (1, 2, 3):
        assert (device not in again) == (
            await operation_driver.poll(device=device) is None
        )
    for device in again:
        await operation_driver.post_result(device=device)
    await operation_driver.advance_tasks()
    done = {"completed": 1 + len(again), **rest}
    assert done == await operation_driver.task_counts(retried)
    assert TaskState.COMPLETED == await operation_driver.task_state(retried)


async def test_what_was_stays(operation_driver: OperationDriver) -> None:
    """An operation that was replaced by a retry stays as it was."""
    task_id = await create_ended_task(operation_driver)
    retried, _ = await operation_driver.services.tasks.retry(
        DEFAULT_SCOPE_ID, task_id, include_unknown=False
    )

    everything = await operation_driver.services.store.operations.operations(
        DEFAULT_SCOPE_ID, OperationFilter(task_id=task_id), before=None, limit=9
    )
    old = [each for each in everything if each.retried]
    assert [(2, OperationStatus.FAILED)] == [
        (each.device_id, each.status) for each in old
    ]
    assert 4 == len(everything)
    assert 3 == len(await operation_driver.task_operations(retried))


async def test_nothing_to_try_again(operation_driver: OperationDriver) -> None:
    """If nothing failed a task stays as it is."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1, seen=1)
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(1)
    before = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)

    retry = operation_driver.services.tasks.retry
    assert before == await retry(DEFAULT_SCOPE_ID, task.id, include_unknown=True)


async def test_tried_again_by_two(operation_driver: OperationDriver) -> None:
    """Two who try again at the same moment begin nobody twice."""
    task_id = await create_ended_task(operation_driver)
    retry = operation_driver.services.tasks.retry

    await asyncio.gather(
        *(retry(DEFAULT_SCOPE_ID, task_id, include_unknown=True) for _ in range(5))
    )

    assert 5 == await operation_driver.count_operations()


async def test_late_result_of_the_old_one(operation_driver: OperationDriver) -> None:
    """A late result corrects the old operation, and not what came in its place."""
    task_id = await create_ended_task(operation_driver)
    retried, _ = await operation_driver.services.tasks.retry(
        DEFAULT_SCOPE_ID, task_id, include_unknown=True
    )

    await operation_driver.post_result(uuid="u3", device=3)
    await operation_driver.advance_tasks()

    assert {"completed": 1, "waiting": 2} == await operation_driver.task_counts(retried)


async def test_tried_again_in_pieces(operation_driver: OperationDriver) -> None:
    """However many failed, each is started again once."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1100)
    await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    await operation_driver.advance_tasks()

    _, counts = await operation_driver.services.tasks.retry(
        DEFAULT_SCOPE_ID, task.id, include_unknown=False
    )

    assert (1100, 1100) == (counts.waiting, counts.total)
    assert 2200 == await operation_driver.count_operations()


async def test_tried_again_while_it_is_canceled(
    operation_driver: OperationDriver,
) -> None:
    """A task that is being canceled cannot be tried again before that is over."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=2, seen=1)
    await operation_driver.advance_tasks()
    await operation_driver.receive_command(device=1)
    await operation_driver.services.tasks.cancel(DEFAULT_SCOPE_ID, task.id)
    retry = operation_driver.services.tasks.retry

    with pytest.raises(Conflict):
        await retry(DEFAULT_SCOPE_ID, task.id, include_unknown=False)
    await operation_driver.post_result(device=1)
    await operation_driver.advance_tasks()
    retried, counts = await retry(DEFAULT_SCOPE_ID, task.id, include_unknown=False)

    assert (TaskState.RUNNING, 1) == (retried.state, counts.waiting)


async def test_failures_are_forgiven(operation_driver: OperationDriver) -> None:
    """A retry has its whole failure limit again."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=2, seen=2, pace=task_pace(concurrency=1, stop_after="1")
    )
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(1, body=ERROR)
    courses = [await operation_driver.task_state(task)]
    await operation_driver.services.tasks.retry(
        DEFAULT_SCOPE_ID, task.id, include_unknown=False
    )
    await operation_driver.advance_tasks()
    courses.append(await operation_driver.task_state(task))
    (device,) = await operation_driver.started_devices(task)
    await operation_driver.run_steps(device, body=ERROR)
    courses.append(await operation_driver.task_state(task))

    assert [TaskState.PAUSED, TaskState.RUNNING, TaskState.PAUSED] == courses


async def test_the_unknown_were_forgiven_before(
    operation_driver: OperationDriver,
) -> None:
    """An unknown outcome that is left as it is does not count a second time."""
    task_id = await create_ended_task(operation_driver, task_pace(stop_after="2"))
    retry = operation_driver.services.tasks.retry
    task, _ = await retry(DEFAULT_SCOPE_ID, task_id, include_unknown=False)
    await operation_driver.see_devices(2)
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(2, body=ERROR)

    assert 1 == task.ignored_failures
    assert {
        "completed": 1,
        "failed": 1,
        "stale": 1,
    } == await operation_driver.task_counts(task)
