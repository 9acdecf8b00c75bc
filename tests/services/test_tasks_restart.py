"""Tasks through a stop or a crash."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.task import TaskState
from pushserver.services.task_scheduler import PREPARE_TIMEOUT
from tests.clock import ManualClock
from tests.services.operation_driver import running_services, task_pace
from tests.storage.operations import steps_of
from tests.storage.operations import task as task_row

ONE, TWO = "load_objects", "user_set_image"


async def test_half_written(database: str, clock: ManualClock) -> None:
    """
    A task that a crash left half written is dropped: nobody got an answer about it.
    """
    half = task_row(id=2**62, state=TaskState.PREPARING, step_count=2)
    async with running_services(database, clock) as operation_driver:
        await operation_driver.adopt_and_create_task(ONE)
        store = operation_driver.services.store
        await store.tasks.add_task(half, steps_of(half.id, 2))

    clock.tick(seconds=PREPARE_TIMEOUT / SECOND)
    async with running_services(database, clock) as operation_driver:
        await operation_driver.advance_tasks()
        (active,) = await operation_driver.services.store.tasks.active_tasks()
        assert active.id != half.id
        assert 3 == await operation_driver.count_operations()
        assert [] == await operation_driver.services.store.operations.steps(
            [(half.id, 0)]
        )


async def test_half_written_with_operations(database: str, clock: ManualClock) -> None:
    """Its operations go with it, however many, and none of them ever begins."""
    async with running_services(database, clock) as operation_driver:
        task = await operation_driver.adopt_and_create_task(
            ONE, devices=1200, seen=1200
        )
        preparing = attrs.evolve(task, state=TaskState.PREPARING)
        await operation_driver.services.store.tasks.update_task_if_unchanged(
            task, preparing
        )
        await operation_driver.advance_tasks()
        assert await operation_driver.poll(device=1) is None

    clock.tick(seconds=PREPARE_TIMEOUT / SECOND)
    async with running_services(database, clock) as operation_driver:
        await operation_driver.advance_tasks()
        assert 0 == await operation_driver.count_operations()
        assert [] == await operation_driver.services.store.tasks.active_tasks()


async def test_restart(database: str, clock: ManualClock) -> None:
    """
    A task continues after a crash, wherever it was; each device does everything once.
    """
    handed_out: list[str] = []
    async with running_services(database, clock) as operation_driver:
        task = await operation_driver.adopt_and_create_task(
            ONE, TWO, devices=6, seen=6, pace=task_pace(2)
        )
        await operation_driver.advance_tasks()
        handed_out.append(await operation_driver.run_command(device=1))
    for _ in range(20):
        async with running_services(database, clock) as operation_driver:
            await operation_driver.start_next_steps()
            await operation_driver.advance_tasks()
            assert (await operation_driver.task_counts(task)).get("running", 0) <= 2
            busy = [
                d
                for d, o in (await operation_driver.task_operations(task)).items()
                if o.queued_steps > o.done_steps
            ]
            if not busy:
                break
            handed_out.append(await operation_driver.run_command(device=busy[0]))

    async with running_services(database, clock) as operation_driver:
        assert {"completed": 6} == await operation_driver.task_counts(task)
        assert TaskState.COMPLETED == await operation_driver.task_state(task)
    assert [ONE] * 6 + [TWO] * 6 == sorted(handed_out)


async def test_canceled_before_a_crash(database: str, clock: ManualClock) -> None:
    """A canceled task is canceled to the end, even if the server crashes in between."""
    async with running_services(database, clock) as operation_driver:
        task = await operation_driver.adopt_and_create_task(ONE, seen=3)
        canceled = attrs.evolve(task, state=TaskState.CANCELED)
        await operation_driver.services.store.tasks.update_task_if_unchanged(
            task, canceled
        )

    async with running_services(database, clock) as operation_driver:
        await operation_driver.advance_tasks()

        assert {"failed": 3} == await operation_driver.task_counts(task)
        assert TaskState.CANCELED == await operation_driver.task_state(task)
