"""A wall clock that jumps: nothing is hurried or delayed, and names follow."""

import asyncio

import attrs
import pytest

from pushserver.clock import CORRECTIONS, SECOND, rfc3339, server_time, utc_text
from pushserver.errors import Unavailable
from pushserver.model.actor import Actor
from pushserver.model.operation import OperationDescriptor
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.task import Task, TaskState
from pushserver.storage.history import CommandFilter
from pushserver.web.services import Services
from tests.clock import START, ManualClock
from tests.services.driver import ServiceDriver

YEAR = 365 * 86_400
TASK = Task(
    id=7,
    scope_id=DEFAULT_SCOPE_ID,
    created_at=START,
    created_by=Actor(1, "one"),
    expires_in=60,
    expires_at=START + 60,
    state=TaskState.RUNNING,
    descriptor=OperationDescriptor(resource="photos"),
    step_count=1,
)
JUMPS = pytest.mark.parametrize("jump", [-YEAR, -3600, 3600, 10 * YEAR])


@JUMPS
async def test_waiting(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """What waits expires after the seconds that were said, whatever the wall says."""
    (door,) = await driver.enqueue("execute_actions")
    clock.jump(jump)
    assert 1 == await driver.follow_wall_clock()

    assert 0 == await driver.expire_overdue(29)
    assert 1 == await driver.expire_overdue(1)
    assert CommandState.EXPIRED is await driver.command_state(door)


@JUMPS
async def test_in_flight(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """What is awaited is awaited for the seconds that were said."""
    (door,) = await driver.enqueue("execute_actions")
    await driver.receive_command("u1")
    clock.jump(jump)
    await driver.follow_wall_clock()

    assert 0 == await driver.expire_overdue(179)
    assert await driver.expire_overdue(1)
    assert CommandState.TIMEOUT is await driver.command_state(door)


@JUMPS
async def test_polls(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """After a jump commands are handed out, answered, and handed out again."""
    first, second = await driver.enqueue("load_objects", "reboot")
    await driver.receive_command("u1")
    clock.jump(jump)
    await driver.follow_wall_clock()

    assert await driver.poll("u2") is None
    clock.tick(5)
    in_flight = await driver.receive_command("u3")
    assert (first.id, 2) == (in_flight.command.id, in_flight.command.attempts)
    await driver.post_result(uuid="u3")
    assert second.id == (await driver.receive_command("u4")).command.id


@JUMPS
async def test_keys(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """A key opens a door once, and no second time because of a jump."""
    door = (await driver.enqueue_idempotent("execute_actions")).answer
    clock.jump(jump)
    await driver.follow_wall_clock()
    clock.tick(86_399)

    assert door == (await driver.enqueue_idempotent("execute_actions")).answer
    clock.tick(1)
    assert door != (await driver.enqueue_idempotent("execute_actions")).answer


@JUMPS
async def test_names(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """New instants are called as the wall says, and found by what they are called."""
    (before,) = await driver.enqueue("reboot")
    clock.tick(60)
    clock.jump(jump)
    await driver.follow_wall_clock()
    (after,) = await driver.enqueue("load_objects")
    named = START + (60 + jump) * SECOND

    assert utc_text(named) == rfc3339(after.created_at)
    limit = server_time(named)
    assert limit == after.created_at
    assert [before.id] == await found(driver, CommandFilter(created_before=limit))
    assert [after.id] == await found(driver, CommandFilter(created_after=limit - 1))


async def found(driver: ServiceDriver, criteria: CommandFilter) -> list[int]:
    """Return the ids of the commands that a list has."""
    records = await driver.services.store.commands(
        DEFAULT_SCOPE_ID, criteria, before=None, limit=10
    )
    return [record.command.id for record in records]


async def test_ids_after_a_jump_and_back(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """Ids grow, and are where the time is, when the wall was ten years ahead."""
    (first,) = await driver.enqueue("reboot")
    for jump in (10 * YEAR, -10 * YEAR):
        clock.jump(jump)
        await driver.follow_wall_clock()
        clock.tick(60)
        await driver.enqueue("reboot")
    (last,) = await driver.enqueue("load_objects")

    assert 0 == CORRECTIONS.current
    assert first.id < last.id
    limit = server_time(START + 1)
    assert [first.id] == await found(driver, CommandFilter(created_before=limit))


@JUMPS
async def test_planned(driver: ServiceDriver, clock: ManualClock, jump: int) -> None:
    """A command planned for an instant stays planned for what people call so."""
    name = START + 20 * YEAR * SECOND
    (door,) = await driver.enqueue("execute_actions", not_before=name)
    clock.jump(jump)
    await driver.follow_wall_clock()

    clock.tick(20 * YEAR - jump - 1)
    await driver.expire_overdue()
    assert await driver.poll("u1") is None
    clock.tick(1)
    assert door.id == (await driver.receive_command("u2")).command.id


async def test_planned_for_an_instant_that_is_over(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """A door that was planned for what turns out to be over does not open."""
    not_before = START + 3600 * SECOND
    (door,) = await driver.enqueue("execute_actions", not_before=not_before)
    clock.jump(3631)
    await driver.follow_wall_clock()

    assert await driver.poll("u1") is None
    assert CommandState.EXPIRED is await driver.command_state(door)


@JUMPS
async def test_planned_for_now(
    driver: ServiceDriver, clock: ManualClock, jump: int
) -> None:
    """A command whose time had come when it was made waits as any other does."""
    (door,) = await driver.enqueue("execute_actions", not_before=clock.now() - SECOND)
    clock.jump(jump)
    await driver.follow_wall_clock()

    assert 0 == await driver.expire_overdue(29)
    assert door.id == (await driver.receive_command("u1")).command.id


async def test_tasks(driver: ServiceDriver, clock: ManualClock) -> None:
    """A task has its seconds; one that is planned has them after its instant."""
    tasks, later = driver.services.store.tasks, START + 3600 * SECOND
    planned = attrs.evolve(TASK, id=8, expires_at=later + 60)
    for each in (TASK, planned):
        await tasks.add_task(each, [])

    clock.jump(1000)
    await driver.follow_wall_clock()

    deadlines = [each.expires_at for each in await tasks.active_tasks()]
    assert [START + 60, later + 60 - 1000 * SECOND] == deadlines


async def test_held_poll_of_what_is_planned(
    driver: ServiceDriver, clock: ManualClock
) -> None:
    """A held poll is answered when a jump makes the instant of a command come."""
    not_before = START + 3600 * SECOND
    (command,) = await driver.enqueue("reboot", not_before=not_before)
    async with driver.held_poll("u1") as poll:
        clock.jump(3600)
        await driver.follow_wall_clock()
        async with asyncio.timeout(15):
            in_flight = await poll

    assert in_flight is not None
    assert command.id == in_flight.command.id


async def test_store_away(
    driver: ServiceDriver, services: Services, clock: ManualClock
) -> None:
    """A jump is followed, once, when the store is back."""
    clock.jump(3600)
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await driver.follow_wall_clock()
    assert 0 == CORRECTIONS.current
    await services.store.check_writable()

    assert 1 == await driver.follow_wall_clock() + await driver.follow_wall_clock()
    assert 3600 * SECOND == CORRECTIONS.current


@pytest.mark.parametrize(("seconds", "jumps"), [(1, 0), (1.000001, 1), (-1, 0)])
async def test_small_steps(
    driver: ServiceDriver, clock: ManualClock, seconds: float, jumps: int
) -> None:
    """Up to a second is drift."""
    clock.jump(seconds)

    assert jumps == await driver.follow_wall_clock()


async def test_one_look_is_not_believed(services: Services, clock: ManualClock) -> None:
    """A difference that only one look saw is none."""
    watch = services.clock_watch
    clock.jump(10)
    assert 0 == await watch.follow()
    clock.jump(-10)
    assert 0 == await watch.follow()
    clock.jump(10)

    assert 0 == await watch.follow()
    assert 1 == await watch.follow()
