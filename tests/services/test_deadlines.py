"""Deadlines, also when the clock jumps."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.operation import OperationDescriptor
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.task import Task, TaskState
from pushserver.services.deadlines import Deadlines
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver

YEAR = 365 * 86_400
TASK = Task(
    id=7,
    scope_id=DEFAULT_SCOPE_ID,
    created_at=START,
    created_by=1,
    expires_in=60,
    expires_at=START + 60,
    state=TaskState.RUNNING,
    descriptor=OperationDescriptor(resource="photos"),
    step_count=1,
)
JUMPS = pytest.mark.parametrize("jump", [-YEAR, -3600, 3600, YEAR])


async def test_nothing_due(driver: ServiceDriver) -> None:
    """If nothing is due, nothing is done."""
    (command,) = await driver.enqueue("execute_actions")

    assert 0 == await driver.expire_overdue(29)
    assert CommandState.PENDING is await driver.command_state(command)


async def test_expiry(driver: ServiceDriver) -> None:
    """
    A command that waited for too long is EXPIRED without a poll, for every device.
    """
    doors = [
        (await driver.enqueue("execute_actions", device=n))[0] for n in range(1, 51)
    ]
    (other,) = await driver.enqueue("reboot")

    assert 50 == await driver.expire_overdue(30)
    assert {CommandState.EXPIRED} == {
        await driver.command_state(door) for door in doors
    }
    assert CommandState.PENDING is await driver.command_state(other)


async def test_no_answer(driver: ServiceDriver) -> None:
    """A command without an answer is given up, and its class decides."""
    (again,) = await driver.enqueue("load_objects")
    (door,) = await driver.enqueue("execute_actions", device=5)
    await driver.receive_command("u1")
    await driver.receive_command("u1", device=5)

    assert 0 == await driver.expire_overdue(179)
    assert 2 == await driver.expire_overdue(1)
    assert CommandState.PENDING is await driver.command_state(again)
    assert CommandState.TIMEOUT is await driver.command_state(door)


async def test_all_attempts(driver: ServiceDriver) -> None:
    """A device that polls and never answers uses up all attempts, and no more."""
    (command,) = await driver.enqueue("load_objects", max_attempts=3)
    for _ in range(10):
        in_flight = await driver.poll("u")
        if in_flight is not None:
            driver.services.polling.mark_written([in_flight])
        await driver.expire_overdue(10)

    record = await driver.command_record(command)
    assert (CommandState.TIMEOUT, 3, 3) == (
        record.command.state,
        record.command.attempts,
        len(record.deliveries),
    )


async def test_runs_on_its_own(driver: ServiceDriver) -> None:
    """Command after command ends in time, with nobody polling for days."""
    commands = []
    for seconds in (10, 20, 30, 40):
        commands += await driver.enqueue("reboot", expires_in=seconds * SECOND)
    ended = [await driver.expire_overdue(10) for _ in commands]

    assert [1, 1, 1, 1] == ended
    assert {CommandState.EXPIRED} == {
        await driver.command_state(one) for one in commands
    }


async def test_store_away(driver: ServiceDriver, services: Services) -> None:
    """Work that fell due while the store was unavailable is done when it is back."""
    (door,) = await driver.enqueue("execute_actions")
    (other,) = await driver.enqueue("execute_actions", device=5)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await driver.expire_overdue(30)
    await services.store.check_writable()

    await driver.expire_overdue(1)

    assert CommandState.EXPIRED is await driver.command_state(door)
    assert CommandState.EXPIRED is await driver.command_state(other)


@JUMPS
async def test_jump_while_waiting(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A clock that jumps neither hurries nor delays what waits."""
    (door,) = await driver.enqueue("execute_actions")
    clock.jump(jump)

    assert 0 == await driver.expire_overdue(29)
    assert 1 == await driver.expire_overdue(1)
    assert CommandState.EXPIRED is await driver.command_state(door)


