"""Tasks that are paused, resumed, canceled and tried again."""

import asyncio

import pytest

from pushserver.errors import (
    Conflict,
    NotFound,
)
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import TaskState
from pushserver.services.tasks import Pace
from pushserver.storage.tracking import OperationFilter
from tests.services.work import ERROR, WorkDesk, pace

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def test_paused_and_resumed(work: WorkDesk) -> None:
    """A paused task begins nobody; a resumed one gives its devices their time again."""
    task = await work.task(ONE, there=3, pace=pace(seconds=60))
    await work.services.tasks.pause(FIRST_SCOPE, task.id)
    work.clock.tick(100)
    await work.come(1, 2, 3)
    await work.advance()
    paused = await work.counts(task), await work.course(task)
    resumed, _ = await work.services.tasks.resume(FIRST_SCOPE, task.id)
    await work.advance()

    assert ({"waiting": 3}, TaskState.PAUSED) == paused
    assert work.clock.now() + 60_000_000 == resumed.expires_at
    assert {"running": 3} == await work.counts(task)


async def test_canceled(work: WorkDesk) -> None:
    """What waits is canceled, what is in flight runs to its end, the last."""
    task = await work.task(ONE, TWO, devices=4, there=3)
    await work.advance()
    await work.do(device=1)
    await work.fly(device=2)

    canceled, counts = await work.services.tasks.cancel(FIRST_SCOPE, task.id)
    await work.go_on()
    await work.advance()

    assert (TaskState.CANCELED, 3, 1) == (
        canceled.state,
        counts.failed,
        counts.running,
    )
    await work.report(device=2)
    await work.go_on()
    await work.advance()
    assert {"failed": 4} == await work.counts(task)
    ended, _ = await work.services.tasks.get(FIRST_SCOPE, task.id)
    assert (TaskState.CANCELED, work.clock.now()) == (ended.state, ended.ended_at)
    assert await work.poll(device=3) is None


async def test_what_cannot_be_done(work: WorkDesk) -> None:
    """What does not go with how a task stands is refused."""
    tasks = work.services.tasks
    task = await work.task(ONE, devices=1)
    place = FIRST_SCOPE, task.id

    with pytest.raises(Conflict):
        await tasks.resume(*place)
    await tasks.pause(*place)
    with pytest.raises(Conflict):
        await tasks.pause(*place)
    await tasks.cancel(*place)
    for refused in (tasks.pause, tasks.resume, tasks.cancel):
        with pytest.raises(Conflict):
            await refused(*place)


async def test_not_there(work: WorkDesk) -> None:
    """What is not there, or another scope's, is not found."""
    tasks = work.services.tasks
    task = await work.task(ONE, devices=1)

    for place in ((FIRST_SCOPE, 5), (OTHER, task.id)):
        for ask in (tasks.get, tasks.pause, tasks.resume, tasks.cancel):
            with pytest.raises(NotFound):
                await ask(*place)
        with pytest.raises(NotFound):
            await tasks.retry(*place, include_unknown=True)
    assert {"waiting": 1} == await work.counts(task)


async def ended(work: WorkDesk, wanted: Pace | None = None) -> int:
    """Make a task of which one part is completed, one failed, one unknown; its id."""
    task = await work.task("reboot", there=3, pace=wanted)
    await work.advance()
    await work.do(device=1)
    await work.do(ERROR, device=2)
    await work.fly("u3", device=3)
    await work.upkeep(180)
    await work.advance()
    assert TaskState.COMPLETED == await work.course(task)
    return task.id


@pytest.mark.parametrize(
    ("unknown", "again", "rest"),
    [(False, [2], {"stale": 1}), (True, [2, 3], {})],
)
async def test_tried_again(
    work: WorkDesk, unknown: bool, again: list[int], rest: dict[str, int]
) -> None:
    """What failed is begun anew, and what nobody knows of if that is asked for."""
    task_id = await ended(work)
    tasks = work.services.tasks
    retried, counts = await tasks.retry(FIRST_SCOPE, task_id, include_unknown=unknown)

    assert (TaskState.RUNNING, None) == (retried.state, retried.ended_at)
    assert len(again) == counts.waiting
    await work.come(1, 2, 3)
    await work.advance()
    for device in (1, 2, 3):
        assert (device not in again) == (await work.poll(device=device) is None)
    for device in again:
        await work.report(device=device)
    await work.advance()
    done = {"completed": 1 + len(again), **rest}
    assert done == await work.counts(retried)
    assert TaskState.COMPLETED == await work.course(retried)


