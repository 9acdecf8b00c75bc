"""What somebody outside the queue tells of operations, and takes back."""

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.operation import Notification, Operation, Status
from pushserver.model.steps import report
from pushserver.services.operations import Operations, current
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall

_OPEN = (Status.RUNNING, Status.STALE)


@attrs.frozen(kw_only=True)
class Told:
    """What somebody outside the queue tells of an operation."""

    progress: int
    status: Status = Status.RUNNING
    resource: str | None = None
    message: str | None = None
    sent_at: int | None = None


@attrs.frozen
class Notifications:
    """Adds to an operation's notifications, and removes of them."""

    store: Store
    clock: Clock
    ids: IdSource
    operations: Operations

    async def tell(
        self, scope_id: int, operation_id: int, told: Told, *, by: int
    ) -> Notification:
        """
        Add a notification from outside; it may close what has no steps.

        Raises:
            NotFound: there is no such operation.
            Conflict: it has ended.
        """
        known = await self.operations.get(scope_id, operation_id)

        def decide(lane: Lane, changes: Changes, past: Past) -> Notification:
            operation = current(lane, changes, past)
            if operation is None or operation.status not in _OPEN:
                raise Conflict(f"Operation {operation_id} has ended.")
            notification = self._notification(operation, told, by)
            report(operation, notification, changes)
            return notification

        recall = Recall(operation_id=operation_id)
        return await self.store.change(known.device_id, decide, recall)

    def _notification(self, operation: Operation, told: Told, by: int) -> Notification:
        now = self.clock.now()
        return Notification(
            id=self.ids(),
            operation_id=operation.id,
            scope_id=operation.scope_id,
            created_at=now,
            created_by=by,
            sent_at=now if told.sent_at is None else told.sent_at,
            status=told.status,
            progress=told.progress,
            resource=told.resource,
            message=told.message,
        )

    async def remove(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> bool:
        """Delete one notification; tell whether it was there."""
        remove = self.store.operations.remove_notifications
        return await remove(scope_id, operation_id, [notification_id], limit=1) == 1
