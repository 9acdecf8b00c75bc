"""`pushserver events`: read events as they happen, or what there is of them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.event_types import choose_events
from pushserver.cli.pairs import tag_filter
from pushserver.cli.printing import format_exact
from pushserver.client import (
    ApiError,
    Client,
    EventStream,
    Json,
    StreamMessage,
    Unreachable,
)
from pushserver.client.backoff import Backoff

#: Without --follow, reading ends after this many seconds without an event.
IDLE_TIMEOUT = 1.0
#: The id before the first event.
START_EVENT_ID = "0"
MISSED = "missed"
COLUMNS = ("timestamp", "type", "deviceId", "state", "data")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class EventFilters:
    """Which events to print."""

    event: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those of this type, such as command.status; may be repeated."
    device: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those of this device; may be repeated."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those of devices with this tag, key=value; may be repeated: one of each key."
    last_event_id: str | None = None
    "Go on after this one, as printed when the last run ended."

    def query_params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {
            "events": choose_events(self.event),
            "deviceId": self.device,
            "tag": [tag_filter(each) for each in self.tag],
        }


@attrs.define(kw_only=True)
class EventReader:
    """Reads events from an id on, which it keeps up to date."""

    client: Client
    context: CliContext
    last_event_id: str | None = None
    filters: dict[str, Any] = attrs.field(factory=dict)

    async def read_available(self) -> AsyncGenerator[StreamMessage, None]:
        """Yield the events so far."""
        start_after = self.last_event_id or START_EVENT_ID
        async with self.client.events.stream(
            last_event_id=start_after, **self.filters
        ) as stream:
            while True:
                try:
                    async with asyncio.timeout(IDLE_TIMEOUT):
                        message = await anext(stream)
                except (TimeoutError, StopAsyncIteration):
                    return
                finally:
                    self.last_event_id = stream.last_event_id
                yield message

    async def follow(self) -> AsyncGenerator[StreamMessage, None]:
        """Yield events as they come, without end; wait for a server that is away."""
        backoff = Backoff(self.context.print_note)
        while True:
            try:
                async with self.client.events.stream(
                    last_event_id=self.last_event_id, **self.filters
                ) as stream:
                    backoff.reset()
                    async for message in self._read_messages(stream):
                        yield message
                raise Unreachable("The server ended the stream.")
            except (Unreachable, ApiError) as error:
                await backoff.wait(error)

    async def _read_messages(
        self, stream: EventStream
    ) -> AsyncGenerator[StreamMessage, None]:
        try:
            async for message in stream:
                yield message
        finally:
            self.last_event_id = stream.last_event_id


async def events(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[EventFilters, Parameter(name="*")] = EventFilters(),
    context: InjectedContext,
) -> int:
    """
    Print events, oldest first, and on stderr the last one's id to go on from.

    Parameters
    ----------
    follow
        Print events from now on as they happen, until Ctrl-C.
    filters
        Which events to print.
    """
    reader = EventReader(
        client=context.client(),
        context=context,
        last_event_id=filters.last_event_id,
        filters=filters.query_params(),
    )
    try:
        await _print_events(reader, follow)
    finally:
        if reader.last_event_id not in (None, START_EVENT_ID):
            context.print_note(f"last event: {reader.last_event_id}")
    return 0


async def _print_events(reader: EventReader, follow: bool) -> None:
    async with reader.client:
        async for message in reader.follow() if follow else reader.read_available():
            _print_message(reader.context, message)


def _print_message(context: CliContext, message: StreamMessage) -> None:
    if context.json:
        missed = {"type": MISSED, "data": message.data}
        context.print_json(
            missed if message.type == MISSED else {"id": message.id, **message.data}
        )
    elif message.type == MISSED:
        context.print_note(_format_missed(message.data.get(MISSED)))
    else:
        context.print_row(_to_row(message.data), COLUMNS)


def _format_missed(count: int | None) -> str:
    """Return the notice of *count* skipped events; None: an unknown number."""
    if count is None:
        return "Nobody listened for a while: events may have been missed."
    return f"{count} events were missed."


def _to_row(event: Json) -> Json:
    """Return an event as a row for people."""
    data = event.get("data", {})
    others = (name for name in data if name not in _OMITTED_FIELDS)
    return {
        "deviceId": data.get("deviceId"),
        "deviceName": data.get("deviceName"),
        **event,
        "state": data.get("state") or data.get("status"),
        "data": "  ".join(f"{n}={format_exact(data[n], n)}" for n in others),
    }


#: Fields that have a column of their own, or that only programs use.
_OMITTED_FIELDS = {
    "deviceId",
    "deviceName",
    "state",
    "status",
    "sequence",
    "createdAt",
    "sentAt",
    "deliveredAt",
    "finishedAt",
    "lastSeenAt",
}
