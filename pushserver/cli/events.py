"""`pushserver events`: read events as they happen, or what there is of them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli import patience
from pushserver.cli.here import Here, InHere
from pushserver.client import ApiError, Client, Json, Message, Stream, Unreachable

#: Without --follow, seconds without an event after which that was all.
QUIET = 1.0
#: What is before every event.
BEGINNING = "0"
MISSED = "missed"


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class Filters:
    """Which events to print."""

    event: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those of this type, such as command.status; may be repeated."
    device: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those of this device; may be repeated."
    tag: str | None = None
    "Only those of devices with this tag, key:value."
    last_event_id: str | None = None
    "Go on after this one, as printed when the last run ended."

    def params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {"events": self.event, "deviceId": self.device, "tag": self.tag}


@attrs.define(kw_only=True)
class Reader:
    """Reads on from an event, whose id it keeps up to date."""

    client: Client
    here: Here
    last_event_id: str | None = None
    filters: dict[str, Any] = attrs.field(factory=dict)
    _is_away: bool = attrs.field(default=False, init=False)

    async def rest(self) -> AsyncGenerator[Message, None]:
        """Yield what there is by now."""
        last = self.last_event_id or BEGINNING
        async with self.client.events(last_event_id=last, **self.filters) as stream:
            while True:
                try:
                    async with asyncio.timeout(QUIET):
                        message = await anext(stream)
                except (TimeoutError, StopAsyncIteration):
                    return
                finally:
                    self.last_event_id = stream.last_event_id
                yield message

    async def follow(self) -> AsyncGenerator[Message, None]:
        """Yield events as they come, for ever; a server that is away is waited for."""
        pause = patience.FIRST_PAUSE
        while True:
            try:
                async with self.client.events(
                    last_event_id=self.last_event_id, **self.filters
                ) as stream:
                    pause, self._is_away = patience.FIRST_PAUSE, False
                    async for message in self._all_of(stream):
                        yield message
                self._say_away("The server ended the stream.")
            except (Unreachable, ApiError) as error:
                if isinstance(error, ApiError) and not error.passing:
                    raise
                self._say_away(str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, patience.LONGEST_PAUSE)

    async def _all_of(self, stream: Stream) -> AsyncGenerator[Message, None]:
        try:
            async for message in stream:
                yield message
        finally:
            self.last_event_id = stream.last_event_id

    def _say_away(self, why: str) -> None:
        if not self._is_away:
            self.here.note(f"{why} Trying again.")
        self._is_away = True


def events(
    *,
    follow: Annotated[bool, Parameter(negative=())] = False,
    filters: Annotated[Filters, Parameter(name="*")] = Filters(),
    here: InHere,
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
    reader = Reader(
        client=here.client(),
        here=here,
        last_event_id=filters.last_event_id,
        filters=filters.params(),
    )
    try:
        asyncio.run(_read(reader, follow))
    except KeyboardInterrupt:
        if not follow:
            raise
    if reader.last_event_id not in (None, BEGINNING):
        here.note(f"last event: {reader.last_event_id}")
    return 0


async def _read(reader: Reader, follow: bool) -> None:
    async with reader.client:
        async for message in reader.follow() if follow else reader.rest():
            _print(reader.here, message)


def _print(here: Here, message: Message) -> None:
    if here.json:
        missed = {"type": MISSED, "data": message.data}
        here.object(
            missed if message.type == MISSED else {"id": message.id, **message.data}
        )
    elif message.type == MISSED:
        here.note(_missed(message.data.get(MISSED)))
    else:
        here.line(_told(message.data))


def _missed(number: int | None) -> str:
    """Say how many events were left out; None: nobody knows."""
    if number is None:
        return "Nobody listened for a while: events may have been missed."
    return f"{number} events were missed."


def _told(event: Json) -> str:
    """Return an event in one line for people."""
    data = event.get("data", {})
    said = [f"{name}={data[name]}" for name in data if name not in _SAID]
    state = data.get("state") or data.get("status")
    whole = (event["timestamp"], event["type"], data.get("deviceId"), state, *said)
    return "  ".join(str(each) for each in whole if each is not None)


#: What is told in a column of its own, or is only of use to programs.
_SAID = {
    "deviceId",
    "state",
    "status",
    "sequence",
    "createdAt",
    "sentAt",
    "deliveredAt",
    "finishedAt",
    "lastSeenAt",
}
