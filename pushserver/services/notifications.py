"""Adds and deletes notifications of operations for programs."""

import attrs

from pushserver.errors import Conflict
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.changes import Changes
from pushserver.model.ids import IdGenerator
from pushserver.model.lane import Lane
from pushserver.model.operation import Notification, Operation, OperationStatus
from pushserver.model.operation_steps import add_notification
from pushserver.services.lanes import Lanes
from pushserver.services.operation_records import current_operation, operation_entry
from pushserver.services.operations import Operations
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState

_OPEN_STATUSES = (OperationStatus.RUNNING, OperationStatus.STALE)


@attrs.frozen(kw_only=True)
class ProgressReport:
    """The progress of an operation that a program reports."""

    progress: int
    status: OperationStatus = OperationStatus.RUNNING
    resource: str | None = None
    message: str | None = None
    sent_at: int | None = None


@attrs.frozen
class Notifications:
    """Adds and deletes notifications."""

    store: Store
    lanes: Lanes
    ids: IdGenerator
    operations: Operations

    async def add(
        self,
        scope_id: int,
        operation_id: int,
        reported: ProgressReport,
        *,
        actor: Actor,
    ) -> Notification:
        """
        Add a notification; it may end an operation without steps.

        Raises:
            NotFound: there is no such operation.
            Conflict: it has ended.
        """
        stored = await self.operations.get(scope_id, operation_id)

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> Notification:
            operation = current_operation(lane, changes, prior)
            if operation is None or operation.status not in _OPEN_STATUSES:
                raise Conflict(f"Operation {operation_id} has ended.")
            notification = self._make_notification(
                operation, reported, actor.token_id or 0, changes.now
            )
            add_notification(operation, notification, changes)
            made = AuditAction.NOTIFICATION_CREATE
            changes.audit(operation_entry(operation, actor, made, notification.id))
            return notification

        lookup = Lookup(operation_id=operation_id)
        return await self.lanes.change(stored.device_id, decide, lookup)

    def _make_notification(
        self,
        operation: Operation,
        reported: ProgressReport,
        created_by: int,
        now: int,
    ) -> Notification:
        return Notification(
            id=self.ids(),
            operation_id=operation.id,
            scope_id=operation.scope_id,
            created_at=now,
            created_by=created_by,
            sent_at=now if reported.sent_at is None else reported.sent_at,
            status=reported.status,
            progress=reported.progress,
            resource=reported.resource,
            message=reported.message,
        )

    async def remove(
        self, operation: Operation, notification_id: int, actor: Actor = SERVER
    ) -> bool:
        """Delete one notification; tell whether it was there."""
        deleted = AuditAction.NOTIFICATION_DELETE
        count = await self.store.notifications.delete_notifications(
            operation.scope_id,
            operation.id,
            [notification_id],
            limit=1,
            audit=[operation_entry(operation, actor, deleted, notification_id)],
        )
        return count == 1
