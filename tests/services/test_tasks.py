"""Tasks: made once, paused, resumed, canceled, tried again, and through crashes."""

import asyncio
from pathlib import Path

import attrs
import pytest

from pushserver.errors import (
    Conflict,
    IdempotencyMismatch,
    Invalid,
    NotFound,
    Unavailable,
)
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.target import Targets
from pushserver.model.task import TaskState
from pushserver.services.tasks import Pace
from pushserver.storage.tracking import OperationFilter
from tests.clock import ManualClock
from tests.services.work import ERROR, ONCE, WorkDesk, at_work, pace
from tests.storage.tracked import steps_of
from tests.storage.tracked import task as task_row

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def operations(work: WorkDesk) -> int:
    """Return how many operations there are."""
    count = work.services.store.operations.count_operations
    return await count(FIRST_SCOPE, OperationFilter())


async def test_made(work: WorkDesk) -> None:
    """A task has one operation for each device, which waits, and its steps once."""
    task = await work.task(ONE, TWO, devices=1200)

    assert (TaskState.RUNNING, 2) == (await work.course(task), task.steps)
    assert {"waiting": 1200} == await work.counts(task)
    parts = await work.parts(task)
    assert list(range(1, 1201)) == sorted(parts)
    steps = await work.services.store.operations.step_records(parts[7])
    assert [ONE, TWO] == [each.step.draft.order.endpoint for each in steps]
    assert {task.id} == {each.step.owner_id for each in steps}
    own = [(part.id, 0) for part in parts.values()]
    assert [] == await work.services.store.operations.steps(own)


async def test_answer(work: WorkDesk) -> None:
    """The answer says for how many it is."""
    await work.adopt(1, 2, 3)

    made = await work.make(ONE)

    assert made.task is not None
    assert b"%d 3" % made.task.id == made.answer


@pytest.mark.parametrize(
    ("targets", "devices"),
    [
        (Targets(), [1, 2, 3, 4]),
        (Targets(tags={"site": "north"}), [3, 4]),
        (Targets(device_ids=[4, 1, 4]), [1, 4]),
    ],
)
async def test_targets(work: WorkDesk, targets: Targets, devices: list[int]) -> None:
    """Devices are chosen by ids, by tags, or all of the scope that are adopted."""
    await work.adopt(1, 2)
    await work.adopt(3, 4, tags={"site": "north", "floor": "2"})
    await work.services.fleet.adopt(OTHER, 5)
    await work.come(6)

    made = await work.make(ONE, targets=targets)

    assert made.task is not None
    assert devices == sorted(await work.parts(made.task))
    expected = work.services.tasks.expect(FIRST_SCOPE, targets)
    assert devices == sorted(each.device.device_id for each in expected)


@pytest.mark.parametrize(
    "targets",
    [
        Targets(device_ids=[]),
        Targets(device_ids=[1, 5]),
        Targets(device_ids=[1, 6]),
        Targets(device_ids=[1, 7]),
        Targets(tags={"site": "south"}),
    ],
)
async def test_nobody_there(work: WorkDesk, targets: Targets) -> None:
    """A device that is not the scope's own is refused, and so is nobody at all."""
    await work.adopt(1)
    await work.services.fleet.adopt(OTHER, 5)
    await work.come(6)

    with pytest.raises(Invalid):
        await work.make(ONE, targets=targets)
    with pytest.raises(Invalid):
        work.services.tasks.expect(FIRST_SCOPE, targets)
    assert [] == await work.services.store.tasks.active_tasks()


async def test_expected(work: WorkDesk) -> None:
    """Before it is made a program can learn who is online, and when to expect them."""
    await work.adopt(1, 2)
    await work.come(1)

    first, second = work.services.tasks.expect(FIRST_SCOPE, Targets())

    assert (True, False) == (first.online, second.online)
    assert (None, 0) == (second.expected_at, await operations(work))


