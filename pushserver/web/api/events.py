"""Events as a stream for scripts: server-sent events that go on where they were."""

import asyncio
from typing import TYPE_CHECKING

import attrs
import msgspec
from aiohttp import web

from pushserver.model.event import Event, EventType
from pushserver.model.ids import parse_int64
from pushserver.model.subscription import Wanted
from pushserver.model.token import Permission, Token
from pushserver.services.outcomes import ring_or_pass
from pushserver.services.telling import Telling
from pushserver.web.api.fields import read_tag
from pushserver.web.api.route import Call, Route
from pushserver.web.api.subscription_types import EventsQuery
from pushserver.web.around import ENDS_WITH_PEER
from pushserver.web.services import Services

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds of silence after which a stream shows that it lives.
HEARTBEAT = 15.0
#: So many events are read at once.
BATCH = 200
#: A reader that is further behind is told how many it missed.
BUFFER = 10_000


@attrs.define(eq=False)
class _Stream:
    """One reader: what it wants, how far it is, and where it is written to."""

    services: Services
    response: web.StreamResponse
    token: Token
    wanted: Wanted
    cursor: int
    is_whole: bool

    @property
    def scope_id(self) -> int:
        """Whose events are told."""
        return self.token.scope_id

    async def run(self, bell: asyncio.Event) -> None:
        """Write events as they come, until the server stops or the token is revoked."""
        await self._remark(b"listening")
        if not self.is_whole:
            await self._miss(None)
        await self._skip()
        while self._may_go_on():
            bell.clear()
            if not await self._write_new():
                await ring_or_pass(bell, HEARTBEAT)
                if not bell.is_set():
                    await self._remark(b"still here")

    def _may_go_on(self) -> bool:
        stopping = self.services.holds.is_closed
        return not stopping and self.services.tokens.is_valid(self.token)

    async def _remark(self, text: bytes) -> None:
        """Say something without meaning, and with it where to go on after a break."""
        await self.response.write(b": %s\nid: %d\n\n" % (text, self.cursor))

    async def _skip(self) -> None:
        """Leave out what is further back than the buffer, and tell how much it was."""
        store = self.services.store.subscriptions
        horizon = await store.horizon(self.scope_id, keep=BUFFER)
        if self.cursor >= horizon:
            return
        missed = await store.count_events(self.scope_id, after=self.cursor, to=horizon)
        self.cursor = horizon
        await self._miss(missed)

    async def _miss(self, missed: int | None) -> None:
        """Tell how many events were left out; None: nobody knows, nobody listened."""
        data = msgspec.json.encode({"missed": missed})
        await self.response.write(
            b"id: %d\nevent: missed\ndata: %s\n\n" % (self.cursor, data)
        )

    async def _write_new(self) -> bool:
        events = await self.services.store.subscriptions.events(
            self.scope_id, after=self.cursor, limit=BATCH
        )
        if not events:
            return False
        self.cursor = events[-1].id
        matches = self.services.subscriptions.matches
        chosen = [
            await self._message(event)
            for event in events
            if matches(self.wanted, event)
        ]
        if chosen:
            await self.response.write(b"".join(chosen))
        if len(events) == BATCH:
            await self._skip()
        return True

    async def _message(self, event: Event) -> bytes:
        """Return an event as the stream tells it: thin."""
        telling = Telling(self.services.store, self.services.fleet)
        body = await telling.native(event, include_result=False)
        kind = event.type.encode()
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, kind, body)


async def stream(call: Call[EventsQuery, None]) -> web.StreamResponse:
    """Stream events, those after `Last-Event-ID` first, or from now on."""
    services, wanted = call.services, _wanted(call.query)
    cursor, is_whole = await _cursor(call), True
    if cursor and _last(call) is not None:
        interests = services.interests
        is_whole = interests.is_whole(call.scope_id, wanted.events, cursor)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    await services.interests.keep(call.scope_id, wanted.events)
    with services.interests.stream(call.scope_id, wanted.events) as bell:
        await response.prepare(call.request)
        call.request[ENDS_WITH_PEER] = True
        try:
            reader = _Stream(services, response, call.token, wanted, cursor, is_whole)
            await reader.run(bell)
        except ConnectionError:
            return response
        call.request[ENDS_WITH_PEER] = False
    return response


async def _cursor(call: Call[EventsQuery, None]) -> int:
    """Return after which event to begin: the last one read, or the newest."""
    last = _last(call)
    if last is None:
        return await call.services.store.subscriptions.newest_event()
    return parse_int64(last, what="Last-Event-ID", pointer="/lastEventId")


def _last(call: Call[EventsQuery, None]) -> str | None:
    return call.request.headers.get("Last-Event-ID") or call.query.last_event_id


def _wanted(query: EventsQuery) -> Wanted:
    ids: Sequence[str] = query.device_id
    return Wanted(
        events=frozenset(query.events or EventType),
        device_ids=frozenset(map(int, ids)) if ids else None,
        tags=None if query.tag is None else dict([read_tag(query.tag)]),
    )


ROUTES = (
    Route(
        method="GET",
        path="/events",
        name="streamEvents",
        summary="Stream events as they happen, as server-sent events",
        handler=stream,
        permission=Permission.EVENTS_READ,
        query=EventsQuery,
        answer="text/event-stream",
        problems=(422, 503),
        headers={"Last-Event-ID": "Go on after this event."},
    ),
)
