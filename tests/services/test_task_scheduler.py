"""Task execution: who starts, how many at once, when to pause, how it ends."""

import pytest

from pushserver.model.device import DeviceState
from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import TaskState
from tests.devices import terminal
from tests.services.operation_driver import ERROR, OperationDriver, task_pace

pytestmark = pytest.mark.scopes(2)

ONE, TWO = "load_objects", "user_set_image"
TIMEOUT = 180


async def test_to_the_end(operation_driver: OperationDriver) -> None:
    """A task begins on all its devices, goes through their steps, and is completed."""
    task = await operation_driver.adopt_and_create_task(ONE, TWO, seen=3)
    counts = [await operation_driver.task_counts(task)]
    await operation_driver.advance_tasks()
    counts.append(await operation_driver.task_counts(task))
    for _ in range(2):
        await operation_driver.run_steps(1, 2, 3)
        counts.append(await operation_driver.task_counts(task))

    assert [{"waiting": 3}, {"running": 3}, {"running": 3}, {"completed": 3}] == counts
    assert TaskState.COMPLETED == await operation_driver.task_state(task)
    for part in (await operation_driver.task_operations(task)).values():
        assert [
            "queued",
            "sent",
            "SUCCESSFUL",
        ] * 2 == await operation_driver.notification_words(part)


async def test_ended_at(operation_driver: OperationDriver) -> None:
    """It has ended when its last operation has."""
    task = await operation_driver.adopt_and_create_task(ONE, seen=3)
    await operation_driver.advance_tasks()
    operation_driver.clock.tick(9)
    await operation_driver.run_steps(1, 2, 3)

    ended, _ = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)
    assert operation_driver.clock.now() == ended.ended_at


async def test_held_polls(operation_driver: OperationDriver) -> None:
    """A poll that waits is given the first step at once."""
    await operation_driver.adopt_and_create_task(ONE, seen=3)
    async with operation_driver.held_poll(device=1) as held:
        await operation_driver.advance_tasks()
        in_flight = await held

    assert in_flight is not None
    assert ONE == in_flight.command.endpoint


async def test_only_who_is_there(operation_driver: OperationDriver) -> None:
    """Devices that are away wait, and begin when they come."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=4, seen=2)
    await operation_driver.advance_tasks()
    before = await operation_driver.started_devices(task)
    await operation_driver.see_devices(3)
    await operation_driver.advance_tasks()

    assert [1, 2] == before
    assert [1, 2, 3] == await operation_driver.started_devices(task)
    assert {"waiting": 1, "running": 3} == await operation_driver.task_counts(task)


async def test_who_left_is_not_there(operation_driver: OperationDriver) -> None:
    """A device that has not polled for long is away."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1, seen=1)
    operation_driver.clock.tick(31)

    await operation_driver.advance_tasks()

    assert [] == await operation_driver.started_devices(task)


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_concurrency(operation_driver: OperationDriver, limit: int) -> None:
    """Never do more run at once than may; a place that falls free is taken."""
    task = await operation_driver.adopt_and_create_task(
        ONE, TWO, devices=7, seen=7, pace=task_pace(limit)
    )
    most = 0
    for _ in range(30):
        await operation_driver.advance_tasks()
        running = (await operation_driver.task_counts(task)).get("running", 0)
        most = max(most, running)
        busy = [
            d
            for d, o in (await operation_driver.task_operations(task)).items()
            if o.queued_steps > o.done_steps
        ]
        if busy:
            await operation_driver.run_command(device=min(busy))
            await operation_driver.start_next_steps()

    assert limit == most
    assert {"completed": 7} == await operation_driver.task_counts(task)


async def test_concurrency_of_two_rounds(operation_driver: OperationDriver) -> None:
    """A second round without changes starts nobody more."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=5, seen=5, pace=task_pace(2)
    )
    for _ in range(3):
        await operation_driver.advance_tasks()

    assert [1, 2] == await operation_driver.started_devices(task)


async def test_who_is_away_holds_no_place(operation_driver: OperationDriver) -> None:
    """A device that is away holds none of the places."""
    task = await operation_driver.adopt_and_create_task(
        ONE, devices=4, pace=task_pace(1)
    )
    await operation_driver.see_devices(4)

    await operation_driver.advance_tasks()

    assert [4] == await operation_driver.started_devices(task)


async def test_who_never_came(operation_driver: OperationDriver) -> None:
    """
    A device that is offline at the deadline does not start; one that is online does.
    """
    task = await operation_driver.adopt_and_create_task(
        "reboot", seen=1, pace=task_pace(seconds=60)
    )
    await operation_driver.advance_tasks()
    operation_driver.clock.tick(59)
    await operation_driver.advance_tasks()
    early = await operation_driver.task_counts(task)
    operation_driver.clock.tick(1)
    await operation_driver.see_devices(2)
    await operation_driver.advance_tasks()

    assert {"waiting": 2, "running": 1} == early
    assert {"failed": 1, "running": 2} == await operation_driver.task_counts(task)
    (lost,) = [
        part
        for part in (await operation_driver.task_operations(task)).values()
        if part.status is OperationStatus.FAILED
    ]
    words = await operation_driver.notification_words(lost)
    assert ["The device did not come in time, or is gone."] == words


async def test_how_long_by_itself(operation_driver: OperationDriver) -> None:
    """Unless it is said devices have as long as their first command would."""
    doors = await operation_driver.adopt_and_create_task("execute_actions", ONE)
    others = await operation_driver.adopt_and_create_task(ONE, "execute_actions")
    own = await operation_driver.adopt_and_create_task(ONE, expires_in=7_000_000)
    planned = await operation_driver.adopt_and_create_task(
        ONE, not_before=operation_driver.clock.now() + 50_000_000
    )

    assert [30, 86_400, 7, 86_450] == [
        (each.expires_at - each.created_at) / 1_000_000
        for each in (doors, others, own, planned)
    ]


async def test_device_deleted(operation_driver: OperationDriver) -> None:
    """
    When a device is deleted its operation ends, whether it waits, runs, or is retried.
    """
    task = await operation_driver.adopt_and_create_task(ONE, TWO, devices=4, seen=2)
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(2)
    for device in (1, 2, 3):
        await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, device)
    await operation_driver.see_devices(3)
    stranger = operation_driver.services.devices.find(DEFAULT_SCOPE_ID, 3)
    await operation_driver.start_next_steps()
    await operation_driver.advance_tasks()

    assert stranger is not None
    assert stranger.state is DeviceState.QUARANTINED
    assert {"failed": 3, "waiting": 1} == await operation_driver.task_counts(task)


async def test_device_of_another_scope(operation_driver: OperationDriver) -> None:
    """A device that went to another scope is no longer part of the task."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1)
    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, 1)
    await operation_driver.services.fleet.adopt(DEFAULT_SCOPE_ID + 1, terminal(1))
    await operation_driver.see_devices(1)

    await operation_driver.advance_tasks()

    assert {"failed": 1} == await operation_driver.task_counts(task)
    assert await operation_driver.poll(device=1) is None


