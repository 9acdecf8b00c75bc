"""Upgrades: which devices, in which order, and how they end."""

from collections.abc import AsyncIterator

import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.task import FailureLimit, TaskState
from pushserver.services.task_creation import RolloutPolicy
from tests.clock import ManualClock
from tests.services.upgrade_driver import (
    ERROR,
    GOOD,
    NEW,
    OLD,
    PATH,
    SUCCESS,
    UpgradeDriver,
    running_upgrades,
)

DAY = 86_400


@pytest.fixture(name="upgrade_driver")
async def _upgrade_driver(
    database: str, clock: ManualClock
) -> AsyncIterator[UpgradeDriver]:
    """Return a program that upgrades devices."""
    async with running_upgrades(database, clock) as driver:
        yield driver


async def test_to_the_end(upgrade_driver: UpgradeDriver) -> None:
    """Each device goes through the steps, and the upgrade ends with the last."""
    created = await upgrade_driver.create_upgrade(2)
    await upgrade_driver.run_steps(*SUCCESS)
    await upgrade_driver.run_steps(OLD, ERROR, device=2)

    assert [*PATH, "SUCCESS"] == upgrade_driver.emitted()
    assert ["downloading", "idle", "FAIL 17"] == upgrade_driver.emitted(2)
    assert {"completed": 1, "failed": 1} == await upgrade_driver.driver.task_counts(
        created
    )
    assert TaskState.COMPLETED == await upgrade_driver.driver.task_state(created)


async def test_order_of_steps(upgrade_driver: UpgradeDriver) -> None:
    """The version is read first and last, with the same command."""
    created = await upgrade_driver.create_upgrade()
    handed_out = []
    for body in SUCCESS:
        handed_out.append(await upgrade_driver.driver.run_command(body, device=1))
        await upgrade_driver.run_workers()

    assert [
        "system_information",
        "firmware_load",
        "firmware_install",
        "system_information",
    ] == handed_out
    part = (await upgrade_driver.device_upgrades(created))[1]
    assert [CommandState.SUCCESSFUL] * 4 == await upgrade_driver.driver.step_states(
        part
    )
    assert [
        "queued",
        "sent",
        "SUCCESSFUL",
    ] * 4 == await upgrade_driver.driver.notification_words(part)


async def test_retries(upgrade_driver: UpgradeDriver) -> None:
    """A step that failed is sent again; shown is the command that it became last."""
    created = await upgrade_driver.create_upgrade(retries=3)

    await upgrade_driver.run_steps(ERROR, OLD, ERROR)
    await upgrade_driver.leave_step_unanswered()
    await upgrade_driver.run_steps(*SUCCESS[1:])

    assert [*PATH, "SUCCESS"] == upgrade_driver.emitted()
    part = (await upgrade_driver.device_upgrades(created))[1]
    assert part.device_upgrade is not None
    assert 3 == part.device_upgrade.retries_used
    assert [CommandState.SUCCESSFUL] * 4 == await upgrade_driver.driver.step_states(
        part
    )


async def test_late_result(upgrade_driver: UpgradeDriver) -> None:
    """A late result corrects its command; it starts nothing and ends nothing."""
    created = await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(OLD)
    in_flight = await upgrade_driver.driver.receive_command("u", device=1)
    await upgrade_driver.driver.expire_overdue(180)
    await upgrade_driver.run_workers()
    emitted = upgrade_driver.emitted()

    await upgrade_driver.driver.post_result(GOOD, "u", device=1)
    await upgrade_driver.run_workers()

    assert CommandState.SUCCESSFUL == await upgrade_driver.driver.command_state(
        in_flight.command
    )
    assert (
        ["downloading", "idle", "FAIL TIMEOUT"] == emitted == upgrade_driver.emitted()
    )
    assert (
        OperationStatus.FAILED
        == (await upgrade_driver.device_upgrades(created))[1].status
    )
    assert await upgrade_driver.driver.poll(device=1) is None


async def test_late_success(upgrade_driver: UpgradeDriver) -> None:
    """
    The target version, reported late, corrects the device upgrade and the counts
    without an event.
    """
    created = await upgrade_driver.create_upgrade(seconds=100)
    await upgrade_driver.run_steps(*SUCCESS[:3])
    await upgrade_driver.driver.receive_command("u", device=1)
    await upgrade_driver.driver.expire_overdue(100)
    await upgrade_driver.run_workers()
    failed = await upgrade_driver.driver.task_counts(created)

    await upgrade_driver.driver.post_result(NEW, "u", device=1)

    assert ({"failed": 1}, {"completed": 1}) == (
        failed,
        await upgrade_driver.driver.task_counts(created),
    )
    assert [*PATH, "FAIL TIMEOUT"] == upgrade_driver.emitted()
    assert (None, None) == await upgrade_driver.error(created)