async def test_jump_while_the_store_is_away(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """A jump is followed, once, when the store is back: by commands and by tasks."""
    deadlines, started_at = (
        Deadlines(services.store, clock, services.lanes),
        clock.now(),
    )
    await services.store.tasks.add_task(TASK, [])
    (door,) = await driver.enqueue("execute_actions")
    clock.jump(3600)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await deadlines.expire_overdue()
    await services.store.check_writable()
    await deadlines.expire_overdue()
    await deadlines.expire_overdue()
    lane = services.store.cached_lane(DEVICE)
    (task,) = await services.store.tasks.active_tasks()

    assert TASK.expires_at is not None
    assert lane is not None
    assert started_at + 3630 * SECOND == lane.waiting[0].expires_at
    assert TASK.expires_at + 3600 * SECOND == task.expires_at
    assert CommandState.PENDING is await driver.command_state(door)


@JUMPS
async def test_jump_in_flight(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A clock that jumps neither hurries nor delays what is awaited."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")
    clock.jump(jump)

    assert 0 == await driver.expire_overdue(179)
    assert await driver.expire_overdue(1)
    assert CommandState.TIMEOUT is await driver.command_state(door)


@JUMPS
async def test_jump_and_poll(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """After a jump commands are handed out, answered, and handed out again."""
    first, second = await driver.enqueue("load_objects", "reboot")
    await driver.receive_command("u1")
    clock.jump(jump)
    await driver.expire_overdue()

    assert await driver.poll("u2") is None
    clock.tick(5)
    in_flight = await driver.receive_command("u3")
    assert (first.id, 2) == (in_flight.command.id, in_flight.command.attempts)
    await driver.post_result(uuid="u3")
    assert second.id == (await driver.receive_command("u4")).command.id
    await driver.post_result(uuid="u4")
    (third,) = await driver.enqueue("system_information")
    assert third.id == (await driver.receive_command("u5")).command.id
    await driver.post_result(uuid="u5")
    assert CommandState.SUCCESSFUL is await driver.command_state(third)


@JUMPS
async def test_order_after_a_jump(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A command that was enqueued before a jump goes before later ones."""
    (first,) = await driver.enqueue("reboot")
    clock.jump(jump)
    await driver.expire_overdue()
    (second,) = await driver.enqueue("load_objects")

    assert second.id > first.id
    assert first.id == (await driver.receive_command("u1")).command.id


@JUMPS
async def test_jump_and_not_before(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A command that is planned is not lost to a clock that jumps."""
    (door,) = await driver.enqueue(
        "execute_actions", not_before=clock.now() + 2 * YEAR * SECOND
    )
    clock.jump(jump)
    await driver.expire_overdue()
    assert CommandState.PENDING is await driver.command_state(door)

    lane = driver.services.store.cached_lane(DEVICE)
    assert lane is not None
    ready = lane.next_change_at(clock.now(), 0)
    clock.tick((ready - clock.now()) / SECOND)
    await driver.expire_overdue()

    assert door.id == (await driver.receive_command("u1")).command.id


@JUMPS
async def test_jump_after_not_before(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A command whose time had come when it was made waits as any other does."""
    (door,) = await driver.enqueue("execute_actions", not_before=clock.now() - SECOND)
    clock.jump(jump)

    assert 0 == await driver.expire_overdue(29)
    assert door.id == (await driver.receive_command("u1")).command.id


async def test_held_back_ends(driver: ServiceDriver, clock: ManualClock) -> None:
    """An endpoint that is held back is free when the time has passed."""
    first, second = await driver.enqueue(
        "execute_actions", "execute_actions", expires_in=900 * SECOND
    )
    await driver.receive_command()
    clock.tick(5)
    assert await driver.poll() is None
    assert CommandState.TIMEOUT is await driver.command_state(first)

    await driver.expire_overdue(175)

    assert second.id == (await driver.receive_command()).command.id


async def test_old_keys(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """Idempotency keys are forgotten when their day is over."""
    deadlines = Deadlines(services.store, clock, services.lanes)
    await driver.enqueue_idempotent("reboot")
    clock.tick(86_400)
    assert 0 == await deadlines.purge_idempotency_keys()

    clock.tick(1)
    assert 1 == await deadlines.purge_idempotency_keys()
    assert 0 == await deadlines.purge_idempotency_keys()


async def test_tasks_follow_the_clock(driver: ServiceDriver) -> None:
    """A wall clock that jumps hurries no task: its deadline jumps along."""
    tasks = driver.services.store.tasks
    await tasks.add_task(TASK, [])

    driver.clock.jump(seconds=1000)
    await driver.expire_overdue()

    (found,) = await tasks.active_tasks()
    assert START + 1000 * SECOND + 60 == found.expires_at