async def test_late_result(operation_driver: OperationDriver) -> None:
    """A late result corrects the counts; it starts nothing and ends nothing twice."""
    task = await operation_driver.adopt_and_create_task("reboot", devices=1, seen=1)
    await operation_driver.advance_tasks()
    await operation_driver.receive_command("u1", device=1)
    await operation_driver.expire_overdue(TIMEOUT)
    await operation_driver.advance_tasks()
    ended, stale = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)

    await operation_driver.post_result(uuid="u1", device=1)
    await operation_driver.start_next_steps()
    await operation_driver.advance_tasks()

    again, counts = await operation_driver.services.tasks.get(DEFAULT_SCOPE_ID, task.id)
    assert (1, 1) == (stale.stale, counts.completed)
    assert ended == again
    assert TaskState.COMPLETED == again.state


async def test_late_result_of_an_earlier_step(
    operation_driver: OperationDriver,
) -> None:
    """A late result of the first of two steps does not start the second."""
    task = await operation_driver.adopt_and_create_task(
        "reboot", TWO, devices=1, seen=1
    )
    await operation_driver.advance_tasks()
    await operation_driver.receive_command("u1", device=1)
    await operation_driver.expire_overdue(TIMEOUT)

    await operation_driver.post_result(uuid="u1", device=1)
    await operation_driver.start_next_steps()
    await operation_driver.advance_tasks()

    assert {"failed": 1} == await operation_driver.task_counts(task)
    assert await operation_driver.poll(device=1) is None


async def test_on_failure(operation_driver: OperationDriver) -> None:
    """Each device's operation continues after failures if the task says so."""
    task = await operation_driver.adopt_and_create_task(
        ONE, TWO, devices=1, seen=1, on_failure=OnFailure.CONTINUE
    )
    await operation_driver.advance_tasks()
    await operation_driver.run_steps(1, body=ERROR)
    await operation_driver.run_steps(1)

    part = (await operation_driver.task_operations(task))[1]
    assert (
        OperationStatus.FAILED,
        2,
        2,
        100,
    ) == await operation_driver.operation_progress(part)


async def test_several_tasks(operation_driver: OperationDriver) -> None:
    """Tasks do not wait for one another."""
    await operation_driver.adopt_and_create_task(ONE, devices=3)
    second = await operation_driver.adopt_and_create_task(
        TWO, devices=3, seen=3, pace=task_pace(1)
    )
    third = await operation_driver.adopt_and_create_task("reboot", devices=3)

    await operation_driver.advance_tasks()

    assert ([1], [1, 2, 3]) == (
        await operation_driver.started_devices(second),
        await operation_driver.started_devices(third),
    )


async def test_the_worker_is_called(operation_driver: OperationDriver) -> None:
    """
    The worker is woken up when a task is created and when one of its operations ends.
    """
    wakeup = operation_driver.services.task_scheduler.wakeup
    await operation_driver.adopt_and_create_task(ONE, TWO, devices=1, seen=1)
    wakeups = [wakeup.is_set()]
    await operation_driver.advance_tasks()
    for _ in range(2):
        wakeups.append(wakeup.is_set())
        await operation_driver.run_command(device=1)
        await operation_driver.start_next_steps()
    wakeups.append(wakeup.is_set())

    assert [True, False, False, True] == wakeups


async def test_turns(operation_driver: OperationDriver) -> None:
    """In one round a task has its turn, not more; the rest follows at once."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1050, seen=1050)

    await operation_driver.advance_tasks()

    assert {"running": 1000, "waiting": 50} == await operation_driver.task_counts(task)
    assert operation_driver.services.task_scheduler.wakeup.is_set()
    await operation_driver.advance_tasks()
    assert {"running": 1050} == await operation_driver.task_counts(task)
