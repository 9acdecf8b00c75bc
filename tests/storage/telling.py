"""Operations, and notifications that tell of them."""

from collections.abc import Sequence
from typing import Any

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import Action, Label, Notification, Operation, Status
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past
from tests.clock import START
from tests.model.values import DEVICE

SCOPE = 1


def operation(operation_id: int, **given: Any) -> Operation:
    """Return an operation without steps."""
    usual: dict[str, Any] = {
        "scope_id": SCOPE,
        "device_id": DEVICE,
        "created_at": START,
        "created_by": 2,
        "modified_at": START,
        "label": Label(resource="DOWNLOAD", action=Action.EXECUTE),
    }
    return Operation(id=operation_id, **usual | given)


def notification(notification_id: int, **given: Any) -> Notification:
    """Return a notification of the operation 1."""
    usual: dict[str, Any] = {
        "operation_id": 1,
        "scope_id": SCOPE,
        "created_at": START,
        "created_by": 2,
        "sent_at": START,
        "status": Status.RUNNING,
        "progress": 0,
    }
    return Notification(id=notification_id, **usual | given)


async def begin(store: Store, *operations: Operation) -> None:
    """Keep operations, as they are."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        for each in operations:
            changes.operations[each.id] = each

    await store.change(operations[0].device_id, decide)


async def tell(store: Store, told: Sequence[Notification]) -> None:
    """Keep notifications."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.notifications.extend(told)

    await store.change(DEVICE, decide)
