"""The fast lane: plain requests of devices and programs skip aiohttp's own protocol.

It recognises what is plain, and has it answered by the handlers that answer everything
else. Every other byte goes to aiohttp, untouched, on the same connection; so does a
request that has not arrived whole. Only while aiohttp waits for a request may the lane
take one.
"""

import asyncio
import re
from collections.abc import Coroutine, Mapping
from typing import Any

import attrs
from aiohttp import web

from pushserver.errors import Malformed
from pushserver.protocols.base import DeviceProtocol, DeviceRequest, RequestKind
from pushserver.web.api import ENQUEUE_PATH
from pushserver.web.body_framing import END_OF_HEAD, ENDS_AS_HEAD, bytes_missing
from pushserver.web.connection import HttpConnection
from pushserver.web.device_api import ADMISSION, Admission
from pushserver.web.device_polls import granted_hold
from pushserver.web.plain_request import PlainRequest, read_plain_request
from pushserver.web.request import PlainHttpRequest
from pushserver.web.response import idle_poll_bytes
from pushserver.web.services import Services

_KEY = re.compile(rb"/d/[A-Za-z0-9_-]{1,64}(?=/)")
#: Reading stops when so many bytes, or ends of heads, are held back: aiohttp queues
#: fewer requests than 32, too, before it stops.
_MAX_HELD_BACK, _MAX_HELD_HEADS = 65_536, 31
_NO_POLL, _IDLE_POLL = (False, None), (True, None)


@attrs.frozen(eq=False)
class FastLane:
    """Which requests the lane takes."""

    services: Services
    _routes: Mapping[tuple[bytes, bytes], DeviceProtocol] = attrs.field(init=False)

    @_routes.default
    def _find_routes(self) -> Mapping[tuple[bytes, bytes], DeviceProtocol]:
        return {
            (method.encode(), path.encode()): protocol
            for protocol in reversed(self.services.protocols.installed)
            for method, path in protocol.routes
        }

    def find(self, data: bytes) -> PlainRequest | None:
        """Return the request with which *data* begins, if it is one for the lane."""
        plain = read_plain_request(data)
        if plain is None or plain.route in self._routes:
            return plain
        method, path = plain.route
        if method == b"POST" and ENQUEUE_PATH.fullmatch(path.decode()):
            return plain
        key = _KEY.match(path)
        return plain if key and (method, path[key.end() :]) in self._routes else None

    def begin_poll(
        self, plain: PlainRequest, connection: HttpConnection
    ) -> tuple[bool, Admission | None]:
        """
        Tell whether this is a poll with an empty answer, at once.

        If it is another poll, also return whether its device was admitted.
        """
        call = self._recognise_poll(plain)
        if call is None:
            return _NO_POLL
        address, services = connection.peer_address, self.services
        device = services.admission.admit(call.device, call.key, address)
        if device is not None and granted_hold(services, device, connection) is None:
            return _IDLE_POLL
        return False, Admission(device)

    def _recognise_poll(self, plain: PlainRequest) -> DeviceRequest | None:
        """Return whose poll it is; None if it is none."""
        if plain.body:
            return None
        route = self._routes.get(plain.route)
        candidates = (route,) if route else self.services.protocols.installed
        target, headers = plain.line[2].decode(), plain.head.message.headers
        try:
            for protocol in candidates:
                call = protocol.recognise("GET", target, headers)
                if call is not None:
                    return call if call.kind is RequestKind.POLL else None
        except Malformed:
            pass
        return None


