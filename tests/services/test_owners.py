"""Nothing is planned for a device that is not, or no longer, the scope's."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pushserver.errors import NotFound
from pushserver.model.command import Command
from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.model.operation_scenario import ACTOR
from tests.services.driver import command_requests, render_ids
from tests.services.operation_driver import OperationDriver, plan

ACME, OTHER = 7, 8
DESIRED = {"general": {"language": "pt_BR"}}

#: Lets something become of the device that was ACME's; returns who plans.
Change = Callable[[OperationDriver], Awaitable[int]]


async def _enqueue(driver: OperationDriver, scope: int, _ended: Command) -> None:
    requests = command_requests("reboot")
    await driver.services.queue.enqueue(scope, DEVICE, requests, render_ids)


async def _retry(driver: OperationDriver, _scope: int, ended: Command) -> None:
    await driver.services.queue.retry(ended.scope_id, ended.id, render_ids)


async def _create(driver: OperationDriver, scope: int, _ended: Command) -> None:
    create, asked = driver.services.operations.create, plan("reboot")
    await create(DEVICE, asked, lambda *_: b"", scope_id=scope, created_by=ACTOR)


async def _patch(driver: OperationDriver, scope: int, _ended: Command) -> None:
    await driver.services.shadows.patch(scope, DEVICE, DESIRED)


async def _read(driver: OperationDriver, scope: int, _ended: Command) -> None:
    keys = {"general": ["language"]}
    await driver.services.shadows.queue_reads(scope, DEVICE, keys, render_ids)


async def _stay(_driver: OperationDriver) -> int:
    return OTHER


async def _move(driver: OperationDriver) -> int:
    await driver.services.device_removal.delete(ACME, DEVICE)
    await driver.services.fleet.adopt(OTHER, terminal(DEVICE))
    return ACME


async def _delete(driver: OperationDriver) -> int:
    await driver.services.device_removal.delete(ACME, DEVICE)
    return ACME


async def _quarantine(driver: OperationDriver) -> int:
    await _delete(driver)
    await driver.see_devices(DEVICE)
    return DEFAULT_SCOPE_ID


async def _plans(driver: OperationDriver) -> tuple[Any, ...]:
    """Return what is planned for the device, and what its shadow has."""
    store = driver.services.store
    services = await store.shadows.services(ACME, DEVICE)
    return (
        await store.devices_with_live_commands([DEVICE]),
        await store.devices_with_plans([DEVICE]),
        [(each.desired, each.read_command_id) for each in services],
        await store.shadows.services(OTHER, DEVICE),
    )


async def _adopt_with_history(driver: OperationDriver) -> Command:
    """Adopt the device, with a shadow; return a command that has ended."""
    await driver.services.fleet.adopt(ACME, terminal(DEVICE))
    await driver.services.shadows.patch(ACME, DEVICE, {"general": {"online": "1"}})
    (command,) = await driver.enqueue("reboot", scope=ACME)
    for _ in range(2):
        await driver.run_command()
    return command


@pytest.mark.parametrize("change", [_stay, _move, _delete, _quarantine])
@pytest.mark.scopes(ACME, OTHER)
async def test_refused(operation_driver: OperationDriver, change: Change) -> None:
    """
    A decision on a device that another scope has adopted, or none, is refused, even
    when whoever asks found the device before, and changes nothing.
    """
    driver = operation_driver
    ended = await _adopt_with_history(driver)
    planner = await change(driver)
    before = await _plans(driver)

    for ask in (_enqueue, _create, _patch, _read):
        with pytest.raises(NotFound, match=f"There is no adopted device {DEVICE}."):
            await ask(driver, planner, ended)
    if planner == ACME:
        with pytest.raises(NotFound):
            await _retry(driver, planner, ended)
    set_all = driver.services.task_creator.shadow_tasks.set_desired_all
    await set_all(planner, DESIRED, [DEVICE])

    assert before == await _plans(driver)
    assert await driver.poll() is None


@pytest.mark.scopes(ACME)
async def test_not_refused(operation_driver: OperationDriver) -> None:
    """The scope that has adopted the device is not refused: that makes it so."""
    driver = operation_driver
    ended = await _adopt_with_history(driver)

    for ask in (_enqueue, _create, _patch, _read, _retry):
        await ask(driver, ACME, ended)
        assert await driver.run_command()
