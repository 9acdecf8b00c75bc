"""Operations and their notifications, stored directly."""

from collections.abc import Sequence
from typing import Any

from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import (
    Notification,
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from tests.clock import START
from tests.model.factories import DEVICE

SCOPE = 1


def operation(operation_id: int, **overrides: Any) -> Operation:
    """Return an operation without steps."""
    defaults: dict[str, Any] = {
        "scope_id": SCOPE,
        "device_id": DEVICE,
        "created_at": START,
        "created_by": Actor(2, "two"),
        "modified_at": START,
        "descriptor": OperationDescriptor(
            resource="DOWNLOAD", action=OperationAction.EXECUTE
        ),
    }
    return Operation(id=operation_id, **defaults | overrides)


def notification(notification_id: int, **overrides: Any) -> Notification:
    """Return a notification of the operation 1."""
    defaults: dict[str, Any] = {
        "operation_id": 1,
        "scope_id": SCOPE,
        "created_at": START,
        "created_by": 2,
        "sent_at": START,
        "status": OperationStatus.RUNNING,
        "progress": 0,
    }
    return Notification(id=notification_id, **defaults | overrides)


async def save_operations(store: Store, *operations: Operation) -> None:
    """Store operations as they are."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        for each in operations:
            changes.operations[each.id] = each

    await store.change_lane(operations[0].device_id, decide)


async def save_notifications(
    store: Store, notifications: Sequence[Notification]
) -> None:
    """Store notifications."""

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.notifications.extend(notifications)

    await store.change_lane(DEVICE, decide)
