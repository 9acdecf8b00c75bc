"""What time itself demands, also of a clock that jumps."""

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Unavailable
from pushserver.model.operation import Label
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.task import Task, TaskState
from pushserver.services.upkeep import Upkeep
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.model.values import DEVICE
from tests.services.desk import Desk

YEAR = 365 * 86_400
TASK = Task(
    id=7,
    scope_id=FIRST_SCOPE,
    created_at=START,
    created_by=1,
    expires_in=60,
    expires_at=START + 60,
    state=TaskState.RUNNING,
    label=Label(resource="photos"),
    steps=1,
)
JUMPS = pytest.mark.parametrize("jump", [-YEAR, -3600, 3600, YEAR])


async def test_nothing_due(desk: Desk) -> None:
    """Where nothing is due nothing is done."""
    (wanted,) = await desk.enqueue("execute_actions")

    assert 0 == await desk.upkeep(29)
    assert State.PENDING is await desk.state(wanted)


async def test_expiry(desk: Desk) -> None:
    """What waited for too long is EXPIRED though nobody polls, for every device."""
    doors = [(await desk.enqueue("execute_actions", device=n))[0] for n in range(1, 51)]
    (other,) = await desk.enqueue("reboot")

    assert 50 == await desk.upkeep(30)
    assert {State.EXPIRED} == {await desk.state(door) for door in doors}
    assert State.PENDING is await desk.state(other)


async def test_no_answer(desk: Desk) -> None:
    """What was not answered is given up, and its class decides."""
    (again,) = await desk.enqueue("load_objects")
    (door,) = await desk.enqueue("execute_actions", device=5)
    await desk.fly("u1")
    await desk.fly("u1", device=5)

    assert 0 == await desk.upkeep(179)
    assert 2 == await desk.upkeep(1)
    assert State.PENDING is await desk.state(again)
    assert State.TIMEOUT is await desk.state(door)


async def test_all_attempts(desk: Desk) -> None:
    """A device that polls and never answers uses up all attempts, and no more."""
    (wanted,) = await desk.enqueue("load_objects", max_attempts=3)
    for _ in range(10):
        flight = await desk.poll("u")
        if flight is not None:
            desk.services.polling.written(flight)
        await desk.upkeep(10)

    record = await desk.record(wanted)
    assert (State.TIMEOUT, 3, 3) == (
        record.command.state,
        record.command.attempts,
        len(record.deliveries),
    )


async def test_runs_on_its_own(desk: Desk) -> None:
    """Command after command ends in time, with nobody polling for days."""
    commands = []
    for seconds in (10, 20, 30, 40):
        commands += await desk.enqueue("reboot", expires_in=seconds * SECOND)
    ended = [await desk.upkeep(10) for _ in commands]

    assert [1, 1, 1, 1] == ended
    assert {State.EXPIRED} == {await desk.state(one) for one in commands}


async def test_store_away(desk: Desk, services: Services) -> None:
    """What was due while the store was away is done when it is back."""
    (door,) = await desk.enqueue("execute_actions")
    (other,) = await desk.enqueue("execute_actions", device=5)
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await desk.upkeep(30)
    await services.store.check()

    await desk.upkeep(1)

    assert State.EXPIRED is await desk.state(door)
    assert State.EXPIRED is await desk.state(other)


@JUMPS
async def test_jump_while_waiting(desk: Desk, clock: ManualClock, jump: int) -> None:
    """A clock that jumps neither hurries nor delays what waits."""
    (door,) = await desk.enqueue("execute_actions")
    clock.jump(jump)

    assert 0 == await desk.upkeep(29)
    assert 1 == await desk.upkeep(1)
    assert State.EXPIRED is await desk.state(door)


async def test_jump_while_the_store_is_away(
    desk: Desk, services: Services, clock: ManualClock
) -> None:
    """A jump is followed, once, when the store is back: by commands and by tasks."""
    upkeep, begun = Upkeep(services.store, clock), clock.now()
    await services.store.tasks.add_task(TASK, [])
    (door,) = await desk.enqueue("execute_actions")
    clock.jump(3600)
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await upkeep.deadlines()
    await services.store.check()
    await upkeep.deadlines()
    await upkeep.deadlines()
    lane = services.store.lane(DEVICE)
    (task,) = await services.store.tasks.active_tasks()

    assert TASK.expires_at is not None
    assert lane is not None
    assert begun + 3630 * SECOND == lane.waiting[0].expires_at
    assert TASK.expires_at + 3600 * SECOND == task.expires_at
    assert State.PENDING is await desk.state(door)


