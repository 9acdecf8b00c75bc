"""Operations that are ended, reported on or deleted, and devices that are removed."""

import attrs
import pytest

from pushserver.errors import Conflict, NotFound
from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.model.operation_scenario import TOKEN_ID
from tests.services.operation_driver import OperationDriver

pytestmark = pytest.mark.scopes(8)

ONE, TWO = "load_objects", "user_set_image"
OTHER = 8


async def test_canceled_while_waiting(operation_driver: OperationDriver) -> None:
    """A step that waits is canceled, and nothing more is queued."""
    of = await operation_driver.create_operation(ONE, TWO)

    canceled = await operation_driver.cancel_operation(of)

    assert (OperationStatus.FAILED, True) == (canceled.status, canceled.canceled)
    assert 0 == await operation_driver.start_next_steps()
    assert [CommandState.CANCELED, None] == await operation_driver.step_states(of)
    assert await operation_driver.poll() is None


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_canceled_in_flight(
    operation_driver: OperationDriver, on_failure: OnFailure
) -> None:
    """A step in flight runs to its end; then the operation ends."""
    of = await operation_driver.create_operation(ONE, TWO, on_failure=on_failure)
    await operation_driver.receive_command()

    canceled = [
        (await operation_driver.cancel_operation(of)).status,
        (await operation_driver.cancel_operation(of)).status,
    ]
    await operation_driver.post_result()

    assert [OperationStatus.RUNNING] * 2 == canceled
    assert 0 == await operation_driver.start_next_steps()
    assert OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
    assert [CommandState.SUCCESSFUL, None] == await operation_driver.step_states(of)


async def test_canceled_between_two_steps(operation_driver: OperationDriver) -> None:
    """Canceled between two steps it ends at once, with the reason in a notification."""
    of = await operation_driver.create_operation(ONE, TWO)
    await operation_driver.run_command()

    await operation_driver.cancel_operation(of)

    assert 0 == await operation_driver.start_next_steps()
    assert "Canceled." == (await operation_driver.notification_words(of))[-1]
    assert [CommandState.SUCCESSFUL, None] == await operation_driver.step_states(of)


async def test_told(operation_driver: OperationDriver) -> None:
    """Someone outside the queue can add a notification, in their own name."""
    of = await operation_driver.create_operation()
    operation_driver.clock.tick(5)

    posted = await operation_driver.post_notification(
        of, 30, message="half", resource="photo", sent_at=17
    )

    assert (
        OperationStatus.RUNNING,
        0,
        0,
        30,
    ) == await operation_driver.operation_progress(of)
    assert (
        posted
        == await operation_driver.services.store.notifications.find_notification(
            DEFAULT_SCOPE_ID, of.id, posted.id
        )
    )
    assert (TOKEN_ID + 1, operation_driver.clock.now(), 17, "photo", "half", 30) == (
        posted.created_by,
        posted.created_at,
        posted.sent_at,
        posted.resource,
        posted.message,
        posted.progress,
    )


async def test_told_now(operation_driver: OperationDriver) -> None:
    """A notification without a time was sent now."""
    of = await operation_driver.create_operation()

    assert (
        operation_driver.clock.now()
        == (await operation_driver.post_notification(of, 1)).sent_at
    )


@pytest.mark.parametrize("status", [OperationStatus.COMPLETED, OperationStatus.FAILED])
async def test_closed(
    operation_driver: OperationDriver, status: OperationStatus
) -> None:
    """COMPLETED and FAILED close what has no steps; then nothing more is taken."""
    of = await operation_driver.create_operation()
    await operation_driver.post_notification(of, 100, status=status)

    assert status is (await operation_driver.operation_progress(of))[0]
    with pytest.raises(Conflict):
        await operation_driver.post_notification(of, 100)
    with pytest.raises(Conflict):
        await operation_driver.cancel_operation(of)


async def test_told_it_is_stale(operation_driver: OperationDriver) -> None:
    """An operation that was reported STALE may still be reported as ended."""
    of = await operation_driver.create_operation()
    await operation_driver.post_notification(of, 10, status=OperationStatus.STALE)
    await operation_driver.post_notification(of, 100, status=OperationStatus.COMPLETED)

    assert (
        OperationStatus.COMPLETED,
        0,
        0,
        100,
    ) == await operation_driver.operation_progress(of)