async def test_apply_timeout(upgrade_driver: UpgradeDriver) -> None:
    """A device that comes back with the old version is asked until its time is over."""
    created = await upgrade_driver.create_upgrade(seconds=400)
    started_at = upgrade_driver.driver.clock.now()
    await upgrade_driver.run_steps(*SUCCESS[:2])
    await upgrade_driver.leave_step_unanswered()
    while (await upgrade_driver.device_upgrades(created))[1].is_running:
        await upgrade_driver.run_steps(OLD)

    passed = (upgrade_driver.driver.clock.now() - started_at) / 1_000_000
    code, words = await upgrade_driver.error(created)
    assert 390 <= passed <= 400
    assert ("TIMEOUT", [*PATH, "FAIL TIMEOUT"]) == (code, upgrade_driver.emitted())
    assert words == (
        "The target version was not seen within 400 s. The version is 1.0, not 2.0."
    )


async def test_it_never_comes_back(upgrade_driver: UpgradeDriver) -> None:
    """A device that is gone after applying fails when the time is over, no later."""
    created = await upgrade_driver.create_upgrade(seconds=60)
    await upgrade_driver.run_steps(*SUCCESS[:3])
    for _ in range(60):
        assert (await upgrade_driver.device_upgrades(created))[1].is_running
        await upgrade_driver.driver.expire_overdue(1)
        await upgrade_driver.run_workers()

    assert [*PATH, "FAIL TIMEOUT"] == upgrade_driver.emitted()


async def test_it_comes_back(upgrade_driver: UpgradeDriver) -> None:
    """A device that restarts while it applies has succeeded when it says so."""
    await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(*SUCCESS[:2])
    await upgrade_driver.leave_step_unanswered()
    await upgrade_driver.run_steps(OLD, ERROR, GOOD, NEW)

    assert [*PATH, "SUCCESS"] == upgrade_driver.emitted()


async def test_it_never_came(upgrade_driver: UpgradeDriver) -> None:
    """A device that does not come in time has one result event: EXPIRED."""
    created = await upgrade_driver.create_upgrade(2, seen=1)
    await upgrade_driver.run_steps(*SUCCESS)
    await upgrade_driver.driver.expire_overdue(DAY)
    await upgrade_driver.run_workers()

    assert ["FAIL EXPIRED"] == upgrade_driver.emitted(2)
    assert "EXPIRED" == (await upgrade_driver.error(created, 2))[0]
    assert TaskState.COMPLETED == await upgrade_driver.driver.task_state(created)


async def test_canceled(upgrade_driver: UpgradeDriver) -> None:
    """Canceled, each device emits once: idle if it was not, then the result."""
    created = await upgrade_driver.create_upgrade(3, seen=2)
    await upgrade_driver.run_steps(OLD)
    await upgrade_driver.driver.receive_command(device=1)
    await upgrade_driver.run_steps(*SUCCESS[:2], device=2)

    await upgrade_driver.driver.services.tasks.cancel(DEFAULT_SCOPE_ID, created.id)
    in_flight = upgrade_driver.emitted(1)
    await upgrade_driver.driver.post_result(GOOD, device=1)
    await upgrade_driver.run_workers()

    assert ["downloading"] == in_flight
    assert ["downloading", "idle", "FAIL CANCELED"] == upgrade_driver.emitted(1)
    assert [
        "downloading",
        "downloaded",
        "idle",
        "FAIL CANCELED",
    ] == upgrade_driver.emitted(2)
    assert ["FAIL CANCELED"] == upgrade_driver.emitted(3)
    assert ("CANCELED", "The task was canceled.") == await upgrade_driver.error(created)
    assert TaskState.CANCELED == await upgrade_driver.driver.task_state(created)


async def test_paused(upgrade_driver: UpgradeDriver) -> None:
    """Paused, devices that have started go on to the end, and no other starts."""
    created = await upgrade_driver.create_upgrade(2, pace=RolloutPolicy(concurrency=1))
    await upgrade_driver.run_steps(OLD)
    await upgrade_driver.driver.services.tasks.pause(DEFAULT_SCOPE_ID, created.id)
    await upgrade_driver.run_steps(*SUCCESS[1:])
    waiting = await upgrade_driver.driver.task_counts(created)

    await upgrade_driver.driver.services.tasks.resume(DEFAULT_SCOPE_ID, created.id)
    await upgrade_driver.run_workers()
    await upgrade_driver.run_steps(*SUCCESS, device=2)

    assert {"waiting": 1, "completed": 1} == waiting
    assert [*PATH, "SUCCESS"] == upgrade_driver.emitted(1) == upgrade_driver.emitted(2)


