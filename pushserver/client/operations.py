"""Calls about operations: steps on one device, one after the other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import attrs

from pushserver.client.commands import HOLD
from pushserver.client.pages import iter_items
from pushserver.client.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pushserver.client.transport import Transport
    from pushserver.client.types import (
        ListNotificationsQuery,
        ListOperationsQuery,
        Notification,
        NotificationOptions,
        Notifications,
        Operation,
        OperationOptions,
        Operations,
        StepInput,
    )


@attrs.frozen
class OperationCalls:
    """Create, list, cancel and await operations; read and add their notifications."""

    _api: Transport

    async def create(
        self,
        device_id: str,
        steps: Sequence[StepInput],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[OperationOptions],
    ) -> Operation:
        """Start an operation of 0 to 100 steps; one without is ended from outside."""
        body = {"deviceId": device_id, "steps": steps, **options}
        return await self._api.create(
            "operations", body=body, idempotency_key=idempotency_key
        )

    async def list(self, **query: Unpack[ListOperationsQuery]) -> Operations:
        """Return a page of operations, newest first."""
        return await self._api.call("GET", "operations", params=query)

    def iterate(self, **query: Unpack[ListOperationsQuery]) -> AsyncIterator[Operation]:
        """Yield the operations of all pages, or `limit` of them, newest first."""
        return iter_items(self.list, **query)

    async def get(self, operation_id: str, *, wait: int | None = None) -> Operation:
        """Return one; wait up to *wait* seconds, 60 at most, for its end."""
        return await get_one(self._api, "operations", operation_id, wait)

    async def wait(self, operation_id: str, timeout: float | None = None) -> Operation:  # noqa: ASYNC109 - see `wait_until`
        """
        Return an operation once it has ended; its `status` says how.

        It goes on waiting while the server restarts.

        Raises:
            WaitTimeout: it has not ended after *timeout* seconds; None is for ever.
        """
        fetch = partial(get_one, self._api, "operations", operation_id)
        return await wait_until(_has_ended, fetch, hold=HOLD, timeout=timeout)

    async def cancel(self, operation_id: str) -> Operation:
        """Cancel the waiting steps of an operation; one in flight runs to its end."""
        return await self._api.call("POST", "operations", operation_id, "cancel")

    async def add_notification(
        self,
        operation_id: str,
        progress: int,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[NotificationOptions],
    ) -> Notification:
        """Report an operation's progress, 0 to 100, from outside the queue."""
        return await self._api.create(
            *("operations", operation_id, "notifications"),
            body={"progress": progress, **options},
            idempotency_key=idempotency_key,
        )

    async def notifications(
        self, operation_id: str, **query: Unpack[ListNotificationsQuery]
    ) -> Notifications:
        """Return a page of an operation's notifications, oldest first."""
        path = ("operations", operation_id, "notifications")
        return await self._api.call("GET", *path, params=query)

    def iterate_notifications(
        self, operation_id: str, **query: Unpack[ListNotificationsQuery]
    ) -> AsyncIterator[Notification]:
        """Yield the notifications of all pages, or `limit` of them, oldest first."""
        return iter_items(partial(self.notifications, operation_id), **query)


async def get_one(api: Transport, kind: str, id_: str, wait: int | None) -> Any:
    """Return an operation, task or upgrade; the server may hold it till it is over."""
    return await api.call("GET", kind, id_, params={"wait": wait or None}, wait=wait)


def _has_ended(operation: Operation) -> bool:
    return "endedAt" in operation