async def test_steps_are_not_closed(operation_driver: OperationDriver) -> None:
    """An operation with steps ends by its steps alone, whatever is reported."""
    of = await operation_driver.create_operation(ONE)
    await operation_driver.post_notification(of, 100, status=OperationStatus.COMPLETED)
    progress = await operation_driver.operation_progress(of)
    await operation_driver.run_command()

    assert (OperationStatus.RUNNING, 1, 0, 0) == progress
    assert (
        OperationStatus.COMPLETED,
        1,
        1,
        100,
    ) == await operation_driver.operation_progress(of)


async def test_told_by_strangers(operation_driver: OperationDriver) -> None:
    """Another scope has no such operation."""
    of = await operation_driver.create_operation()
    of.scope_id = OTHER

    with pytest.raises(NotFound):
        await operation_driver.post_notification(of, 1)


async def test_deleted(operation_driver: OperationDriver) -> None:
    """A deleted operation is gone; its command goes on alone, its result stays."""
    of = await operation_driver.create_operation(ONE, TWO)
    in_flight = await operation_driver.receive_command()

    await operation_driver.services.operations.delete(of)
    await operation_driver.post_result()

    with pytest.raises(NotFound):
        await operation_driver.operation_progress(of)
    assert 0 == await operation_driver.start_next_steps()
    assert [] == await operation_driver.notification_words(of)
    record = await operation_driver.command_record(in_flight.command)
    assert (CommandState.SUCCESSFUL, True) == (
        record.command.state,
        record.result is not None,
    )


async def test_deleted_while_waiting(operation_driver: OperationDriver) -> None:
    """The waiting command of a deleted operation is canceled."""
    of = await operation_driver.create_operation(ONE)

    await operation_driver.services.operations.delete(of)

    assert await operation_driver.poll() is None


async def test_deleted_with_much_to_tell(operation_driver: OperationDriver) -> None:
    """
    However many notifications there are, all are deleted; deleting twice does no harm.
    """
    of = await operation_driver.create_operation()
    for n in range(2050):
        await operation_driver.post_notification(of, n % 100)

    await operation_driver.services.operations.delete(of)
    await operation_driver.services.operations.delete(of)

    assert [] == await operation_driver.notification_words(of)


async def test_late_result_of_a_deleted_one(operation_driver: OperationDriver) -> None:
    """A late result for a deleted operation ends its command, and nothing else."""
    of = await operation_driver.create_operation("reboot")
    in_flight = await operation_driver.receive_command("u1")
    await operation_driver.expire_overdue(180)
    await operation_driver.services.operations.delete(of)

    await operation_driver.post_result(uuid="u1")

    assert CommandState.SUCCESSFUL is await operation_driver.command_state(
        in_flight.command
    )


async def test_one_notification_deleted(operation_driver: OperationDriver) -> None:
    """One notification is deleted, once."""
    of = await operation_driver.create_operation()
    first, second = (
        await operation_driver.post_notification(of, 1),
        await operation_driver.post_notification(of, 2),
    )
    remove = operation_driver.services.notifications.remove

    assert not await remove(attrs.evolve(of, scope_id=OTHER), first.id)
    assert await remove(of, first.id)
    assert not await remove(of, first.id)
    left = await operation_driver.services.store.notifications.notifications(
        DEFAULT_SCOPE_ID, of.id, after=0, limit=9
    )
    assert [second] == left


@pytest.mark.parametrize("on_failure", list(OnFailure))
async def test_device_deleted(
    operation_driver: OperationDriver, on_failure: OnFailure
) -> None:
    """With its device an operation ends, whatever it would do after failures."""
    of = await operation_driver.create_operation(ONE, TWO, on_failure=on_failure)

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await operation_driver.start_next_steps()

    assert OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
    assert [CommandState.CANCELED, None] == await operation_driver.step_states(of)


async def test_device_deleted_between_two_steps(
    operation_driver: OperationDriver,
) -> None:
    """No step is queued for a device that is gone."""
    of = await operation_driver.create_operation(ONE, TWO)
    await operation_driver.run_command()

    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await operation_driver.start_next_steps()

    assert OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
    words = await operation_driver.notification_words(of)
    assert "The device was deleted." == words[-1]
    assert await operation_driver.poll() is None


async def test_device_of_another_scope(operation_driver: OperationDriver) -> None:
    """Nor for one that another scope has adopted since."""
    of = await operation_driver.create_operation(ONE, TWO)
    await operation_driver.run_command()
    await operation_driver.services.device_removal.delete(DEFAULT_SCOPE_ID, DEVICE)
    await operation_driver.services.fleet.adopt(OTHER, terminal(DEVICE))

    await operation_driver.start_next_steps()

    assert OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
    assert await operation_driver.poll() is None
