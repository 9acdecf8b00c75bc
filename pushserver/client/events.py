"""Reads events as they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

import attrs

from pushserver.client.backoff import Backoff
from pushserver.client.errors import ApiError, Unreachable
from pushserver.client.event_stream import EventStream, StreamMessage
from pushserver.client.open_stream import OpenStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from pushserver.client.transport import Transport
    from pushserver.client.types import StreamEvent, StreamEventsQuery

_MISSED = "missed"


@attrs.frozen
class EventCalls:
    """Read events as they happen: `async for event in client.events():`."""

    _api: Transport

    async def follow(
        self, *, last_event_id: str | None = None, **query: Unpack[StreamEventsQuery]
    ) -> AsyncIterator[StreamEvent]:
        """
        Yield events without end: those after *last_event_id*, or from now on.

        To go on later, store the `id` of an event when you have done your work on it.
        It goes on where it was while the server restarts. Of a reader that was too slow
        or away for too long the server leaves events out, and says so with one whose
        `type` is `missed`.

        Raises:
            ApiError: the server refuses, and would do so again.
            Unreachable: the server is away from the start.
        """
        backoff, was_there = Backoff(), False
        while True:
            try:
                async with self.stream(last_event_id=last_event_id, **query) as stream:
                    was_there = True
                    backoff.reset()
                    async for message in stream:
                        last_event_id = stream.last_event_id
                        yield _to_event(message)
                raise Unreachable(f"{self._api.server} ended the stream.")
            except (Unreachable, ApiError) as error:
                if not was_there:
                    raise
                last_event_id = stream.last_event_id
                await backoff.wait(error)

    def __call__(
        self, *, last_event_id: str | None = None, **query: Unpack[StreamEventsQuery]
    ) -> AsyncIterator[StreamEvent]:
        """Do as `follow` does."""
        return self.follow(last_event_id=last_event_id, **query)

    def stream(
        self, *, last_event_id: str | None = None, **filters: Any
    ) -> OpenStream[EventStream]:
        """
        Open one stream of the events after *last_event_id*, or from now on.

        It is an `async with` block.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached.
        """

        def read(response: aiohttp.ClientResponse) -> EventStream:
            chunks = response.content.iter_any()
            return EventStream(self._api.server, chunks, last_event_id)

        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        options = {"params": filters, "headers": headers}
        return OpenStream(self._api, ("events",), read, options)


def _to_event(message: StreamMessage) -> StreamEvent:
    """Return a message as an event with its id."""
    id_ = {} if message.id is None else {"id": message.id}
    type_ = {"type": _MISSED} if message.type == _MISSED else {}
    return cast("StreamEvent", {**id_, **type_, **message.data})