async def test_stopped_after_failures(upgrade_driver: UpgradeDriver) -> None:
    """Failures count against the limit: it pauses."""
    pace = RolloutPolicy(concurrency=1, stop_after=FailureLimit.parse("1"))
    created = await upgrade_driver.create_upgrade(3, pace=pace)

    await upgrade_driver.run_steps(OLD, ERROR)

    assert TaskState.PAUSED == await upgrade_driver.driver.task_state(created)
    assert ["downloading", "idle", "FAIL 17"] == upgrade_driver.emitted()


async def test_tried_again(upgrade_driver: UpgradeDriver) -> None:
    """What failed starts again, with a device upgrade of its own; the old one stays."""
    created = await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(OLD, ERROR)
    (old,) = (await upgrade_driver.device_upgrades(created)).values()

    retry = upgrade_driver.driver.services.tasks.retry
    await retry(DEFAULT_SCOPE_ID, created.id, include_unknown=False)
    await upgrade_driver.run_workers()
    await upgrade_driver.run_steps(*SUCCESS)

    (new,) = (await upgrade_driver.device_upgrades(created)).values()
    assert old.id != new.id
    assert {"completed": 1} == await upgrade_driver.driver.task_counts(created)
    assert [
        "downloading",
        "idle",
        "FAIL 17",
        *PATH,
        "SUCCESS",
    ] == upgrade_driver.emitted()


async def test_one_command_canceled(upgrade_driver: UpgradeDriver) -> None:
    """Canceling the command of a step ends the device upgrade."""
    created = await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(OLD)
    lane = upgrade_driver.driver.services.store.cached_lane(1)
    assert lane is not None
    (command,) = lane.waiting

    await upgrade_driver.driver.services.withdrawals.withdraw(
        DEFAULT_SCOPE_ID, command.id
    )

    assert ["FAIL CANCELED"] == upgrade_driver.emitted()
    assert ("CANCELED", "Step 2 of 4 (firmware_load) was canceled.") == (
        await upgrade_driver.error(created)
    )


@pytest.mark.parametrize("is_answered", [True, False])
async def test_step_taken_back_in_flight(
    upgrade_driver: UpgradeDriver, *, is_answered: bool
) -> None:
    """A step that was taken back is not repeated; its device's upgrade fails."""
    driver = upgrade_driver.driver
    created = await upgrade_driver.create_upgrade(retries=3)
    await upgrade_driver.run_steps(OLD)
    in_flight = await driver.receive_command("u", device=1)
    await driver.services.withdrawals.withdraw(DEFAULT_SCOPE_ID, in_flight.command.id)
    if is_answered:
        await driver.post_result(ERROR, "u", device=1)
    await driver.expire_overdue(180)
    await upgrade_driver.run_workers()

    assert await driver.poll(device=1) is None
    code, words = await upgrade_driver.error(created)
    expected = ("17", "failed") if is_answered else ("CANCELED", "was taken back")
    assert (expected[0], True) == (code, expected[1] in str(words))


async def test_device_removed(upgrade_driver: UpgradeDriver) -> None:
    """A device that is removed in the middle ends with that."""
    created = await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(OLD)
    await upgrade_driver.driver.receive_command("u", device=1)
    await upgrade_driver.driver.services.device_removal.delete(DEFAULT_SCOPE_ID, 1)
    await upgrade_driver.driver.post_result(SUCCESS[1], "u", device=1)
    await upgrade_driver.run_workers()

    assert "FAIL CANCELED" == upgrade_driver.emitted()[-1]
    assert TaskState.COMPLETED == await upgrade_driver.driver.task_state(created)


async def test_not_there(upgrade_driver: UpgradeDriver) -> None:
    """An id that is no upgrade of the scope is not found."""
    created = await upgrade_driver.create_upgrade()
    task = await upgrade_driver.driver.create_task("load_objects", devices=1)
    assert task.task is not None

    for scope, upgrade in ((2, created.id), (1, task.task.id), (1, 7)):
        with pytest.raises(NotFound):
            await upgrade_driver.driver.services.upgrades.get(scope, upgrade)
    with pytest.raises(Conflict):
        await upgrade_driver.driver.services.tasks.resume(DEFAULT_SCOPE_ID, created.id)
