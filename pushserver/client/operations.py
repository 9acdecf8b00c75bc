"""Calls about operations, and about tasks and upgrades, which are many of them."""

from collections.abc import Sequence
from typing import Any

import attrs

from pushserver.client.answers import Json
from pushserver.client.transport import Transport


@attrs.frozen
class OperationCalls:
    """Create, list and cancel operations; read and add their notifications."""

    _api: Transport

    async def create(
        self,
        device_id: str,
        steps: Sequence[Json],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Start an operation; *fields* are its others, as the API names them."""
        body = {"deviceId": device_id, "steps": steps, **fields}
        return await self._api.call(
            "POST", "operations", body=body, idempotency_key=idempotency_key
        )

    async def list(self, **filters: Any) -> Json:
        """Return a page of operations, newest first."""
        return await self._api.call("GET", "operations", params=filters)

    async def get(self, operation_id: str) -> Json:
        """Return one operation with its steps."""
        return await self._api.call("GET", "operations", operation_id)

    async def cancel(self, operation_id: str) -> Json:
        """Cancel the waiting steps of an operation; one in flight runs to its end."""
        return await self._api.call("POST", "operations", operation_id, "cancel")

    async def add_notification(
        self, operation_id: str, progress: int, **fields: Any
    ) -> Json:
        """Report an operation's progress, 0 to 100, from outside the queue."""
        path = ("operations", operation_id, "notifications")
        return await self._api.call(
            "POST", *path, body={"progress": progress, **fields}
        )

    async def notifications(self, operation_id: str, **filters: Any) -> Json:
        """Return a page of an operation's notifications, oldest first."""
        path = ("operations", operation_id, "notifications")
        return await self._api.call("GET", *path, params=filters)


@attrs.frozen
class _RolloutCalls:
    """The calls that tasks and upgrades have in common; `_path` is their list."""

    _api: Transport
    _path: str = attrs.field(init=False)

    async def list(self, **filters: Any) -> Json:
        """Return a page of them, newest first."""
        return await self._api.call("GET", self._path, params=filters)

    async def get(self, task_id: str) -> Json:
        """Return one, and how far it is."""
        return await self._api.call("GET", self._path, task_id)

    async def devices(self, task_id: str, **filters: Any) -> Json:
        """Return a page of its devices, and how far each is."""
        path = (self._path, task_id, "devices")
        return await self._api.call("GET", *path, params=filters)

    async def pause(self, task_id: str) -> Json:
        """Start on no further device until it is resumed."""
        return await self._api.call("POST", self._path, task_id, "pause")

    async def resume(self, task_id: str) -> Json:
        """Continue one that is paused."""
        return await self._api.call("POST", self._path, task_id, "resume")

    async def cancel(self, task_id: str) -> Json:
        """Cancel one; steps in flight run to their end."""
        return await self._api.call("POST", self._path, task_id, "cancel")


@attrs.frozen
class TaskCalls(_RolloutCalls):
    """Create tasks and change their course."""

    _path: str = attrs.field(default="tasks", init=False)

    async def create(
        self,
        targets: Json,
        steps: Sequence[Json],
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Create a task; with `dryRun` only return the devices it would have."""
        body = {"targets": targets, "steps": steps, **fields}
        return await self._api.call(
            "POST", "tasks", body=body, idempotency_key=idempotency_key
        )

    async def retry(self, task_id: str, *, include_unknown: bool = False) -> Json:
        """Start again on devices that failed, also on those of unknown outcome."""
        body = {"includeUnknown": include_unknown}
        return await self._api.call("POST", "tasks", task_id, "retry", body=body)


@attrs.frozen
class UpgradeCalls(_RolloutCalls):
    """Create upgrades and change their course."""

    _path: str = attrs.field(default="upgrades", init=False)

    async def create(
        self,
        targets: Json,
        target_version: str,
        phases: Json,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Json:
        """Create an upgrade; with `dryRun` only return the devices it would have."""
        given = {"targets": targets, "targetVersion": target_version, "phases": phases}
        return await self._api.call(
            "POST",
            "upgrades",
            body={**given, **fields},
            idempotency_key=idempotency_key,
        )

    async def retry(self, upgrade_id: str) -> Json:
        """Start again on the devices that failed."""
        return await self._api.call("POST", "upgrades", upgrade_id, "retry")
