"""The calls of operations, their notifications, and tasks."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.client.transport import BaseClient, Json


@attrs.define
class OperationCalls(BaseClient):
    """Operations on one device, and tasks for many."""

    async def create_operation(
        self,
        device_id: str,
        steps: Sequence[Json],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Begin an operation; *fields* are its others, as the API names them."""
        body = {"deviceId": device_id, "steps": steps, **fields}
        return await self._call(
            "POST", "operations", body=body, idempotency_key=idempotency_key
        )

    async def operations(self, **filters: Any) -> Json:
        """Return a page of operations, newest first."""
        return await self._call("GET", "operations", params=filters)

    async def operation(self, operation_id: str) -> Json:
        """Return one operation with its steps."""
        return await self._call("GET", "operations", operation_id)

    async def cancel_operation(self, operation_id: str) -> Json:
        """Cancel what waits of an operation; a step in flight runs to its end."""
        return await self._call("POST", "operations", operation_id, "cancel")

    async def add_notification(
        self, operation_id: str, progress: int, **fields: Any
    ) -> Json:
        """Report an operation's progress (0 to 100) from outside the queue."""
        return await self._call(
            "POST",
            "operations",
            operation_id,
            "notifications",
            body={"progress": progress, **fields},
        )

    async def notifications(self, operation_id: str, **filters: Any) -> Json:
        """Return a page of an operation's notifications, in the order they came."""
        return await self._call(
            "GET", "operations", operation_id, "notifications", params=filters
        )

    async def create_task(
        self,
        targets: Json,
        steps: Sequence[Json],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Create a task; with `dryRun` only return which devices it is for."""
        body = {"targets": targets, "steps": steps, **fields}
        return await self._call(
            "POST", "tasks", body=body, idempotency_key=idempotency_key
        )

    async def tasks(self, **filters: Any) -> Json:
        """Return a page of tasks, newest first."""
        return await self._call("GET", "tasks", params=filters)

    async def task(self, task_id: str) -> Json:
        """Return one task and how far it is."""
        return await self._call("GET", "tasks", task_id)

    async def pause_task(self, task_id: str) -> Json:
        """Start no further operation of a task until it is resumed."""
        return await self._call("POST", "tasks", task_id, "pause")

    async def resume_task(self, task_id: str) -> Json:
        """Go on with a paused task."""
        return await self._call("POST", "tasks", task_id, "resume")

    async def cancel_task(self, task_id: str) -> Json:
        """Cancel a task; steps in flight run to their end."""
        return await self._call("POST", "tasks", task_id, "cancel")

    async def retry_task(self, task_id: str, *, include_unknown: bool = False) -> Json:
        """Retry the failed operations of a task."""
        body = {"includeUnknown": include_unknown}
        return await self._call("POST", "tasks", task_id, "retry", body=body)
