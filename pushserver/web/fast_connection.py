"""A connection that looks for plain requests before aiohttp does."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pushserver.web.body_framing import (
    END_OF_HEAD,
    ENDS_AS_HEAD,
    bytes_missing,
)
from pushserver.web.connection import HttpConnection
from pushserver.web.middleware import Handler
from pushserver.web.plain_request import PlainRequest
from pushserver.web.request import make_request

if TYPE_CHECKING:
    from pushserver.web.device_polls import DevicePoll

#: Reading stops when so many bytes, or ends of heads, are held back: aiohttp queues
#: fewer requests than 32, too, before it stops.
_MAX_HELD_BACK, _MAX_HELD_HEADS = 65_536, 31


#: What is missing when the next byte begins a request, if all that came was answered.
_BEGINS = (0, ENDS_AS_HEAD)
#: Begins to answer what bytes on a connection begin with; False: it is not the lane's.
TakeRequest = Callable[[bytes, "FastLaneConnection"], bool]


class FastLaneConnection(HttpConnection):
    """
    A connection whose plain requests the lane answers.

    One is `_under_way`, maybe in a `_task`, or is a poll that is `held`; bytes that
    come meanwhile are `_held_back`.
    `_missing`: how many bytes aiohttp needs until a request begins, as `bytes_missing`.
    """

    __slots__ = (
        "_held_back",
        "_missing",
        "_take",
        "_task",
        "_under_way",
        "held",
    )

    def __init__(self, server: web.Server, take: TakeRequest, **kwargs: Any) -> None:
        super().__init__(server, **kwargs)
        self._take = take
        self._missing = 0
        self._held_back = b""
        self._under_way = False
        self.held: DevicePoll | None = None
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
        elif self._may_take and self._take(data, self):
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
            or self._missing not in _BEGINS
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
        self._take_room()

    @property
    def _held_bytes(self) -> int:
        """The memory of requests that are not answered, and of what is held back."""
        return super()._held_bytes + len(self._held_back)

    def write_idle(self, answer: bytes, rest: bytes) -> None:
        """Answer a request that is not begun: there was nothing to do."""
        assert self.transport is not None  # noqa: S101 - bytes came just now
        self.transport.write(answer)
        if self._paused or rest:
            self.begin(rest)
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
