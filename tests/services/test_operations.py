"""Operations: their steps in order, their failures, and their notifications."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from pushserver.errors import Conflict, IdempotencyMismatch, NotFound, Unavailable
from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.operations import DueStep, OperationFilter
from tests.model.factories import DEVICE
from tests.model.operation_scenario import TOKEN_ID
from tests.services.operation_driver import ERROR, OperationDriver

ONE, TWO, THREE = "load_objects", "user_set_image", "user_get_image"
TIMEOUT = 180


async def test_in_order(operation_driver: OperationDriver) -> None:
    """The device is given one step after the other, until all are done."""
    of = await operation_driver.create_operation(ONE, TWO, THREE)

    done = []
    for _ in range(3):
        done.append(await operation_driver.run_command())
        await operation_driver.start_next_steps()

    assert [ONE, TWO, THREE] == done
    assert (
        OperationStatus.COMPLETED,
        3,
        3,
        100,
    ) == await operation_driver.operation_progress(of)
    assert [
        "queued",
        "sent",
        "SUCCESSFUL",
    ] * 3 == await operation_driver.notification_words(of)


async def test_not_before_success(operation_driver: OperationDriver) -> None:
    """The next step is queued when the one before was SUCCESSFUL, and once."""
    of = await operation_driver.create_operation(ONE, TWO)
    before = [await operation_driver.start_next_steps()]
    await operation_driver.receive_command()
    before.append(await operation_driver.start_next_steps())
    assert await operation_driver.poll() is None
    await operation_driver.post_result()

    assert [0, 0] == before
    assert [1, 0] == [
        await operation_driver.start_next_steps(),
        await operation_driver.start_next_steps(),
    ]
    assert [
        CommandState.SUCCESSFUL,
        CommandState.PENDING,
    ] == await operation_driver.step_states(of)


async def test_the_worker_is_called(operation_driver: OperationDriver) -> None:
    """When a step has succeeded and another follows, the worker is woken up."""
    due = operation_driver.services.next_steps.wakeup
    await operation_driver.create_operation(ONE, TWO)
    await operation_driver.receive_command()
    wakeups = [due.is_set()]
    await operation_driver.post_result()
    wakeups.append(due.is_set())
    await operation_driver.start_next_steps()
    wakeups.append(due.is_set())
    await operation_driver.run_command()
    wakeups.append(due.is_set())

    assert [False, True, False, False] == wakeups


async def test_each_step_as_it_was_given(operation_driver: OperationDriver) -> None:
    """A step's command has what was asked of it, from the time it is queued."""
    of = await operation_driver.create_operation(
        ONE, ONE, expires_in=50_000_000, priority=7, resource="photo"
    )
    operation_driver.clock.tick(40)
    await operation_driver.run_command()
    await operation_driver.start_next_steps()
    record = (await operation_driver.services.store.operations.step_records(of))[1]
    assert record.command_id is not None
    command = (
        await operation_driver.services.queue.get(DEFAULT_SCOPE_ID, record.command_id)
    ).command

    assert (operation_driver.clock.now() + 50_000_000, 7, "photo", of.id, 1) == (
        command.expires_at,
        command.priority,
        command.resource,
        command.operation_id,
        command.step,
    )


async def failed(operation_driver: OperationDriver) -> None:
    """Let the device answer with an error."""
    await operation_driver.run_command(ERROR)


async def expired(operation_driver: OperationDriver) -> None:
    """Let nobody come for the command."""
    await operation_driver.expire_overdue(86_400)


async def canceled(operation_driver: OperationDriver) -> None:
    """Cancel the command, not the operation."""
    lane = operation_driver.services.store.cached_lane(DEVICE)
    assert lane is not None
    await operation_driver.services.withdrawals.withdraw(
        DEFAULT_SCOPE_ID, lane.waiting[0].id
    )


async def timed_out(operation_driver: OperationDriver) -> None:
    """Let the answer never come."""
    await operation_driver.receive_command()
    await operation_driver.expire_overdue(TIMEOUT)


End = Callable[[OperationDriver], Awaitable[None]]
ENDS: Mapping[End, tuple[CommandState, OperationStatus]] = {
    failed: (CommandState.FAILED, OperationStatus.FAILED),
    expired: (CommandState.EXPIRED, OperationStatus.FAILED),
    canceled: (CommandState.CANCELED, OperationStatus.FAILED),
    timed_out: (CommandState.TIMEOUT, OperationStatus.STALE),
}


@pytest.mark.parametrize("end", ENDS)
async def test_stops(operation_driver: OperationDriver, end: End) -> None:
    """A step that does not succeed ends the operation; the others are not queued."""
    state, status = ENDS[end]
    of = await operation_driver.create_operation("reboot", TWO)

    await end(operation_driver)

    assert 0 == await operation_driver.start_next_steps()
    assert status is (await operation_driver.operation_progress(of))[0]
    assert [state, None] == await operation_driver.step_states(of)


@pytest.mark.parametrize("end", ENDS)
async def test_passes_over(operation_driver: OperationDriver, end: End) -> None:
    """With `continue` the next step is done; the operation ends as is known of all."""
    state, status = ENDS[end]
    of = await operation_driver.create_operation(
        "reboot", TWO, on_failure=OnFailure.CONTINUE
    )

    await end(operation_driver)
    running = (await operation_driver.operation_progress(of))[0]
    await operation_driver.start_next_steps()
    await operation_driver.run_command()

    assert (OperationStatus.RUNNING, status) == (
        running,
        (await operation_driver.operation_progress(of))[0],
    )
    assert [state, CommandState.SUCCESSFUL] == await operation_driver.step_states(of)


