"""Operations: their steps in order, and what ends them."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from pushserver.errors import Conflict
from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from tests.model.factories import DEVICE
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


async def test_late_conflicts(operation_driver: OperationDriver) -> None:
    """An operation that has ended cannot be canceled."""
    of = await operation_driver.create_operation(ONE)
    await operation_driver.run_command()

    with pytest.raises(Conflict):
        await operation_driver.cancel_operation(of)
