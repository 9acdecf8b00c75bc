"""Calls about commands and results."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.client.answers import Json
from pushserver.client.transport import QueryParams, Transport

OCTETS = "application/octet-stream"


@attrs.frozen(kw_only=True)
class RequestPreferences:
    """How to enqueue: under which key, and how many seconds to wait for the outcome."""

    idempotency_key: str | None = None
    wait: int | None = None

    def call_arguments(self) -> dict[str, Any]:
        """Return these preferences as options of the transport's request."""
        prefer = {"Prefer": f"wait={self.wait}"} if self.wait else {}
        return {**attrs.asdict(self), "headers": prefer}


_NO_PREFERENCES = RequestPreferences()


@attrs.frozen
class CommandCalls:
    """Enqueue, list, cancel and retry commands."""

    _api: Transport

    async def enqueue(
        self,
        device_id: str,
        command: Mapping[str, Any],
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> Json:
        """Enqueue one command."""
        return await self._enqueue(device_id, preferences, body=command)

    async def enqueue_many(
        self,
        device_id: str,
        commands: Sequence[Json],
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> Sequence[Json]:
        """Enqueue all of *commands*, or none."""
        answer = await self._enqueue(device_id, preferences, body=commands)
        items: Sequence[Json] = answer["items"]
        return items

    async def enqueue_bytes(
        self,
        device_id: str,
        content: bytes,
        fields: QueryParams,
        preferences: RequestPreferences = _NO_PREFERENCES,
    ) -> Json:
        """Enqueue raw bytes, such as a photo; *fields* are the command's others."""
        raw = {"content": content, "content_type": OCTETS, "params": fields}
        return await self._enqueue(device_id, preferences, **raw)

    async def _enqueue(
        self, device_id: str, preferences: RequestPreferences, **content: Any
    ) -> Json:
        options = {**content, **preferences.call_arguments()}
        return await self._api.call("POST", "devices", device_id, "commands", **options)

    async def list(self, **filters: Any) -> Json:
        """Return a page of commands, newest first."""
        return await self._api.call("GET", "commands", params=filters)

    async def get(self, command_id: str, *, wait: int | None = None) -> Json:
        """Return one command; wait up to *wait* seconds for its outcome."""
        params = {"wait": wait}
        return await self._api.call(
            "GET", "commands", command_id, params=params, wait=wait
        )

    async def result(self, command_id: str) -> tuple[bytes, str | None]:
        """Return a result as the device posted it, and its content type."""
        path = ("commands", command_id, "result")
        answer = await self._api.request("GET", *path)
        return answer.content, answer.headers.get("Content-Type")

    async def cancel(self, command_id: str) -> Json:
        """Take a command back."""
        return await self._api.call("DELETE", "commands", command_id)

    async def release(self, command_id: str) -> Json:
        """Let a command be handed out that was held after a restore."""
        return await self._api.call("POST", "commands", command_id, "release")

    async def cancel_many(
        self, chosen: Mapping[str, Any], *, dry_run: bool = False
    ) -> Json:
        """Take back the commands of `ids`, or those that a filter matches; count."""
        params = {"dryRun": dry_run or None}
        return await self._api.call(
            "POST", "commands", "cancel", body=chosen, params=params
        )

    async def retry(self, command_id: str) -> Json:
        """Enqueue a new command like this one."""
        return await self._api.call("POST", "commands", command_id, "retry")


@attrs.frozen
class ResultCalls:
    """List results, also those that belong to no command."""

    _api: Transport

    async def list(self, *, wait: int | None = None, **filters: Any) -> Json:
        """Return a page of results, oldest first; wait up to *wait* seconds for one."""
        params = {"wait": wait, **filters}
        return await self._api.call("GET", "results", params=params, wait=wait)
