"""Operations: written with what moves them, read by filters and in pages."""

import asyncio

import pytest

from pushserver.errors import Unavailable
from pushserver.model.command import Command
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup
from pushserver.storage.operations import (
    DueStep,
    OperationFilter,
    StepRecord,
)
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE
from tests.model.operation_scenario import TOKEN_ID, notification, operation
from tests.storage.locations import StoreLocation, failing_commits, open_store
from tests.storage.operations import (
    add_notification,
    create_operation,
    delete_operation,
    get_operation,
    notification_messages,
    operation_ids,
    save_operations,
    start_next_step,
    steps_of,
    task,
)
from tests.storage.queue_actions import (
    get_lane,
    give_up_delivery,
    poll_command,
    post_result,
    prior_state,
)


async def test_written_with_its_command(store: Store) -> None:
    """A command, its operation and the notifications are one commit."""
    of = operation(step_count=1)
    await create_operation(store, of)
    await post_result(store, await poll_command(store))

    found = await get_operation(store, of)
    assert (OperationStatus.COMPLETED, 1, 1, 100) == (
        found.status,
        found.queued_steps,
        found.done_steps,
        found.progress,
    )
    assert ["queued", "sent", "SUCCESSFUL"] == [
        (message or "").split()[-1]
        for message in await notification_messages(store, of)
    ]


async def test_neither_without_the_other(store: Store) -> None:
    """When the commit fails nothing of it is there, in memory or on the disk."""
    of = operation(step_count=1)
    await create_operation(store, of)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await poll_command(store)
    await store.check_writable()

    lane = await get_lane(store)
    at_work = lane.waiting[0].operation
    assert at_work is not None
    assert (0, 0, 1) == (at_work.progress, at_work.version, at_work.queued_steps)
    assert ["Step 1 of 1: queued"] == await notification_messages(store, of)

    await post_result(store, await poll_command(store))
    assert OperationStatus.COMPLETED is (await get_operation(store, of)).status


async def test_changed_twice_in_one_round(store: Store) -> None:
    """Two changes that share a commit both count, and the version grows by one."""
    of = operation()
    await save_operations(store, of)
    notifications = [notification(of, progress=10 * n) for n in range(1, 6)]

    await asyncio.gather(*(add_notification(store, of, each) for each in notifications))

    found = await get_operation(store, of)
    assert (50, 1) == (found.progress, found.version)
    assert [None] * 5 == await notification_messages(store, of)


async def test_told_and_moved_in_one_round(store: Store) -> None:
    """Lookups by command and by id find the same operation."""
    of = operation(step_count=2)
    await create_operation(store, of)
    in_flight = await poll_command(store)

    await asyncio.gather(
        add_notification(store, of, notification(of)),
        post_result(store, in_flight),
        add_notification(store, of, notification(of)),
        start_next_step(store, of),
        add_notification(store, of, notification(of)),
    )

    found = await get_operation(store, of)
    assert (2, 1, 50) == (found.queued_steps, found.done_steps, found.progress)
    notifications = [
        (message or "outside").split()[-1]
        for message in await notification_messages(store, of)
    ]
    expected = ["outside"] * 3 + ["queued"] * 2 + ["sent", "SUCCESSFUL"]
    assert sorted(expected) == sorted(notifications)


async def test_version_guards(store: Store) -> None:
    """A write to an operation that somebody else has changed is refused."""
    of = operation()
    await save_operations(store, of)
    stale = await get_operation(store, of)
    await add_notification(store, of, notification(of, progress=10))

    stale.progress = 99
    with pytest.raises(Unavailable):
        await save_operations(store, stale)

    assert 10 == (await get_operation(store, of)).progress


async def test_looked_up(store: Store) -> None:
    """A decision can ask for an operation; what is not there is not."""
    of = operation()
    await save_operations(store, of)

    found = (await prior_state(store, Lookup(operation_id=of.id))).operation

    assert found is not None
    assert (of.id, True) == (found.id, found.stored)
    assert (await prior_state(store, Lookup(operation_id=5))).operation is None


async def test_late_results_find_it(store: Store) -> None:
    """A lookup of a given-up delivery finds its operation."""
    of = operation(step_count=1)
    await create_operation(store, of)
    await poll_command(store, uuid="u1")
    await give_up_delivery(store, START)

    by_uuid = (
        await prior_state(store, Lookup(delivery_uuid="u1", last_given_up=True))
    ).by_uuid
    given_up = (await prior_state(store, Lookup(last_given_up=True))).last_given_up

    for found in (by_uuid, given_up):
        assert found is not None
        assert found.command.operation is not None
        assert of.id == found.command.operation.id


