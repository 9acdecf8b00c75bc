"""The fast lane: plain requests of devices and programs skip aiohttp's own protocol.

It takes a request that is plain and whole, and that it can answer from what the server
knows, or with one commit; then it calls the services that the handlers call. Every
other byte goes to aiohttp, untouched, on the same connection. Only while aiohttp waits
for a request may the lane take one.
"""

import asyncio
import re
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pushserver.errors import Malformed
from pushserver.protocols.base import DeviceProtocol, RequestKind
from pushserver.web.api import ENQUEUE_PATH, ENQUEUE_ROUTE
from pushserver.web.api.fast_enqueue import FastEnqueue
from pushserver.web.body_framing import (
    END_OF_HEAD,
    ENDS_AS_HEAD,
    UNKNOWN,
    bytes_missing,
)
from pushserver.web.connection import HttpConnection
from pushserver.web.fast_polls import FastPolls
from pushserver.web.fast_results import FastResults
from pushserver.web.middleware import ANY_PATH, Handler, RequestLog
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.request import make_request
from pushserver.web.services import Services

if TYPE_CHECKING:
    from pushserver.web.fast_request import HeldByLane

_KEY = re.compile(r"/d/[A-Za-z0-9_-]{1,64}(?=/)", re.ASCII)
#: Reading stops when so many bytes, or ends of heads, are held back: aiohttp queues
#: fewer requests than 32, too, before it stops.
_MAX_HELD_BACK, _MAX_HELD_HEADS = 65_536, 31


class FastLane:
    """Which requests the lane takes."""

    def __init__(self, services: Services) -> None:
        self._services, responses_of = services, services.metrics.responses_of
        self._polls, self._results = FastPolls(services), FastResults(services)
        enqueues = RequestLog(responses_of(*ENQUEUE_ROUTE))
        self._enqueue = FastEnqueue(services, enqueues)
        self._keyed_log = RequestLog(responses_of("any", ANY_PATH))
        self._routes: Mapping[tuple[str, str], tuple[DeviceProtocol, RequestLog]] = {
            route: (protocol, RequestLog(responses_of(*route)))
            for protocol in reversed(services.protocols.installed)
            for route in protocol.routes
        }
        #: Answers a poll that came before, if it is one.
        self.take_known_poll = self._polls.take_known

    def take(self, data: bytes, connection: "FastLaneConnection") -> bool:
        """Begin to answer what *data* begins with; False: it is not the lane's."""
        plain = read_plain_request(data)
        if plain is None:
            return False
        if ENQUEUE_PATH.fullmatch(plain.path):
            is_enqueue = plain.method == "POST" and plain.path == plain.target
            rest = data[plain.end :]
            return is_enqueue and self._enqueue.take(plain, rest, connection)
        route = self._routes.get(plain.route)
        if route is not None:
            return self._take_of_device((route[0],), plain, data, connection, route[1])
        key = _KEY.match(plain.path)
        if key is None or (plain.method, plain.path[key.end() :]) not in self._routes:
            return False
        protocols = self._services.protocols.installed
        return self._take_of_device(protocols, plain, data, connection, self._keyed_log)

    def _take_of_device(
        self,
        candidates: tuple[DeviceProtocol, ...],
        plain: PlainRequest,
        data: bytes,
        connection: "FastLaneConnection",
        log: RequestLog,
    ) -> bool:
        """Begin to answer a poll or a result in the first protocol that knows it."""
        for protocol in candidates:
            try:
                headers = plain.head.headers
                call = protocol.recognise(plain.method, plain.target, headers)
            except Malformed:
                return False
            if call is not None:
                is_poll = call.kind is RequestKind.POLL
                take = self._polls.take if is_poll else self._results.take
                return take(protocol, plain, call, data, connection, log)
        return False