@JUMPS
async def test_jump_in_flight(desk: Desk, clock: ManualClock, jump: int) -> None:
    """A clock that jumps neither hurries nor delays what is awaited."""
    (door,) = await desk.enqueue("execute_actions")
    await desk.fly("u1")
    clock.jump(jump)

    assert 0 == await desk.upkeep(179)
    assert await desk.upkeep(1)
    assert State.TIMEOUT is await desk.state(door)


@JUMPS
async def test_jump_and_poll(desk: Desk, clock: ManualClock, jump: int) -> None:
    """After a jump commands are handed out, answered, and handed out again."""
    first, second = await desk.enqueue("load_objects", "reboot")
    await desk.fly("u1")
    clock.jump(jump)
    await desk.upkeep()

    assert await desk.poll("u2") is None
    clock.tick(5)
    flight = await desk.fly("u3")
    assert (first.id, 2) == (flight.command.id, flight.command.attempts)
    await desk.report(uuid="u3")
    assert second.id == (await desk.fly("u4")).command.id
    await desk.report(uuid="u4")
    (third,) = await desk.enqueue("system_information")
    assert third.id == (await desk.fly("u5")).command.id
    await desk.report(uuid="u5")
    assert State.SUCCESSFUL is await desk.state(third)


@JUMPS
async def test_order_after_a_jump(desk: Desk, clock: ManualClock, jump: int) -> None:
    """What was enqueued before a jump goes before what came after it."""
    (first,) = await desk.enqueue("reboot")
    clock.jump(jump)
    await desk.upkeep()
    (second,) = await desk.enqueue("load_objects")

    assert second.id > first.id
    assert first.id == (await desk.fly("u1")).command.id


@JUMPS
async def test_jump_and_not_before(desk: Desk, clock: ManualClock, jump: int) -> None:
    """A command that is planned is not lost to a clock that jumps."""
    (door,) = await desk.enqueue(
        "execute_actions", not_before=clock.now() + 2 * YEAR * SECOND
    )
    clock.jump(jump)
    await desk.upkeep()
    assert State.PENDING is await desk.state(door)

    kept = desk.services.store.lane(DEVICE)
    assert kept is not None
    ready = kept.next_change(clock.now(), 0)
    clock.tick((ready - clock.now()) / SECOND)
    await desk.upkeep()

    assert door.id == (await desk.fly("u1")).command.id


@JUMPS
async def test_jump_after_not_before(desk: Desk, clock: ManualClock, jump: int) -> None:
    """A command whose time had come when it was made waits as any other does."""
    (door,) = await desk.enqueue("execute_actions", not_before=clock.now() - SECOND)
    clock.jump(jump)

    assert 0 == await desk.upkeep(29)
    assert door.id == (await desk.fly("u1")).command.id


async def test_held_back_ends(desk: Desk, clock: ManualClock) -> None:
    """An endpoint that is held back is free when the time has passed."""
    first, second = await desk.enqueue(
        "execute_actions", "execute_actions", expires_in=900 * SECOND
    )
    await desk.fly()
    clock.tick(5)
    assert await desk.poll() is None
    assert State.TIMEOUT is await desk.state(first)

    await desk.upkeep(175)

    assert second.id == (await desk.fly()).command.id


async def test_old_keys(desk: Desk, services: Services, clock: ManualClock) -> None:
    """Idempotency keys are forgotten when their day is over."""
    upkeep = Upkeep(services.store, clock)
    await desk.order_once("reboot")
    clock.tick(86_400)
    assert 0 == await upkeep.old_keys()

    clock.tick(1)
    assert 1 == await upkeep.old_keys()
    assert 0 == await upkeep.old_keys()


async def test_tasks_follow_the_clock(desk: Desk) -> None:
    """A wall clock that jumps hurries no task: its deadline jumps along."""
    tasks = desk.services.store.tasks
    await tasks.add_task(TASK, [])

    desk.clock.jump(seconds=1000)
    await desk.upkeep()

    (found,) = await tasks.active_tasks()
    assert START + 1000 * SECOND + 60 == found.expires_at
