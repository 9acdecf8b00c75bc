"""Tasks through a stop or a crash."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.task import TaskState
from pushserver.services.rollout import PREPARING
from tests.clock import ManualClock
from tests.services.work import at_work, pace
from tests.storage.tracked import steps_of
from tests.storage.tracked import task as task_row

ONE, TWO = "load_objects", "user_set_image"


async def test_half_written(database: str, clock: ManualClock) -> None:
    """A task that a crash left half written is dropped: nobody was told of it."""
    half = task_row(id=2**62, state=TaskState.PREPARING, steps=2)
    async with at_work(database, clock) as work:
        await work.task(ONE)
        store = work.services.store
        await store.tasks.add_task(half, steps_of(half.id, 2))

    clock.tick(seconds=PREPARING / SECOND)
    async with at_work(database, clock) as work:
        await work.advance()
        (active,) = await work.services.store.tasks.active_tasks()
        assert active.id != half.id
        assert 3 == await work.operations()
        assert [] == await work.services.store.operations.steps([(half.id, 0)])


async def test_half_written_with_operations(database: str, clock: ManualClock) -> None:
    """Its operations go with it, however many, and none of them ever begins."""
    async with at_work(database, clock) as work:
        task = await work.task(ONE, devices=1200, there=1200)
        preparing = attrs.evolve(task, state=TaskState.PREPARING)
        await work.services.store.tasks.move_task(task, preparing)
        await work.advance()
        assert await work.poll(device=1) is None

    clock.tick(seconds=PREPARING / SECOND)
    async with at_work(database, clock) as work:
        await work.advance()
        assert 0 == await work.operations()
        assert [] == await work.services.store.tasks.active_tasks()


async def test_restart(database: str, clock: ManualClock) -> None:
    """A task goes on after a crash, wherever it was; each device does all once."""
    given: list[str] = []
    async with at_work(database, clock) as work:
        task = await work.task(ONE, TWO, devices=6, there=6, pace=pace(2))
        await work.advance()
        given.append(await work.do(device=1))
    for _ in range(20):
        async with at_work(database, clock) as work:
            await work.go_on()
            await work.advance()
            assert (await work.counts(task)).get("running", 0) <= 2
            busy = [d for d, o in (await work.parts(task)).items() if o.queued > o.done]
            if not busy:
                break
            given.append(await work.do(device=busy[0]))

    async with at_work(database, clock) as work:
        assert {"completed": 6} == await work.counts(task)
        assert TaskState.COMPLETED == await work.course(task)
    assert [ONE] * 6 + [TWO] * 6 == sorted(given)


async def test_canceled_before_a_crash(database: str, clock: ManualClock) -> None:
    """What was canceled is canceled to the end, also when the server went between."""
    async with at_work(database, clock) as work:
        task = await work.task(ONE, there=3)
        canceled = attrs.evolve(task, state=TaskState.CANCELED)
        await work.services.store.tasks.move_task(task, canceled)

    async with at_work(database, clock) as work:
        await work.advance()

        assert {"failed": 3} == await work.counts(task)
        assert TaskState.CANCELED == await work.course(task)
