"""Nothing is planned for a device that is just being deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pushserver.errors import NotFound
from pushserver.model.scope import DEFAULT_SCOPE_ID
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.model.operation_scenario import ACTOR
from tests.services.operation_driver import OperationDriver
from tests.services.operation_driver import plan as operation_plan

Plan = Callable[[OperationDriver], Awaitable[Any]]
#: So many things are being planned at any moment.
AT_ONCE = 100


async def _enqueue(operation_driver: OperationDriver) -> None:
    await operation_driver.enqueue("load_objects")


async def _create(operation_driver: OperationDriver) -> None:
    await operation_driver.services.operations.create(
        DEVICE,
        operation_plan("load_objects"),
        lambda *_: b"",
        scope_id=DEFAULT_SCOPE_ID,
        created_by=ACTOR,
    )


async def _patch(operation_driver: OperationDriver) -> None:
    desired = {"general": {"language": "pt_BR"}}
    await operation_driver.services.shadows.patch(DEFAULT_SCOPE_ID, DEVICE, desired)


async def _read(operation_driver: OperationDriver) -> None:
    keys = {"general": ["language"]}
    read = operation_driver.services.shadows.queue_reads
    await read(DEFAULT_SCOPE_ID, DEVICE, keys, lambda _: b"")


@pytest.mark.parametrize("plan", [_enqueue, _create, _patch, _read])
async def test_planned_while_deleted(
    operation_driver: OperationDriver, plan: Plan
) -> None:
    """
    At whichever moment of its deletion a program plans for it, what is accepted ends
    with it, and what comes too late is refused.
    """
    services = operation_driver.services
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    deletion = asyncio.create_task(
        services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    )
    plans = list[asyncio.Task[None]]()

    async def plan_if_adopted() -> None:
        # As the API does: nothing comes between finding the device and the decision.
        if services.devices.find_adopted(DEFAULT_SCOPE_ID, DEVICE) is not None:
            await plan(operation_driver)

    while not deletion.done():
        # More at once would fill the queue of a machine that is busy with other tests.
        if sum(not each.done() for each in plans[-AT_ONCE:]) < AT_ONCE:
            plans.append(asyncio.create_task(plan_if_adopted()))
        await asyncio.sleep(0)
    await deletion
    outcomes = await asyncio.gather(*plans, return_exceptions=True)

    assert all(each is None or isinstance(each, NotFound) for each in outcomes)
    assert NotFound in map(type, outcomes)
    # Who is refused may learn so while others are still being decided.
    await operation_driver.run_until_idle()
    store = operation_driver.services.store
    assert not await store.devices_with_live_commands([DEVICE])
    assert not await store.devices_with_plans([DEVICE])


async def test_planned_after_it_failed(operation_driver: OperationDriver) -> None:
    """A device that was not deleted after all can be planned for."""
    services = operation_driver.services
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(DEVICE))
    with pytest.raises(NotFound):
        await services.device_removal.delete(DEFAULT_SCOPE_ID + 1, DEVICE)

    assert 1 == len(await operation_driver.enqueue("load_objects"))
