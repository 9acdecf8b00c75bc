"""Calls about commands and results."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import attrs

from pushserver.client.backoff import retry_while_unreachable
from pushserver.client.pages import iter_items, iter_pages
from pushserver.client.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from pushserver.client.transport import Transport
    from pushserver.client.types import (
        Cancel,
        CancelCommandsOfDeviceQuery,
        CancelInput,
        Command,
        CommandInput,
        Commands,
        EnqueueBytesQuery,
        ListCommandsQuery,
        ListResultsQuery,
        Result,
        Results,
    )

OCTETS = "application/octet-stream"
#: Seconds for which the server holds each call of a wait.
HOLD = 20
_LIVE = ("PENDING", "SENT", "DELIVERED")


@attrs.frozen
class CommandCalls:
    """
    Enqueue, list, cancel and retry commands, and wait for them.

    To enqueue with *wait* has the server answer when the command is over, or after so
    many seconds (60 at most). What is enqueued again under the same *idempotency_key*
    is enqueued once. *traceparent* is the header of W3C Trace Context: the trace to
    which the command, its webhooks and the server's log lines then belong.
    """

    _api: Transport

    async def enqueue(
        self,
        device_id: str,
        command: CommandInput,
        *,
        wait: int | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> Command:
        """Enqueue one command."""
        preferences = _preferences(wait, idempotency_key, traceparent)
        path = ("devices", device_id, "commands")
        return await self._api.create(*path, body=command, **preferences)

    async def enqueue_many(
        self,
        device_id: str,
        commands: Sequence[CommandInput],
        *,
        wait: int | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> Sequence[Command]:
        """Enqueue all of *commands*, 1 to 1000, or none."""
        preferences = _preferences(wait, idempotency_key, traceparent)
        path = ("devices", device_id, "commands", "batch")
        answer = await self._api.create(*path, body=commands, **preferences)
        return answer["items"]

    async def enqueue_bytes(
        self,
        device_id: str,
        content: bytes,
        fields: EnqueueBytesQuery,
        *,
        wait: int | None = None,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
    ) -> Command:
        """Enqueue raw bytes, such as a photo; *fields* are the command's others."""
        return await self._api.create(
            *("devices", device_id, "commands", "bytes"),
            content=content,
            content_type=OCTETS,
            params=fields,
            **_preferences(wait, idempotency_key, traceparent),
        )

    async def wait(self, command_id: str, timeout: float | None = None) -> Command:  # noqa: ASYNC109 - see `wait_until`
        """
        Return a command once it is over; its `state` says what came of it.

        It goes on waiting while the server restarts.

        Raises:
            WaitTimeout: it is not over after *timeout* seconds; None is for ever.
        """
        fetch = partial(self._get, command_id)
        return await wait_until(_is_over, fetch, hold=HOLD, timeout=timeout)

    async def list(self, **query: Unpack[ListCommandsQuery]) -> Commands:
        """Return a page of commands, newest first."""
        return await self._api.call("GET", "commands", params=query)

    def iterate(self, **query: Unpack[ListCommandsQuery]) -> AsyncIterator[Command]:
        """Yield the commands of all pages, or `limit` of them, newest first."""
        return iter_items(self.list, **query)

    async def get(self, command_id: str, *, wait: int | None = None) -> Command:
        """Return one command; wait up to *wait* seconds, 60 at most, for its end."""
        return await self._get(command_id, wait)

    async def _get(self, command_id: str, wait: int | None) -> Command:
        path, params = ("commands", command_id), {"wait": wait or None}
        return await self._api.call("GET", *path, params=params, wait=wait)

    async def result(self, command_id: str) -> tuple[bytes, str | None]:
        """Return a result as the device posted it, and its content type."""
        path = ("commands", command_id, "result")
        answer = await self._api.request("GET", *path)
        return answer.content, answer.headers.get("Content-Type")

    async def cancel(self, command_id: str) -> Command:
        """Take a command back."""
        return await self._api.call("DELETE", "commands", command_id)

    async def cancel_all(
        self,
        device_id: str,
        *,
        dry_run: bool = False,
        **query: Unpack[CancelCommandsOfDeviceQuery],
    ) -> Cancel:
        """Take back the commands of a device, or those that the query names; count."""
        params = {"dryRun": dry_run or None, **query}
        path = ("devices", device_id, "commands")
        return await self._api.call("DELETE", *path, params=params)

    async def cancel_many(
        self, chosen: CancelInput, *, dry_run: bool = False
    ) -> Cancel:
        """Take back the commands of `ids`, or those that a filter matches; count."""
        params = {"dryRun": dry_run or None}
        return await self._api.call(
            "POST", "commands", "cancel", body=chosen, params=params
        )

    async def release(self, command_id: str) -> Command:
        """Let a command be handed out that was held after a restore."""
        return await self._api.call("POST", "commands", command_id, "release")

    async def retry(
        self, command_id: str, *, idempotency_key: str | None = None
    ) -> Command:
        """Enqueue a new command like this one."""
        path = ("commands", command_id, "retry")
        return await self._api.create(*path, idempotency_key=idempotency_key)


def _preferences(
    wait: int | None, idempotency_key: str | None, traceparent: str | None
) -> dict[str, Any]:
    """Return how to enqueue as options of the transport's request."""
    headers: Mapping[str, str] = {
        **({"Prefer": f"wait={wait}"} if wait else {}),
        **({"traceparent": traceparent} if traceparent else {}),
    }
    return {"wait": wait, "idempotency_key": idempotency_key, "headers": headers}


def _is_over(command: Command) -> bool:
    return command["state"] not in _LIVE


@attrs.frozen
class ResultCalls:
    """List results, also those that belong to no command."""

    _api: Transport

    async def list(
        self, *, wait: int | None = None, **query: Unpack[ListResultsQuery]
    ) -> Results:
        """Return a page of results, oldest first; wait up to *wait* seconds for one."""
        params = {"wait": wait, **query}
        return await self._api.call("GET", "results", params=params, wait=wait)

    async def iterate(self, **query: Unpack[ListResultsQuery]) -> AsyncIterator[Result]:
        """Yield the results so far, or `limit` of them, oldest first."""
        async for page in iter_pages(self.list, **query):
            if not page["items"]:  # there is a cursor all the same
                return
            for result in page["items"]:
                yield result

    async def follow(self, **query: Unpack[ListResultsQuery]) -> AsyncIterator[Results]:
        """
        Yield pages of results, oldest first, and without end those that come.

        To go on later, store the `nextCursor` of a page when you have done your work on
        it, and begin with it as `cursor`: then no result is left out. It goes on while
        the server restarts.
        """
        page = await self.list(**query)
        while True:
            if page["items"]:
                yield page
            query["cursor"] = page["nextCursor"]
            page = await retry_while_unreachable(partial(self.list, wait=HOLD, **query))