async def test_key(work: WorkDesk) -> None:
    """The same request again makes nothing, and is answered as the first time."""
    await work.adopt(1, 2, 3)
    first = await work.make(ONE, request=ONCE)
    await work.come(1)
    await work.advance()
    again = await work.make(ONE, request=ONCE)

    assert (first.answer, None) == (again.answer, again.task)
    assert 3 == await operations(work)
    with pytest.raises(IdempotencyMismatch):
        await work.make(TWO, request=attrs.evolve(ONCE, fingerprint="g"))


async def test_key_of_yesterday(work: WorkDesk) -> None:
    """After a day a key is new again."""
    await work.adopt(1, 2, 3)
    first = await work.make(ONE, request=ONCE)
    work.clock.tick(86_400)
    second = await work.make(ONE, request=ONCE)

    assert second.task is not None
    assert first.answer != second.answer


async def test_store_away(work: WorkDesk) -> None:
    """When it could not be written nothing was made, and the key is unused."""
    await work.adopt(1, 2, 3)
    async with work.store_away():
        with pytest.raises(Unavailable):
            await work.make(ONE, request=ONCE)

    made = await work.make(ONE, request=ONCE)

    assert made.task is not None
    assert [made.task] == await work.services.store.tasks.active_tasks()


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

    assert 5 == await operations(work)


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
    assert 2200 == await operations(work)


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


async def test_half_written(tmp_path: Path, clock: ManualClock) -> None:
    """A task that a crash left half written is dropped: nobody was told of it."""
    half = task_row(id=2**62, state=TaskState.PREPARING, steps=2)
    async with at_work(tmp_path, clock) as work:
        await work.task(ONE)
        store = work.services.store
        await store.tasks.add_task(half, steps_of(half.id, 2))

    async with at_work(tmp_path, clock) as work:
        await work.advance()
        (active,) = await work.services.store.tasks.active_tasks()
        assert active.id != half.id
        assert 3 == await operations(work)
        assert [] == await work.services.store.operations.steps([(half.id, 0)])


async def test_half_written_with_operations(tmp_path: Path, clock: ManualClock) -> None:
    """Its operations go with it, however many, and none of them ever begins."""
    async with at_work(tmp_path, clock) as work:
        task = await work.task(ONE, devices=1200, there=1200)
        preparing = attrs.evolve(task, state=TaskState.PREPARING)
        await work.services.store.tasks.move_task(task, preparing)
        await work.advance()
        assert await work.poll(device=1) is None

    async with at_work(tmp_path, clock) as work:
        await work.advance()
        assert 0 == await operations(work)
        assert [] == await work.services.store.tasks.active_tasks()


async def test_restart(tmp_path: Path, clock: ManualClock) -> None:
    """A task goes on after a crash, wherever it was; each device does all once."""
    given: list[str] = []
    async with at_work(tmp_path, clock) as work:
        task = await work.task(ONE, TWO, devices=6, there=6, pace=pace(2))
        await work.advance()
        given.append(await work.do(device=1))
    for _ in range(20):
        async with at_work(tmp_path, clock) as work:
            await work.go_on()
            await work.advance()
            assert (await work.counts(task)).get("running", 0) <= 2
            busy = [d for d, o in (await work.parts(task)).items() if o.queued > o.done]
            if not busy:
                break
            given.append(await work.do(device=busy[0]))

    async with at_work(tmp_path, clock) as work:
        assert {"completed": 6} == await work.counts(task)
        assert TaskState.COMPLETED == await work.course(task)
    assert [ONE] * 6 + [TWO] * 6 == sorted(given)


async def test_canceled_before_a_crash(tmp_path: Path, clock: ManualClock) -> None:
    """What was canceled is canceled to the end, also when the server went between."""
    async with at_work(tmp_path, clock) as work:
        task = await work.task(ONE, there=3)
        canceled = attrs.evolve(task, state=TaskState.CANCELED)
        await work.services.store.tasks.move_task(task, canceled)

    async with at_work(tmp_path, clock) as work:
        await work.advance()

        assert {"failed": 3} == await work.counts(task)
        assert TaskState.CANCELED == await work.course(task)
