"""Steps that are due: queued once, each in its turn, and not of what has ended."""

import asyncio

import pytest

from pushserver.errors import Unavailable
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.operations import DueStep, OperationFilter
from tests.model.factories import DEVICE
from tests.model.operation_scenario import TOKEN_ID
from tests.services.operation_driver import OperationDriver

ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"
ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"
ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"


async def test_many_due(operation_driver: OperationDriver) -> None:
    """However many operations are due, each continues once."""
    devices = range(1, 251)
    for device in devices:
        await operation_driver.create_operation(ONE, TWO, device=device)
        await operation_driver.run_command(device=device)

    both = await asyncio.gather(
        operation_driver.start_next_steps(), operation_driver.start_next_steps()
    )

    assert 250 == sum(both)
    lanes = map(operation_driver.services.store.cached_lane, devices)
    assert {1} == {len(lane.waiting) for lane in lanes if lane is not None}


async def test_forgotten_when_due(operation_driver: OperationDriver) -> None:
    """An operation that is deleted just before its turn holds up nobody else."""
    gone = await operation_driver.create_operation(ONE, TWO)
    stays = await operation_driver.create_operation(ONE, TWO, device=5)
    for device in (DEVICE, 5):
        await operation_driver.run_command(device=device)
    due = await operation_driver.services.store.operations.due_steps(limit=9)
    await operation_driver.services.operations.delete(gone)

    assert 1 == await operation_driver.services.next_steps.queue_steps(due)
    assert (
        OperationStatus.RUNNING,
        2,
        1,
        50,
    ) == await operation_driver.operation_progress(stays)


async def test_canceled_when_due(operation_driver: OperationDriver) -> None:
    """Nor does one that is canceled just before its turn go on."""
    of = await operation_driver.create_operation(ONE, TWO)
    await operation_driver.run_command()
    due = await operation_driver.services.store.operations.due_steps(limit=9)
    await operation_driver.cancel_operation(of)

    assert 0 == await operation_driver.services.next_steps.queue_steps(due)
    assert [CommandState.SUCCESSFUL, None] == await operation_driver.step_states(of)


async def test_not_its_turn(operation_driver: OperationDriver) -> None:
    """
    A step whose turn has passed is not queued, even if a caller believes it is due.
    """
    of = await operation_driver.create_operation(ONE, TWO, THREE)
    await operation_driver.run_command()
    due = await operation_driver.services.store.operations.due_steps(limit=9)
    assert [DueStep(of.id, DEVICE, of.id, 1, TOKEN_ID)] == list(due)
    await operation_driver.start_next_steps()
    await operation_driver.run_command()

    assert 0 == await operation_driver.services.next_steps.queue_steps(due)


async def test_store_away(operation_driver: OperationDriver) -> None:
    """
    An operation that could not be written is not started, and is queued once when it
    can be.
    """
    of = await operation_driver.create_operation(ONE, TWO)
    await operation_driver.run_command()
    async with operation_driver.failing_commits():
        with pytest.raises(Unavailable):
            await operation_driver.start_next_steps()
        with pytest.raises(Unavailable):
            await operation_driver.create_operation(ONE)

    assert 1 == await operation_driver.start_next_steps()
    assert TWO == await operation_driver.run_command()
    assert (
        OperationStatus.COMPLETED is (await operation_driver.operation_progress(of))[0]
    )
    operations = operation_driver.services.store.operations
    assert 1 == await operations.count_operations(DEFAULT_SCOPE_ID, OperationFilter())
