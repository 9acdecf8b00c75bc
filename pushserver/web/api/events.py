"""Events as a stream for scripts: server-sent events, resumable by their ids."""

import asyncio
from contextlib import ExitStack, closing
from itertools import takewhile

import attrs
import msgspec
from aiohttp import web

from pushserver.errors import Unauthorized
from pushserver.model.ids import is_ahead, parse_int64
from pushserver.model.subscription import (
    SubscriptionFilter,
    WebhookFormat,
    what_token_reads,
)
from pushserver.model.token import Permission, Token
from pushserver.services.completion_waiters import wait_at_most
from pushserver.services.event_feed import EventBatch
from pushserver.services.off_loop import give_way, in_pieces
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_fields import parse_tags
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.event_piece import PIECE_SIZE, EventPiece
from pushserver.web.api.routes import Routes
from pushserver.web.api.subscription_types import EventsQuery
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import while_valid
from pushserver.web.connection import connection_of
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head
from pushserver.web.services import Services
from pushserver.web.single_header import single_header
from pushserver.web.spool import FREE_BYTES, Spool
from pushserver.web.spooled_response import fill_or_abort, write_from

#: Seconds without an event after which a stream sends a keep-alive.
HEARTBEAT_INTERVAL = 15.0
#: How many events are read from the store at once, without what is long in them.
BATCH_SIZE = 200
#: A reader that is further behind is told how many it missed.
MAX_BACKLOG = 10_000

routes = Routes(Tag.EVENTS, Permission.EVENTS_READ, Permission.EVENTS_READ)

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


@attrs.define(eq=False)
class _EventStream:
    """One reader: its filter, its position, and the response that it reads."""

    services: Services
    request: web.Request
    response: web.StreamResponse
    token: Token
    event_filter: SubscriptionFilter
    cursor: int
    is_gapless: bool
    #: How many events it went on by since it was looked how far behind it is.
    unchecked: int = attrs.field(default=0, init=False)

    @property
    def scope_id(self) -> int:
        """The scope whose events are streamed."""
        return self.token.scope_id

    async def run(self, wakeup: asyncio.Event) -> None:
        """Write events as they come, until the server stops or the token is revoked."""
        await self._write_comment(b"listening")
        if not self.is_gapless:
            await self._write_missed(None)
        await self._skip_backlog()
        while self._should_continue():
            wakeup.clear()
            if not await self._write_next():
                await wait_at_most(wakeup, HEARTBEAT_INTERVAL)
                if not wakeup.is_set():
                    await self._write_comment(b"still here")

    async def _write(self, data: bytes) -> None:
        await write_and_drain(self.request, self.response, data)

    def _should_continue(self) -> bool:
        stopping = self.services.holds.is_closed
        stopping |= connection_of(self.request).is_half_closed
        return not stopping and self.services.tokens.is_valid(self.token)

    async def _write_comment(self, text: bytes) -> None:
        """Write a comment with the current id: a keep-alive, and where to resume."""
        await self._write(b": %s\nid: %d\n\n" % (text, self.cursor))

    async def _skip_backlog(self) -> None:
        """Skip events beyond the largest backlog, and write how many those were."""
        store = self.services.store.subscriptions
        horizon = await store.backlog_start(self.scope_id, keep=MAX_BACKLOG)
        if self.cursor >= horizon:
            return
        missed = await store.count_events(self.scope_id, after=self.cursor, to=horizon)
        self.cursor = horizon
        await self._write_missed(missed)

    async def _write_missed(self, missed: int | None) -> None:
        """Write how many events were skipped; None if they were not recorded."""
        data = msgspec.json.encode({"missed": missed})
        await self._write(b"id: %d\nevent: missed\ndata: %s\n\n" % (self.cursor, data))

    async def _write_next(self) -> bool:
        """Write what comes next; tell whether there was any event."""
        size = await self._write_piece(FREE_BYTES)
        if size is None:
            self.unchecked = 0
            return False
        if size > FREE_BYTES:
            # It is rendered again: nobody has it in memory while it waits for room.
            async with self.services.body_budget.room(size):
                await self._write_piece(None)
        if self.unchecked >= BATCH_SIZE:
            self.unchecked = 0
            await self._skip_backlog()
        return True

    async def _write_piece(self, max_size: int | None) -> int | None:
        """
        Write the next piece, unless it is larger than *max_size*.

        Return its size; None if there is no event.
        """
        with closing(self.services.body_budget.new_spool()) as spool:
            async with self.services.event_feed.turn:
                piece = await self._next_piece()
                if piece is None:
                    return None
                if max_size is not None and piece.size > max_size:
                    return piece.size
                self.cursor = piece.cursor
                self.unchecked += piece.count
                if is_long := piece.size > 2 * PIECE_SIZE:
                    connection = connection_of(self.request)
                    await fill_or_abort(spool, [piece.take()], connection)
            # Others have their turn, however long the peer takes.
            if is_long:
                await self._write_from(spool)
            elif piece.size:
                await write_and_drain(self.request, self.response, piece.take())
        return piece.size

    async def _write_from(self, spool: Spool) -> None:
        """Write what a spool holds; who is too slow is ended if others need room."""
        transfers = self.services.body_budget.transfers
        abort = connection_of(self.request).abort
        with ExitStack() as stack:
            if spool.size > FREE_BYTES:
                under_way = transfers.under_way(lambda: spool.position, abort)
                stack.enter_context(under_way)
            await write_from(spool, self.request, self.response, PIECE_SIZE)

    async def _next_piece(self) -> EventPiece | None:
        """Return what this reader gets next; None if there is no event."""
        read = self.services.event_feed.read
        batch = await read(self.scope_id, after=self.cursor, limit=BATCH_SIZE)
        if batch is None:
            return None
        if self.services.cluster_sync.may_have_missed_tokens():
            await self.services.cluster_sync.catch_up()
        piece = EventPiece(self.cursor)
        if self._should_continue():
            await self._fill(piece, batch)
        return piece

    async def _fill(self, piece: EventPiece, batch: EventBatch) -> None:
        """Render what this reader gets of a batch, as far as a piece has room."""
        matches = self.services.subscription_registry.matches
        reaches = self.services.token_reach.reaches
        render, may_read = self.services.event_feed.render, what_token_reads(self.token)
        events = batch.events_after(self.cursor)
        async for event in in_pieces(takewhile(lambda _: not piece.is_full, events)):
            is_for_it = matches(self.event_filter, event) and reaches(
                self.token, event.device_id
            )
            body = await render(event, may_read) if is_for_it else None
            if body is None:
                piece.skip(event)
            else:
                piece.add(event, body)