async def test_what_was_stays(work: WorkDesk) -> None:
    """An operation in whose place another was begun stays as it was."""
    task_id = await ended(work)
    retried, _ = await work.services.tasks.retry(
        FIRST_SCOPE, task_id, include_unknown=False
    )

    everything = await work.services.store.operations.operations(
        FIRST_SCOPE, OperationFilter(task_id=task_id), before=None, limit=9
    )
    old = [each for each in everything if each.retried]
    assert [(2, Status.FAILED)] == [(each.device_id, each.status) for each in old]
    assert 4 == len(everything)
    assert 3 == len(await work.parts(retried))


async def test_nothing_to_try_again(work: WorkDesk) -> None:
    """If nothing failed a task stays as it is."""
    task = await work.task(ONE, devices=1, there=1)
    await work.advance()
    await work.work(1)
    before = await work.services.tasks.get(FIRST_SCOPE, task.id)

    retry = work.services.tasks.retry
    assert before == await retry(FIRST_SCOPE, task.id, include_unknown=True)


async def test_tried_again_by_two(work: WorkDesk) -> None:
    """Two who try again at the same moment begin nobody twice."""
    task_id = await ended(work)
    retry = work.services.tasks.retry

    await asyncio.gather(
        *(retry(FIRST_SCOPE, task_id, include_unknown=True) for _ in range(5))
    )

    assert 5 == await work.operations()


async def test_late_result_of_the_old_one(work: WorkDesk) -> None:
    """A late result corrects the old operation, and not what came in its place."""
    task_id = await ended(work)
    retried, _ = await work.services.tasks.retry(
        FIRST_SCOPE, task_id, include_unknown=True
    )

    await work.report(uuid="u3", device=3)
    await work.advance()

    assert {"completed": 1, "waiting": 2} == await work.counts(retried)


async def test_tried_again_in_pieces(work: WorkDesk) -> None:
    """However many failed, all are begun anew, each once."""
    task = await work.task(ONE, devices=1100)
    await work.services.tasks.cancel(FIRST_SCOPE, task.id)
    await work.advance()

    _, counts = await work.services.tasks.retry(
        FIRST_SCOPE, task.id, include_unknown=False
    )

    assert (1100, 1100) == (counts.waiting, counts.total)
    assert 2200 == await work.operations()


async def test_tried_again_while_it_is_canceled(work: WorkDesk) -> None:
    """A task that is being canceled cannot be tried again before that is over."""
    task = await work.task(ONE, devices=2, there=1)
    await work.advance()
    await work.fly(device=1)
    await work.services.tasks.cancel(FIRST_SCOPE, task.id)
    retry = work.services.tasks.retry

    with pytest.raises(Conflict):
        await retry(FIRST_SCOPE, task.id, include_unknown=False)
    await work.report(device=1)
    await work.advance()
    retried, counts = await retry(FIRST_SCOPE, task.id, include_unknown=False)

    assert (TaskState.RUNNING, 1) == (retried.state, counts.waiting)


async def test_failures_are_forgiven(work: WorkDesk) -> None:
    """What is tried again has its whole limit of failures again."""
    task = await work.task(
        ONE, devices=2, there=2, pace=pace(concurrency=1, stop_after="1")
    )
    await work.advance()
    await work.work(1, body=ERROR)
    courses = [await work.course(task)]
    await work.services.tasks.retry(FIRST_SCOPE, task.id, include_unknown=False)
    await work.advance()
    courses.append(await work.course(task))
    (device,) = await work.begun(task)
    await work.work(device, body=ERROR)
    courses.append(await work.course(task))

    assert [TaskState.PAUSED, TaskState.RUNNING, TaskState.PAUSED] == courses


async def test_the_unknown_were_forgiven_before(work: WorkDesk) -> None:
    """What nobody knows of, and is left as it is, does not count a second time."""
    task_id = await ended(work, pace(stop_after="2"))
    retry = work.services.tasks.retry
    task, _ = await retry(FIRST_SCOPE, task_id, include_unknown=False)
    await work.come(2)
    await work.advance()
    await work.work(2, body=ERROR)

    assert 1 == task.forgiven
    assert {"completed": 1, "failed": 1, "stale": 1} == await work.counts(task)
