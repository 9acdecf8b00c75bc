"""A device ends with all that was planned for it, in one commit."""

from collections.abc import AsyncIterator

import pytest

from pushserver.errors import Unavailable
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.task import TaskState
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.services.upgrade_driver import OLD, UpgradeDriver, running_upgrades


@pytest.fixture(name="upgrade_driver")
async def _upgrade_driver(
    database: str, clock: ManualClock
) -> AsyncIterator[UpgradeDriver]:
    """Return a program that upgrades devices."""
    async with running_upgrades(database, clock) as driver:
        yield driver


async def delete_device(services: Services, device_id: int = DEVICE) -> None:
    """Delete a device, and create another one under its id."""
    await services.device_removal.delete(DEFAULT_SCOPE_ID, device_id)
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(device_id))


@pytest.mark.parametrize("steps_done", [0, 1, 2])
@pytest.mark.parametrize("is_in_flight", [True, False])
async def test_upgrade(
    upgrade_driver: UpgradeDriver, steps_done: int, *, is_in_flight: bool
) -> None:
    """A device upgrade ends with its device, wherever it stands; no step follows."""
    driver = upgrade_driver.driver
    task = await upgrade_driver.create_upgrade()
    await upgrade_driver.run_steps(*[OLD] * steps_done)
    if is_in_flight:
        await driver.receive_command("u", device=1)

    await delete_device(driver.services, 1)
    await upgrade_driver.run_workers()
    driver.clock.tick(900)
    await upgrade_driver.run_workers()

    assert await driver.poll(device=1) is None
    assert "FAIL CANCELED" == upgrade_driver.emitted()[-1]
    error = ("CANCELED", "The device was deleted.")
    assert error == await upgrade_driver.error(task)
    assert TaskState.COMPLETED is await driver.task_state(task)


async def test_paused_task(upgrade_driver: UpgradeDriver) -> None:
    """What a paused task has not begun ends, too, and is not begun by a successor."""
    driver = upgrade_driver.driver
    task = await upgrade_driver.create_upgrade(2, seen=0)
    await driver.services.tasks.pause(DEFAULT_SCOPE_ID, task.id)

    await delete_device(driver.services, 1)
    await driver.services.tasks.resume(DEFAULT_SCOPE_ID, task.id)
    await driver.see_devices(1, 2)
    await driver.advance_tasks()

    assert await driver.poll(device=1) is None
    assert {"failed": 1, "running": 1} == await driver.task_counts(task)


async def test_very_many(driver: ServiceDriver, services: Services) -> None:
    """A device with more waiting commands than one decision ends is deleted, too."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    names = ["load_objects"] * 1000
    waiting = [await driver.enqueue(*names) for _ in range(3)]
    assert MAX_ENDED_AT_ONCE < 1000

    await delete_device(services)

    assert await driver.poll() is None
    for commands in waiting:
        assert CommandState.CANCELED is await driver.command_state(commands[0])
        assert CommandState.CANCELED is await driver.command_state(commands[-1])


async def test_all_or_nothing(driver: ServiceDriver, services: Services) -> None:
    """If it cannot be written, the device is there, and all that was planned for it."""
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    in_flight, waiting = await driver.enqueue("load_objects", "reboot")
    await driver.receive_command("u1")

    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)

    assert services.devices.find_adopted(DEFAULT_SCOPE_ID, DEVICE)
    assert 1 == len(await services.store.all_devices())
    assert CommandState.PENDING is await driver.command_state(waiting)
    await driver.expire_overdue(180)
    assert in_flight.id == (await driver.receive_command("u2")).command.id