class FastLaneConnection(HttpConnection):
    """
    A connection whose plain requests the lane answers.

    One is `_under_way`, maybe in a `_task`, or is a poll that is `held`; bytes that
    come meanwhile are `_held_back`.
    `_missing`: how many bytes aiohttp needs until a request begins, as `bytes_missing`.
    """

    __slots__ = (
        "_held_back",
        "_lane",
        "_missing",
        "_server",
        "_task",
        "_under_way",
        "held",
    )

    def __init__(self, server: web.Server, lane: FastLane, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._lane = lane
        self._server = server
        self._missing = 0
        self._held_back = b""
        self._under_way = False
        self.held: HeldByLane | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether it waits for a request, or for the end of a request's head."""
        return not self._under_way and super().is_idle

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer is under way, or still to be begun."""
        return self._under_way or super().is_busy

    def data_received(self, data: bytes) -> None:
        """Take a plain request, or hand the bytes over to aiohttp."""
        if self._under_way:
            if data:
                self.received_at = self._loop.time()
                self._hold_back(self._held_back + data)
        elif self._may_take and (
            self._lane.take_known_poll(data, self) or self._lane.take(data, self)
        ):
            self.received_at = self._loop.time()
            self.header_awaited_since = None
        else:
            is_first = self._missing == ENDS_AS_HEAD and self.is_idle
            self._missing = bytes_missing(data, 0 if is_first else self._missing)
            super().data_received(data)

    @property
    def _may_take(self) -> bool:
        """
        Tell whether aiohttp waits for a request, and has no part of one.

        Of whoever sends no more it gets the rest: it knows which answer is the last.
        """
        return not (
            self._waiter is None
            or self._messages
            or self._missing > 0
            or self._missing == UNKNOWN
            or self._close
            or self._force_close
            or self.is_half_closed
            or self.is_from_proxy
        )

    def begin(self, rest: bytes) -> None:
        """Begin to answer a request; *rest* came behind it, and waits."""
        self._under_way = True
        if rest:
            self._hold_back(rest)

    def _hold_back(self, data: bytes) -> None:
        """Keep *data* until the answer is written; stop reading if it is much."""
        self._held_back = data
        is_full = len(data) > _MAX_HELD_BACK
        is_full = is_full or data.count(END_OF_HEAD) > _MAX_HELD_HEADS
        if self.transport is not None and is_full is self.transport.is_reading():
            pause, resume = self.transport.pause_reading, self.transport.resume_reading
            (pause if is_full else resume)()

    def write_idle(self, answer: bytes) -> None:
        """Answer a request that is not begun: there was nothing to do."""
        assert self.transport is not None  # noqa: S101 - bytes came just now
        self.transport.write(answer)
        if self._paused:
            self.begin(b"")
            self.end_request()

    def write_at_once(self, data: bytes) -> None:
        """Write, if there is still somebody to read."""
        if self.transport is not None:
            self.transport.write(data)

    def end_request(self) -> None:
        """Go on with what has come meanwhile, when the answer has left."""
        if self.transport is not None and self.writing_paused:
            self._run(self.drain())
        elif self._held_back:
            # Others have their turn before.
            self._loop.call_soon(self._go_on)
        else:
            self._go_on()

    def answer_in_task(self, plain: PlainRequest, work: Handler) -> None:
        """Have *work* answer the request, as aiohttp would."""
        self._run(self._answer(plain, work))

    async def _answer(self, plain: PlainRequest, work: Handler) -> bool:
        """Answer as aiohttp would; tell whether the connection stays."""
        assert self._task is not None  # noqa: S101 - this is it
        request = self._current_request = make_request(plain, self, self._task)
        response = await work(request)
        self._current_request = None
        await response.prepare(request)
        await response.write_eof()
        return bool(response.keep_alive)

    def _run(self, work: Coroutine[Any, Any, bool | None]) -> None:
        """Do in a task what ends the request."""
        self._task = self._loop.create_task(self._run_task(work))

    async def _run_task(self, work: Coroutine[Any, Any, bool | None]) -> None:
        stays = False
        try:
            stays = await work is not False
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - as aiohttp does
            self.log_exception("Unhandled exception", exc_info=error)
        finally:
            self._task = self._current_request = None
            if not stays:
                self.force_close()
            self._go_on()

    def _go_on(self) -> None:
        """Go on with what was held back; without it, and all answered, read on."""
        self._under_way = False
        if self.is_ending:
            self.force_close()
        if self.transport is None or self.transport.is_closing():
            self._held_back = b""
            return
        rest = self._held_back
        if rest:
            self._hold_back(b"")
            self.data_received(rest)
        if self.is_half_closed and not self._under_way:
            self._end_input()
            if self.is_idle:
                self.force_close()

    def _close_after_last_answer(self) -> None:
        """Close when all is answered; what is held back asks for more."""
        if not self._held_back:
            super()._close_after_last_answer()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio takes both
        """Tell whether anything is to be answered; a held poll is, at once."""
        stays_open = super().eof_received()
        if self.held is not None:
            self.held.release()
        return stays_open

    def connection_lost(self, exc: BaseException | None) -> None:
        """Drop what was held back, and hold no poll."""
        self._held_back = b""
        super().connection_lost(exc)
        if self.held is not None:
            self.held.abandon()
            self.held = None

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109
        """Wait up to *timeout* seconds for the answer that is under way."""
        if self._task is not None:
            _, unfinished = await asyncio.wait((self._task,), timeout=timeout)
            for task in unfinished:
                task.cancel()
        await super().shutdown(timeout)
