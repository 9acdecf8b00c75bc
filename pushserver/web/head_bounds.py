"""A connection that holds little of requests that are not answered yet.

aiohttp bounds each field of a head, and how many there are: together they may be 1 MiB,
and it parses 32 requests ahead.
"""

from itertools import islice
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from pushserver.web.body_framing import END_OF_HEAD
from pushserver.web.head_budget import (
    FREE_BYTES,
    SHORT_BYTES,
    HeadBudget,
    copies_of,
    head_memory,
)
from pushserver.web.paced import PacedConnection, size_of
from pushserver.web.parsed_requests import ParsedRequests, new_parser
from pushserver.web.unparsable import HeadTooLong

#: Bytes of a head: the request's line, all fields, and what ends it.
MAX_HEAD = 32_768
#: So many requests that came together are parsed before the first is answered.
MAX_PARSED_AHEAD = 8


class HeadBoundedConnection(PacedConnection):
    """
    A connection that is closed when there is no room for what it holds of requests.

    `_head_size`, `_head_lines` and `_head_copies` are of the head that arrives.
    `_current_head` and `_waiting_heads` are the memory of those that are parsed;
    `_room_taken` is what the connection has of the budget, `_last_fed` the end of what
    was parsed. That `_ends_whole` if a request is sure to begin with what comes next.
    `_request_bytes` are what a stranger's request takes while it waits, which is not
    much if it `_is_excused`.
    """

    _messages: ParsedRequests  # type: ignore[assignment]  # aiohttp's is a deque

    __slots__ = (
        "_current_head",
        "_ends_whole",
        "_head_budget",
        "_head_copies",
        "_head_lines",
        "_head_size",
        "_is_excused",
        "_last_fed",
        "_request_bytes",
        "_room_taken",
        "_waiting_heads",
    )

    def __init__(
        self, server: web.Server, head_budget: HeadBudget, **kwargs: Any
    ) -> None:
        super().__init__(server, **kwargs)
        self._messages = ParsedRequests()
        self._max_msg_queue_size = MAX_PARSED_AHEAD
        self._msg_queue_resume_size = MAX_PARSED_AHEAD // 2
        self._head_budget = head_budget
        self._head_size = self._head_lines = self._head_copies = self._room_taken = 0
        self._current_head = self._waiting_heads = self._request_bytes = 0
        self._last_fed = b""
        self._ends_whole = self._is_excused = True

    @property
    def _is_in_head(self) -> bool:
        """Tell whether what comes next is of a head."""
        return self._newest_body is None or self._newest_body.is_eof()

    def _feed(self, data: bytes) -> None:
        """Let aiohttp parse *data*, unless a head is too long with it."""
        if self._close or self._force_close:  # it is dropped
            super()._feed(data)
            return
        was_in_head, before = self._is_in_head, size_of(self._newest_body)
        count = len(self._messages)
        if was_in_head and self._is_too_long(data):
            self._refuse_head()
            return
        body_start = self._end_of_head(data) if was_in_head else -before
        super()._feed(data)
        if len(self._messages) > count:
            new = islice(self._messages, count, None)
            self._waiting_heads += sum(_memory_of(message) for message, _ in new)
            head_end = max(data.rfind(END_OF_HEAD), 0) + len(END_OF_HEAD)
            self._begin_head(data, head_end + size_of(self._newest_body))
        elif was_in_head:
            self._measure_head(data)
        else:
            self._begin_head(data, size_of(self._newest_body) - before)
        self._last_fed = (self._last_fed + data)[-len(END_OF_HEAD) :]
        # One that began in these bytes, or whose body went on in them, ends with them.
        is_one = len(self._messages) - count == was_in_head
        ends = is_one and body_start + size_of(self._newest_body) == len(data)
        self._ends_whole = self._is_in_head and (ends or self._last_fed == END_OF_HEAD)

    def _begin_head(self, data: bytes, start: int) -> None:
        """Measure the next head; what is there of it is in *data* from *start* on."""
        self._head_size = self._head_lines = self._head_copies = 0
        if self._is_in_head:
            self._measure_head(data[start:])

    def _measure_head(self, data: bytes) -> None:
        self._head_size += len(data)
        self._head_lines += data.count(b"\n")
        self._head_copies = max(self._head_copies, copies_of(data))

    def _end_of_head(self, data: bytes) -> int:
        """Return where the head that arrives ends in *data*; 0: it does not."""
        tail = self._last_fed[1:]
        found = (tail + data).find(END_OF_HEAD)
        return found + len(END_OF_HEAD) - len(tail) if found >= 0 else 0

    def _is_too_long(self, data: bytes) -> bool:
        if self._head_size + len(data) <= MAX_HEAD:
            return False
        return self._head_size + (self._end_of_head(data) or len(data)) > MAX_HEAD

    def _refuse_head(self) -> None:
        """Have aiohttp answer as it does when its parser refuses something."""
        error = _ErrInfo(400, HeadTooLong(message=""), "")
        self._messages.append((error, EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _first_piece(self, data: bytes) -> int:
        """Return how much to parse at first: a head that is whole, however long."""
        end = self._end_of_head(data) if self._is_in_head else 0
        return max(super()._first_piece(data), end)

    def begin_head(self) -> RawRequestMessage:
        """Return the head of what is answered next; the last one, if it is long."""
        message = self._messages.take_head()
        self._current_head = _memory_of(message)
        self._waiting_heads = max(self._waiting_heads - self._current_head, 0)
        self._take_room()
        if self._current_head <= SHORT_BYTES:
            return message
        return message._replace(should_close=True)

    async def finish_response(
        self,
        request: web.BaseRequest,
        resp: web.StreamResponse,
        start_time: float | None,
    ) -> tuple[web.StreamResponse, bool]:
        """Write a response, and forget what it answers."""
        if self._messages.body.total_bytes:
            self._messages.drop_body()
        answered = await super().finish_response(request, resp, start_time)
        vars(request).clear()
        if self._current_head and self._is_between_requests:
            self._parser = new_parser(self, self._read_bufsize)
            self._current_head = 0
            self._take_room()
        return answered

    @property
    def _is_between_requests(self) -> bool:
        """Tell whether all that has come is parsed, and nothing of it is to come."""
        is_read = self._ends_whole and not self._unparsed and not self._is_paused
        return is_read and not self._messages and self._parser is not None

    @property
    def _held_bytes(self) -> int:
        """The memory that requests take that are not answered, but for their bodies."""
        size, lines = self._head_size, self._head_lines
        arriving = head_memory(size, lines, self._head_copies)
        unparsed = len(self._unparsed) if self._is_in_head else 0
        return arriving + unparsed + self._current_head + self._waiting_heads

    def _take_room(self) -> None:
        """Take room for what is held; without it, close the connection."""
        needed = max(self._held_bytes - FREE_BYTES, 0)
        if self._request_bytes:
            needed += self._request_bytes + self._body_bytes
        if needed == self._room_taken or self.transport is None:
            return
        excused = self._request_bytes if self._is_excused else 0
        if self._head_budget.exchange(self._room_taken, needed, excused, self):
            self._room_taken = needed
        else:
            self.end_for_others()

    @property
    def _body_bytes(self) -> int:
        """The memory that bodies take that were not read."""
        unparsed = 0 if self._is_in_head else len(self._unparsed)
        return unparsed + self._messages.body_size

    def end_for_others(self) -> None:
        """Close the connection, for whose requests there is no room."""
        self.is_unparsable = True
        self._unparsed = b""
        # Its handler may be long in coming to an end. aiohttp may be about to take one.
        del self._messages[1:]
        self._give_room_back()
        self.abort()
        self.force_close()

    def _pace(self, data: bytes) -> None:
        """Parse *data*, now or later, if there is room for it."""
        super()._pace(data)
        self._take_room()

    def _take_turn(self) -> None:
        """Parse what waits for it, and give back the room that it took."""
        super()._take_turn()
        self._take_room()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give back all room, and have nothing kept once it is over."""
        task = self._task_handler
        super().connection_lost(exc)
        self._give_room_back()
        if task is None:
            self._forget()
        else:
            task.add_done_callback(self._forget)

    def _forget(self, _task: object = None) -> None:
        """Forget what has the connection: garbage that is old is collected late."""
        error = self._messages.body.exception()
        if error is not None:
            # It was raised where the body is known, which has it.
            error.__traceback__ = None
        self._newest_body, self._messages.body = None, EMPTY_PAYLOAD
        self._messages.clear()

    def _give_room_back(self) -> None:
        self._head_budget.exchange(self._room_taken, 0)
        self._room_taken = self._request_bytes = 0
        self._head_budget.waiting.pop(self, None)


def _memory_of(message: object) -> int:
    """Return about how much memory the head of a request takes."""
    if not isinstance(message, RawRequestMessage):
        return 0
    fields = b"".join([each for field in message.raw_headers for each in field])
    size, lines = len(message.path) + len(fields), len(message.raw_headers) + 1
    return head_memory(size, lines, copies_of(fields))