async def test_late_result_of_the_last(operation_driver: OperationDriver) -> None:
    """A late result of the last step completes what nobody knew of."""
    of = await operation_driver.create_operation("reboot")
    await operation_driver.receive_command("u1")
    await operation_driver.expire_overdue(TIMEOUT)
    stale = await operation_driver.operation_progress(of)

    await operation_driver.post_result(uuid="u1")

    assert (OperationStatus.STALE, 1, 1, 50) == stale
    assert (
        OperationStatus.COMPLETED,
        1,
        1,
        100,
    ) == await operation_driver.operation_progress(of)
    assert "SUCCESSFUL, late" == (await operation_driver.notification_words(of))[-1]


async def test_late_result_starts_nothing(operation_driver: OperationDriver) -> None:
    """A late result of an earlier step is a failure of the whole: nothing follows."""
    of = await operation_driver.create_operation("reboot", TWO)
    await operation_driver.receive_command("u1")
    await operation_driver.expire_overdue(TIMEOUT)

    await operation_driver.post_result(uuid="u1")

    assert 0 == await operation_driver.start_next_steps()
    assert OperationStatus.FAILED is (await operation_driver.operation_progress(of))[0]
    assert [CommandState.SUCCESSFUL, None] == await operation_driver.step_states(of)


async def test_held_poll(operation_driver: OperationDriver) -> None:
    """A poll that waits is given the first step at once, and the next one too."""
    async with operation_driver.held_poll("u1") as held:
        await operation_driver.create_operation(ONE, TWO)
        first = await held
    assert first is not None
    operation_driver.services.polling.mark_written([first])
    await operation_driver.post_result(uuid="u1")
    async with operation_driver.held_poll("u2") as held:
        await operation_driver.start_next_steps()
        second = await held

    assert second is not None
    assert (ONE, TWO) == (first.command.endpoint, second.command.endpoint)


async def test_poll_held_through_the_result(operation_driver: OperationDriver) -> None:
    """A poll that came before the result is given the next step, too."""
    await operation_driver.create_operation(ONE, TWO)
    await operation_driver.receive_command("u1")
    async with operation_driver.held_poll("u2") as held:
        await operation_driver.post_result(uuid="u1")
        await operation_driver.start_next_steps()
        in_flight = await held

    assert in_flight is not None
    assert TWO == in_flight.command.endpoint


async def test_beside_others(operation_driver: OperationDriver) -> None:
    """Two operations and a command on one device do not disturb one another."""
    first, second = (
        await operation_driver.create_operation(ONE, TWO),
        await operation_driver.create_operation(ONE, TWO),
    )
    (alone,) = await operation_driver.enqueue("reboot")
    for _ in range(5):
        await operation_driver.run_command()
        await operation_driver.start_next_steps()

    assert [(OperationStatus.COMPLETED, 2, 2, 100)] * 2 == [
        await operation_driver.operation_progress(first),
        await operation_driver.operation_progress(second),
    ]
    assert CommandState.SUCCESSFUL is await operation_driver.command_state(alone)


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
    assert [DueStep(of.id, DEVICE, of.id, 1)] == list(due)
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


async def test_key(operation_driver: OperationDriver) -> None:
    """The same request again begins nothing, and is answered as the first time."""
    await operation_driver.adopt(DEVICE)
    first, again = (
        await operation_driver.create_idempotent(ONE),
        await operation_driver.create_idempotent(ONE),
    )

    assert first.operation is not None
    assert (first.answer, None) == (again.answer, again.operation)
    with pytest.raises(IdempotencyMismatch):
        await operation_driver.create_idempotent(TWO, fingerprint="g")
    operations = operation_driver.services.store.operations
    assert 1 == await operations.count_operations(DEFAULT_SCOPE_ID, OperationFilter())


async def test_key_at_once(operation_driver: OperationDriver) -> None:
    """Of ten at the same moment one is started."""
    await operation_driver.adopt(DEVICE)

    started = await asyncio.gather(
        *(operation_driver.create_idempotent(ONE) for _ in range(10))
    )

    assert 1 == len({each.answer for each in started})
    assert 1 == sum(each.operation is not None for each in started)


async def test_not_there(operation_driver: OperationDriver) -> None:
    """An operation that does not exist, or is another scope's, is not found."""
    of = await operation_driver.create_operation(ONE)
    operations = operation_driver.services.operations

    for scope, operation_id in ((DEFAULT_SCOPE_ID, 5), (DEFAULT_SCOPE_ID + 1, of.id)):
        with pytest.raises(NotFound):
            await operations.get(scope, operation_id)
        with pytest.raises(NotFound):
            await operations.cancel(scope, operation_id)


async def test_who_began_it(operation_driver: OperationDriver) -> None:
    """The server's notifications are by the token that started the operation."""
    of = await operation_driver.create_operation(ONE)
    (notification,) = await operation_driver.services.store.notifications.notifications(
        DEFAULT_SCOPE_ID, of.id, after=0, limit=9
    )

    assert (TOKEN_ID, TOKEN_ID) == (of.created_by.token_id, notification.created_by)


async def test_late_conflicts(operation_driver: OperationDriver) -> None:
    """An operation that has ended cannot be canceled."""
    of = await operation_driver.create_operation(ONE)
    await operation_driver.run_command()

    with pytest.raises(Conflict):
        await operation_driver.cancel_operation(of)
