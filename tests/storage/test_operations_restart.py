"""Operations after a restart: as they were, with the commands that they follow."""

from collections.abc import Awaitable, Callable

import pytest

from pushserver.model.operation import Operation, OperationStatus
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup
from pushserver.storage.operations import DueStep
from tests.clock import START, ManualClock
from tests.model.factories import DAY, DEVICE, GRACE
from tests.model.operation_scenario import TOKEN_ID, notification, operation
from tests.storage.locations import StoreLocation, open_store
from tests.storage.operations import (
    add_notification,
    cancel_stored_operation,
    create_operation,
    get_operation,
    notification_messages,
    save_operations,
    start_next_step,
)
from tests.storage.queue_actions import (
    expire_overdue,
    find_in_flight,
    get_lane,
    give_up_delivery,
    mark_written,
    poll,
    poll_command,
    post_result,
    prior_state,
    revert_delivery,
)
from tests.storage.test_operation_round_trip import fields


async def nothing(_store: Store) -> None:
    """Leave its first command waiting."""


async def step_in_flight(store: Store) -> None:
    """Hand its command out."""
    await poll_command(store)


async def delivered(store: Store) -> None:
    """Let its command be read by the device."""
    await mark_written(store, await poll_command(store))


async def reverted(store: Store) -> None:
    """Hand its command out and take it back."""
    await revert_delivery(store, await poll_command(store))


async def second_step(store: Store) -> None:
    """Let its second step wait."""
    in_flight = await poll_command(store)
    await post_result(store, in_flight)
    assert in_flight.command.operation is not None
    await start_next_step(store, in_flight.command.operation)


async def second_in_flight(store: Store) -> None:
    """Hand its second step out."""
    await second_step(store)
    await poll_command(store)


async def notified(store: Store) -> None:
    """Post a notification of it from outside."""
    of = await operation_in_flight(store)
    await add_notification(store, of, notification(of, progress=7))


async def canceled_in_flight(store: Store) -> None:
    """Cancel it while its step is in flight."""
    await poll_command(store)
    await cancel_stored_operation(store, await operation_in_flight(store))


async def operation_in_flight(store: Store) -> Operation:
    """Return the operation that the device's only command follows."""
    lane = await get_lane(store)
    command = lane.in_flight.command if lane.in_flight else lane.waiting[0]
    assert command.operation is not None
    return command.operation


STAGES: dict[str, Callable[[Store], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        nothing,
        step_in_flight,
        delivered,
        reverted,
        second_step,
        second_in_flight,
        notified,
        canceled_in_flight,
    )
}


@pytest.mark.parametrize("stage", STAGES)
async def test_at_work(location: StoreLocation, clock: ManualClock, stage: str) -> None:
    """A live command has its operation again, with all that was counted."""
    of = operation(step_count=2)
    async with open_store(location, clock) as store:
        await create_operation(store, of)
        await STAGES[stage](store)
        before, notifications_before = (
            fields(await operation_in_flight(store)),
            await notification_messages(store, of),
        )

    async with open_store(location, clock) as store:
        assert (
            before
            == fields(await operation_in_flight(store))
            == fields(await get_operation(store, of))
        )
        assert notifications_before == await notification_messages(store, of)
        assert [] == await store.operations.due_steps(limit=9)


@pytest.mark.parametrize("stage", STAGES)
async def test_goes_on(location: StoreLocation, clock: ManualClock, stage: str) -> None:
    """After a restart, the command's transitions still move its operation."""
    of = operation(step_count=2)
    async with open_store(location, clock) as store:
        await create_operation(store, of)
        await STAGES[stage](store)

    async with open_store(location, clock) as store:
        done = (await operation_in_flight(store)).done_steps
        in_flight = await find_in_flight(store) or await poll_command(store)
        await post_result(store, in_flight)

        found = await get_operation(store, of)
        assert done + 1 == found.done_steps
        assert 50 * found.done_steps == found.progress


async def test_between_two_steps(location: StoreLocation, clock: ManualClock) -> None:
    """When the step was over and the next one was not queued, it is due."""
    of = operation(step_count=2)
    async with open_store(location, clock) as store:
        await create_operation(store, of)
        await post_result(store, await poll_command(store))

    async with open_store(location, clock) as store:
        assert store.cached_lane(DEVICE) is None
        due = await store.operations.due_steps(limit=9)

    assert [DueStep(of.id, DEVICE, of.id, 1, TOKEN_ID)] == list(due)


async def test_expires(location: StoreLocation, clock: ManualClock) -> None:
    """A command that expires after a restart fails its operation."""
    of = operation(step_count=2)
    async with open_store(location, clock) as store:
        await create_operation(store, of)

    async with open_store(location, clock) as store:
        await expire_overdue(store, START + DAY)

        assert OperationStatus.FAILED is (await get_operation(store, of)).status


async def test_late_result(location: StoreLocation, clock: ManualClock) -> None:
    """A result that comes after a restart finds the operation that it mends."""
    of = operation(step_count=1)
    async with open_store(location, clock) as store:
        await create_operation(store, of)
        await poll_command(store, uuid="u1")
        await give_up_delivery(store, START + GRACE)

    async with open_store(location, clock) as store:
        prior = (await prior_state(store, Lookup(delivery_uuid="u1"))).by_uuid

    assert prior is not None
    assert prior.command.operation is not None
    assert (of.id, OperationStatus.STALE) == (
        prior.command.operation.id,
        prior.command.operation.status,
    )


async def test_several_on_one_device(
    location: StoreLocation, clock: ManualClock
) -> None:
    """Each command has its own operation again."""
    several = [operation(step_count=1) for _ in range(3)]
    async with open_store(location, clock) as store:
        for each in several:
            await create_operation(store, each)
        await poll(store)

    async with open_store(location, clock) as store:
        lane = await get_lane(store)
        assert lane.in_flight is not None
        commands = [lane.in_flight.command, *lane.waiting]
        assert [each.id for each in several] == [
            command.operation and command.operation.id for command in commands
        ]


async def test_ids_go_on(location: StoreLocation, clock: ManualClock) -> None:
    """Ids made after a restart are above those of operations and notifications."""
    of = operation(id=2**61)
    last = notification(of, id=2**62)
    async with open_store(location, clock) as store:
        await save_operations(store, of, notifications=[last])

    async with open_store(location, clock) as store:
        assert last.id < store.new_id()
