"""Upgrades through a stop or a crash, wherever they stand."""

import pytest

from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import TaskState
from tests.clock import ManualClock
from tests.services.upgrading import (
    ERROR,
    NEW,
    OLD,
    PATH,
    SUCCESS,
    UpgradeDesk,
    upgrading,
)


@pytest.mark.parametrize("done", range(4))
async def test_between_two_steps(database: str, clock: ManualClock, done: int) -> None:
    """Wherever it is stopped between steps, each device gets to its end, told once."""
    async with upgrading(database, clock) as desk:
        made = await desk.make()
        await desk.go(*SUCCESS[:done])

    async with upgrading(database, clock, desk) as desk:
        await desk.go(*SUCCESS[done:])

        assert [*PATH, "SUCCESS"] == desk.heard()
        assert {"completed": 1} == await desk.work.counts(made)


@pytest.mark.parametrize("done", range(4))
async def test_with_a_step_in_flight(
    database: str, clock: ManualClock, done: int
) -> None:
    """A result that comes after the restart is the step's."""
    async with upgrading(database, clock) as desk:
        await desk.make()
        await desk.go(*SUCCESS[:done])
        await desk.work.fly("u", device=1)

    async with upgrading(database, clock, desk) as desk:
        await desk.work.report(SUCCESS[done], "u", device=1)
        await desk.go_on()
        await desk.go(*SUCCESS[done + 1 :])

        assert [*PATH, "SUCCESS"] == desk.heard()


async def test_after_every_word(database: str, clock: ManualClock) -> None:
    """Retries, what was missed and what was seen are remembered through restarts."""
    desk: UpgradeDesk | None = None
    async with upgrading(database, clock, desk) as desk:
        made = await desk.make(retries=2)
    for body in (ERROR, OLD, ERROR, SUCCESS[1], None, OLD, ERROR, NEW):
        async with upgrading(database, clock, desk) as desk:
            await desk.go_on()
            await (desk.silence() if body is None else desk.go(body))

    async with upgrading(database, clock, desk) as desk:
        await desk.go_on()
        assert [*PATH, "SUCCESS"] == desk.heard()
        assert TaskState.COMPLETED == await desk.work.course(made)


async def test_late_success(database: str, clock: ManualClock) -> None:
    """After a restart, too, the target version read late corrects the part."""
    async with upgrading(database, clock) as desk:
        made = await desk.make(seconds=100)
        await desk.go(*SUCCESS[:3])
        await desk.work.fly("u", device=1)
        await desk.work.upkeep(100)
        await desk.go_on()

    async with upgrading(database, clock, desk) as desk:
        await desk.work.report(NEW, "u", device=1)

        assert [*PATH, "FAIL TIMEOUT"] == desk.heard()
        assert {"completed": 1} == await desk.work.counts(made)


async def test_canceled_in_flight(database: str, clock: ManualClock) -> None:
    """Why it was canceled is remembered until the step in flight has ended."""
    async with upgrading(database, clock) as desk:
        made = await desk.make()
        await desk.go(OLD)
        await desk.work.fly("u", device=1)
        await desk.work.services.tasks.cancel(FIRST_SCOPE, made.id)

    async with upgrading(database, clock, desk) as desk:
        await desk.work.report(SUCCESS[1], "u", device=1)

        assert ["downloading", "idle", "FAIL CANCELED"] == desk.heard()
        assert ("CANCELED", "The task was canceled.") == await desk.error(made)
