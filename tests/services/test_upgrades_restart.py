"""Upgrades through a stop or a crash, wherever they stand."""

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import TaskState
from tests.clock import ManualClock
from tests.services.upgrade_driver import (
    ERROR,
    NEW,
    OLD,
    PATH,
    SUCCESS,
    UpgradeDriver,
    running_upgrades,
)


@pytest.mark.parametrize("done", range(4))
async def test_between_two_steps(database: str, clock: ManualClock, done: int) -> None:
    """Wherever it stops between steps, each device gets to its end, with one event."""
    async with running_upgrades(database, clock) as driver:
        created = await driver.create_upgrade()
        await driver.run_steps(*SUCCESS[:done])

    async with running_upgrades(database, clock, driver) as driver:
        await driver.run_steps(*SUCCESS[done:])

        assert [*PATH, "SUCCESS"] == driver.emitted()
        assert {"completed": 1} == await driver.driver.task_counts(created)


@pytest.mark.parametrize("done", range(4))
async def test_with_a_step_in_flight(
    database: str, clock: ManualClock, done: int
) -> None:
    """A result that comes after the restart is the step's."""
    async with running_upgrades(database, clock) as driver:
        await driver.create_upgrade()
        await driver.run_steps(*SUCCESS[:done])
        await driver.driver.receive_command("u", device=1)

    async with running_upgrades(database, clock, driver) as driver:
        await driver.driver.post_result(SUCCESS[done], "u", device=1)
        await driver.run_workers()
        await driver.run_steps(*SUCCESS[done + 1 :])

        assert [*PATH, "SUCCESS"] == driver.emitted()


async def test_after_every_word(database: str, clock: ManualClock) -> None:
    """Retries, what was missed and what was seen are remembered through restarts."""
    driver: UpgradeDriver | None = None
    async with running_upgrades(database, clock, driver) as driver:
        created = await driver.create_upgrade(retries=2)
    for body in (ERROR, OLD, ERROR, SUCCESS[1], None, OLD, ERROR, NEW):
        async with running_upgrades(database, clock, driver) as driver:
            await driver.run_workers()
            await (
                driver.leave_step_unanswered()
                if body is None
                else driver.run_steps(body)
            )

    async with running_upgrades(database, clock, driver) as driver:
        await driver.run_workers()
        assert [*PATH, "SUCCESS"] == driver.emitted()
        assert TaskState.COMPLETED == await driver.driver.task_state(created)


async def test_late_success(database: str, clock: ManualClock) -> None:
    """
    After a restart, too, the target version reported late corrects the device upgrade.
    """
    async with running_upgrades(database, clock) as driver:
        created = await driver.create_upgrade(seconds=100)
        await driver.run_steps(*SUCCESS[:3])
        await driver.driver.receive_command("u", device=1)
        await driver.driver.expire_overdue(100)
        await driver.run_workers()

    async with running_upgrades(database, clock, driver) as driver:
        await driver.driver.post_result(NEW, "u", device=1)

        assert [*PATH, "FAIL TIMEOUT"] == driver.emitted()
        assert {"completed": 1} == await driver.driver.task_counts(created)


async def test_canceled_in_flight(database: str, clock: ManualClock) -> None:
    """Why it was canceled is remembered until the step in flight has ended."""
    async with running_upgrades(database, clock) as driver:
        created = await driver.create_upgrade()
        await driver.run_steps(OLD)
        await driver.driver.receive_command("u", device=1)
        await driver.driver.services.tasks.cancel(DEFAULT_SCOPE_ID, created.id)

    async with running_upgrades(database, clock, driver) as driver:
        await driver.driver.post_result(SUCCESS[1], "u", device=1)

        assert ["downloading", "idle", "FAIL CANCELED"] == driver.emitted()
        assert ("CANCELED", "The task was canceled.") == await driver.error(created)