async def test_forgotten(store: Store) -> None:
    """With an operation its steps and notifications go; commands and results stay."""
    of, other = operation(step_count=1), operation(step_count=1, device_id=5)
    await create_operation(store, of)
    await create_operation(store, other)
    in_flight = await poll_command(store)
    await post_result(store, in_flight)

    await delete_operation(store, of)

    operations = store.operations
    assert await operations.find_operation(DEFAULT_SCOPE_ID, of.id) is None
    assert ([], []) == (
        await notification_messages(store, of),
        await operations.steps([(of.id, 0)]),
    )
    record = await store.find_command(DEFAULT_SCOPE_ID, in_flight.command.id)
    assert record is not None
    assert (CommandState.SUCCESSFUL, True) == (
        record.command.state,
        record.result is not None,
    )
    assert [other.id] == await operation_ids(store, OperationFilter())
    assert 1 == len(await notification_messages(store, other))
    assert 1 == len(await operations.steps([(other.id, 0)]))


async def test_forgotten_in_flight(location: StoreLocation, clock: ManualClock) -> None:
    """The command of a forgotten operation goes on alone, also after a restart."""
    of = operation(step_count=1)
    async with open_store(location, clock) as store:
        await create_operation(store, of)
        in_flight = await poll_command(store)
        await delete_operation(store, of)

    async with open_store(location, clock) as store:
        lane = await get_lane(store)
        assert lane.in_flight is not None
        await post_result(store, lane.in_flight)
        record = await store.find_command(DEFAULT_SCOPE_ID, in_flight.command.id)

    assert record is not None
    assert CommandState.SUCCESSFUL is record.command.state


async def test_step_records(store: Store) -> None:
    """Steps are shown with the commands that they became, and without bodies."""
    of = operation(step_count=3)
    await create_operation(store, of)
    in_flight = await poll_command(store)
    await post_result(store, in_flight)
    await start_next_step(store, of)

    records = await store.operations.step_records(of)

    second = await command_of(store)
    assert [
        (in_flight.command.id, CommandState.SUCCESSFUL),
        (second.id, CommandState.PENDING),
        (None, None),
    ] == [(one.command_id, one.state) for one in records]
    assert [None] * 3 == [one.step.request.order.body for one in records]
    assert [0, 1, 2] == [one.step.number for one in records]
    assert ["part 1", "part 2", "part 3"] == [o.step.request.resource for o in records]


async def command_of(store: Store) -> Command:
    """Return what waits first for the device."""
    lane = await get_lane(store)
    return lane.waiting[0]


async def test_step_records_of_task(store: Store) -> None:
    """An operation of a task has the task's steps."""
    whole = task(id=40, step_count=2)
    await store.tasks.add_task(whole, steps_of(40, 2))
    of = operation(step_count=2, task_id=40)
    await store.tasks.add_operations([of])

    records: list[StepRecord] = list(await store.operations.step_records(of))

    assert [(40, 0), (40, 1)] == [(o.step.owner_id, o.step.number) for o in records]


async def test_due_steps(store: Store) -> None:
    """The next step is due between two steps of what runs, and at no other time."""
    of, whole = operation(step_count=3), task(id=40, step_count=3)
    await store.tasks.add_task(whole, steps_of(40, 3))
    part = operation(
        step_count=3, task_id=40, device_id=5, queued_steps=1, done_steps=1
    )
    waiting = operation(step_count=3, task_id=40, device_id=6)
    over = operation(
        step_count=3,
        status=OperationStatus.FAILED,
        device_id=7,
        queued_steps=1,
        done_steps=1,
    )
    for each in (part, waiting, over):
        await save_operations(store, each)
    await create_operation(store, of)

    async def due(limit: int = 9) -> list[DueStep]:
        return list(await store.operations.due_steps(limit=limit))

    of_part = DueStep(part.id, 5, 40, 1, TOKEN_ID)
    assert [of_part] == await due()
    in_flight = await poll_command(store)
    assert [of_part] == await due()
    await post_result(store, in_flight)
    assert {of_part, DueStep(of.id, DEVICE, of.id, 1, TOKEN_ID)} == set(await due())
    assert [min(of.id, part.id)] == [each.operation_id for each in await due(1)]
    await start_next_step(store, of)
    assert [of_part] == await due()
