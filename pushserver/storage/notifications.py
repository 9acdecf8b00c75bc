"""What every store promises of the notifications of operations."""

from collections.abc import Sequence
from typing import Protocol

from pushserver.model.audit import AuditEntry
from pushserver.model.operation import Notification
from pushserver.storage.operations import PageRequest


class NotificationStore(Protocol):
    """
    Reading and deleting notifications; decisions on devices' lanes write them.

    Those of an operation that does not exist are an empty list.
    """

    async def find_notification(
        self, scope_id: int, operation_id: int, notification_id: int
    ) -> Notification | None:
        """Return one notification of the operation."""

    async def notifications(
        self, scope_id: int, operation_id: int, *, after: int, limit: int
    ) -> Sequence[Notification]:
        """List notifications, oldest first, with ids above *after*."""

    async def notifications_page(
        self, scope_id: int, operation_id: int, resource: str | None, page: PageRequest
    ) -> Sequence[Notification]:
        """List a page of sorted notifications; later pages cost little more."""

    async def count_notifications(
        self, scope_id: int, operation_id: int, resource: str | None
    ) -> int:
        """Count notifications."""

    async def delete_notifications(
        self,
        scope_id: int,
        operation_id: int,
        ids: Sequence[int] | None,
        *,
        limit: int,
        audit: Sequence[AuditEntry] = (),
    ) -> int:
        """
        Delete those with *ids*, None: any, at most *limit*; return how many.

        If there are any, write *audit*.
        """