class FastLaneConnection(HttpConnection):
    """
    A connection whose plain requests the lane answers.

    `_task` answers the present one; bytes that come meanwhile are `_held_back`.
    `_missing`: how many bytes aiohttp needs until a request begins, as `bytes_missing`.
    """

    __slots__ = ("_held_back", "_lane", "_missing", "_server", "_task")

    def __init__(self, server: web.Server, lane: FastLane, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._lane = lane
        self._server = server
        self._missing = 0
        self._held_back = b""
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether it waits for a request, or for the end of a request's head."""
        return self._task is None and super().is_idle

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer is under way, or still to be begun."""
        return self._task is not None or super().is_busy

    def data_received(self, data: bytes) -> None:
        """Take a plain request, or hand the bytes over to aiohttp."""
        if self._task is not None and data:
            self.received_at = self._loop.time()
            self._hold_back(self._held_back + data)
        else:
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        plain = self._lane.find(data) if self._may_take else None
        if plain is None:
            is_first = self._missing == ENDS_AS_HEAD and self.is_idle
            self._missing = bytes_missing(data, 0 if is_first else self._missing)
            super().data_received(data)
        else:
            self._take(plain, data[plain.end :])

    @property
    def _may_take(self) -> bool:
        """
        Tell whether aiohttp waits for a request, and has no part of one.

        Of whoever sends no more it gets the rest: it knows which answer is the last.
        """
        is_waiting = self._waiter is not None and not self._messages
        is_waiting = is_waiting and self._missing in (0, ENDS_AS_HEAD)
        is_kept = not (self._close or self._force_close or self.is_half_closed)
        is_free = self._task is None and not self.is_from_proxy
        return is_waiting and is_kept and is_free

    def _hold_back(self, data: bytes) -> None:
        """Keep *data* until the answer is written; stop reading if it is much."""
        self._held_back = data
        is_full = len(data) > _MAX_HELD_BACK
        is_full = is_full or data.count(END_OF_HEAD) > _MAX_HELD_HEADS
        assert self.transport is not None  # noqa: S101 - bytes came just now
        if is_full is self.transport.is_reading():
            pause, resume = self.transport.pause_reading, self.transport.resume_reading
            (pause if is_full else resume)()

    def _take(self, plain: PlainRequest, rest: bytes) -> None:
        """Answer a request: an idle poll at once, any other in a task."""
        self.received_at = self._loop.time()
        self.header_awaited_since = None
        try:
            is_idle, admission = self._lane.begin_poll(plain, self)
        except Exception:  # noqa: BLE001 - the handler meets it again, and tells of it
            is_idle, admission = _NO_POLL
        if is_idle:
            assert self.transport is not None  # noqa: S101 - bytes came just now
            self.transport.write(idle_poll_bytes())
            if not (rest or self.writing_paused):
                return
        self._hold_back(rest)
        # What comes next waits for the peer, and until others had their turn.
        work = self.drain() if is_idle else self._answer(plain, admission)
        self._task = self._loop.create_task(self._run(work))

    async def _answer(self, plain: PlainRequest, admission: Admission | None) -> bool:
        """Answer as aiohttp would; tell whether the connection stays."""
        request = PlainHttpRequest(plain, self, self._task)
        if admission is not None:
            request[ADMISSION] = admission
        self._current_request = request
        try:
            response = await self._server.request_handler(request)
        except Exception as error:  # noqa: BLE001 - told to its caller
            response = self.handle_error(request, 500, error)
        self._current_request = None
        await response.prepare(request)
        await response.write_eof()
        return bool(response.keep_alive)

    async def _run(self, work: Coroutine[Any, Any, bool | None]) -> None:
        """Do what answers a request, and go on with what has come meanwhile."""
        stays = False
        try:
            stays = await work is not False
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - as aiohttp does
            self.log_exception("Unhandled exception", exc_info=error)
        finally:
            self._task = self._current_request = None
            if self.is_ending or not stays:
                self.force_close()
        if self.transport is not None and not self.transport.is_closing():
            self._go_on()

    def _go_on(self) -> None:
        """Go on with what was held back; without it, and all answered, read on."""
        rest = self._held_back
        self._hold_back(b"")
        if rest:
            self._receive(rest)
        if self.is_half_closed and self._task is None:
            self._end_input()
            if self.is_idle:
                self.force_close()

    def _close_after_last_answer(self) -> None:
        """Close when all is answered; what is held back asks for more."""
        if not self._held_back:
            super()._close_after_last_answer()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Drop what was held back."""
        self._held_back = b""
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109
        """Wait up to *timeout* seconds for the answer that is under way."""
        if self._task is not None:
            _, unfinished = await asyncio.wait((self._task,), timeout=timeout)
            for task in unfinished:
                task.cancel()
        await super().shutdown(timeout)