@routes(
    "GET",
    "/events",
    "streamEvents",
    ("text/event-stream",),
    response_headers=("Cache-Control", "X-Accel-Buffering"),
    errors=(429,),
    request_headers={"Last-Event-ID": "Go on after this event."},
    limits_itself=True,
)
async def stream_events(call: ApiCall[EventsQuery, None]) -> web.StreamResponse:
    """
    Stream events as they happen, as server-sent events.

    Those after `Last-Event-ID` come first, if it is given.
    """
    services, token = call.services, call.token
    response = web.StreamResponse(headers=_HEADERS)
    if is_head(call.request):
        return response
    try:
        with services.wait_bounds.waiting(token.id):
            async with while_valid(call):
                await _stream(call, response)
    except Unauthorized:
        # What has begun ends without a word.
        if not response.prepared:
            raise
    return response


async def _stream(
    call: ApiCall[EventsQuery, None], response: web.StreamResponse
) -> None:
    services, event_filter = call.services, _event_filter(call)
    cursor, is_gapless = await _start_cursor(call), True
    if is_ahead(cursor, services.clock.now()) and cursor > (
        newest := await _newest(call)
    ):
        # It was made while a clock was ahead: nothing comes after it for so long.
        cursor, is_gapless = newest, False
    elif cursor and _last_event_id(call) is not None:
        interests = services.event_interest
        is_gapless = interests.is_complete_after(
            call.scope_id, event_filter.event_types, cursor
        )
    await services.event_interest.extend(call.scope_id, event_filter.event_types)
    # Many begin with one commit.
    await give_way()
    with services.event_interest.open_stream(
        call.scope_id, event_filter.event_types
    ) as wakeup:
        await response.prepare(call.request)
        event_stream = _EventStream(
            services,
            call.request,
            response,
            call.token,
            event_filter,
            cursor,
            is_gapless,
        )
        with connection_of(call.request).abandonable(call.request):
            await event_stream.run(wakeup)


async def _start_cursor(call: ApiCall[EventsQuery, None]) -> int:
    """Return the id to start after: that of the last event read, or the newest."""
    last_event_id = _last_event_id(call)
    if last_event_id is None:
        return await _newest(call)
    return parse_int64(
        last_event_id, field_name="Last-Event-ID", pointer="/lastEventId"
    )


async def _newest(call: ApiCall[EventsQuery, None]) -> int:
    return await call.services.store.subscriptions.newest_event_id()


def _last_event_id(call: ApiCall[EventsQuery, None]) -> str | None:
    given = single_header(call.request.headers, "Last-Event-ID")
    return given or call.query.last_event_id


def _event_filter(call: ApiCall[EventsQuery, None]) -> SubscriptionFilter:
    query, identify = call.query, call.services.protocols.identify
    ids = {
        identify(text, f"/deviceId/{index}").device_id
        for index, text in enumerate(query.device_id)
    }
    return SubscriptionFilter(
        event_types=parse_event_names(query.events or ["*"], WebhookFormat.NATIVE),
        device_ids=frozenset(ids) or None,
        tags=parse_tags(query.tag) or None,
    )
