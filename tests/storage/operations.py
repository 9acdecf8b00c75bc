"""Operations as services store them, in one line each."""

from collections.abc import Sequence
from typing import Any

from pushserver.model import operation_steps
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest, Step
from pushserver.model.lane import Lane
from pushserver.model.operation import Notification, Operation, OperationDescriptor
from pushserver.model.operation_cancellation import cancel_operation
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import Task, TaskState
from pushserver.model.transitions import enqueue_step
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.operations import OperationFilter
from tests.clock import START
from tests.model.factories import DAY, new_id, order
from tests.model.operation_scenario import ACTOR, operation, step_command


def step(owner_id: int, number: int = 0, **overrides: Any) -> Step:
    """Return a step."""
    defaults = {"order": order("reboot"), "resource": f"part {number + 1}"}
    return Step(
        owner_id=owner_id,
        number=number,
        request=CommandRequest(**{**defaults, **overrides}),
    )


def steps_of(owner_id: int, count: int) -> list[Step]:
    """Return so many steps."""
    return [step(owner_id, number) for number in range(count)]


def task(**overrides: Any) -> Task:
    """Return a task that runs, of one step."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "scope_id": DEFAULT_SCOPE_ID,
        "created_at": START,
        "created_by": ACTOR,
        "expires_in": DAY,
        "expires_at": START + DAY,
        "state": TaskState.RUNNING,
        "descriptor": OperationDescriptor(resource="photos"),
        "step_count": 1,
    }
    return Task(**{**defaults, **overrides})


async def add_task_operations(
    store: Store, owner: Task, count: int = 1, **overrides: object
) -> list[int]:
    """Add operations to a task that have not started, on devices from 1; their ids."""
    operations = [
        task_operation(
            owner, **{"device_id": 1 + n, "step_count": owner.step_count, **overrides}
        )
        for n in range(count)
    ]
    await store.tasks.add_operations(operations)
    return [each.id for each in operations]


def task_operation(owner: Task, **overrides: object) -> Operation:
    """Return an operation of a task."""
    return operation(**{"task_id": owner.id, "scope_id": owner.scope_id, **overrides})


async def save_operations(
    store: Store, *operations: Operation, notifications: Sequence[Notification] = ()
) -> None:
    """Store operations as they are, with their notifications."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        for one in operations:
            changes.record_operation(one, one.modified_at)
        changes.notifications.extend(notifications)

    await store.change_lane(operations[0].device_id, decide)


async def create_operation(store: Store, tracked: Operation) -> None:
    """Store an operation with its steps and the command of the first."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.record_operation(tracked, tracked.created_at)
        changes.steps.extend(steps_of(tracked.id, tracked.step_count))
        if tracked.step_count:
            enqueue_step(lane, tracked, step_command(tracked), changes)

    await store.change_lane(tracked.device_id, decide)


async def start_next_step(store: Store, tracked: Operation, **overrides: Any) -> None:
    """Make the next step of an operation a command."""

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
        assert prior.operation is not None
        current = changes.live_operation(lane, prior.operation)
        enqueue_step(lane, current, step_command(current, **overrides), changes)

    await store.change_lane(tracked.device_id, decide, Lookup(operation_id=tracked.id))


async def cancel_stored_operation(store: Store, tracked: Operation) -> None:
    """Cancel an operation."""

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
        assert prior.operation is not None
        current = changes.live_operation(lane, prior.operation)
        cancel_operation(lane, current, changes, now=START, reason="Enough.")

    await store.change_lane(tracked.device_id, decide, Lookup(operation_id=tracked.id))


async def add_notification(
    store: Store, tracked: Operation, notification: Notification
) -> None:
    """Add a notification from outside the queue."""

    def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
        assert prior.operation is not None
        current = changes.live_operation(lane, prior.operation)
        operation_steps.add_notification(current, notification, changes)

    await store.change_lane(tracked.device_id, decide, Lookup(operation_id=tracked.id))


async def delete_operation(store: Store, tracked: Operation) -> None:
    """Delete an operation with its notifications."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        command = lane.command_of_operation(tracked.id)
        if command is not None:
            command.operation = None
        changes.deleted_operations[tracked.id] = tracked.device_id

    await store.change_lane(tracked.device_id, decide)


async def get_operation(store: Store, tracked: Operation) -> Operation:
    """Return the stored operation; it must be there."""
    stored = await store.operations.find_operation(tracked.scope_id, tracked.id)
    assert stored is not None
    return stored


async def get_task(store: Store, owner: Task) -> Task:
    """Return the stored task; it must be there."""
    stored = await store.tasks.find_task(owner.scope_id, owner.id)
    assert stored is not None
    return stored


async def notification_messages(store: Store, tracked: Operation) -> list[str | None]:
    """Return the messages of an operation's notifications, in order."""
    notifications = await store.notifications.notifications(
        tracked.scope_id, tracked.id, after=0, limit=1000
    )
    return [each.message for each in notifications]


async def operation_ids(
    store: Store,
    query: OperationFilter,
    *,
    before: int | None = None,
    limit: int = 1000,
    scope: int = DEFAULT_SCOPE_ID,
) -> list[int]:
    """Return the ids of a page of operations."""
    page = await store.operations.operations(scope, query, before=before, limit=limit)
    return [each.id for each in page]
