"""How many bytes of bodies may be in flight at once: a bound on memory and disk.

Each body takes its room before it is read, for as long as its request runs. A device's
result waits for room, because it must not be lost; a program is told to try again.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import attrs

from pushserver.errors import TooMany, Unavailable
from pushserver.fair_turns import CALLER, FairTurns
from pushserver.web.spool import Spool, SpoolMemory
from pushserver.web.transfers import Transfers

MEBIBYTE = 1024 * 1024
#: So many bytes of bodies that arrive, or leave in pieces, are in memory: of those that
#: take room. The others are in files.
MAX_PIECES = 16 * MEBIBYTE
#: Seconds after which it is looked again, while anybody waits for room, who is slow.
CHECK_INTERVAL = 5.0
#: So many lists are made at once.
MAX_LISTS = 4
#: So many calls of a token have their short bodies decoded at a time, until they are
#: done, or wait: of a few bytes there may be made a command, and of 32 KiB a thousand.
MAX_DECODED = 32
#: Shorter bodies, in bytes, are one command's.
MAX_UNCOUNTED = 512


@attrs.define(eq=False, repr=False)
class BodyBudget:
    """
    Room for `limit` bytes of bodies; `folder` is for those that are kept in files.

    `turn`: whoever takes a large body, or a page of them, into memory, waits for it;
    `form_turn`: so does whoever takes a large form, whose answer may show results;
    `list_turns`: so do lists of all else. Of a token's calls that read `token_reads`
    may wait.
    """

    limit: int
    folder: Path | None
    token_reads: int
    counts: Counter[str]
    turn: FairTurns = attrs.field(factory=FairTurns, init=False)
    form_turn: FairTurns = attrs.field(factory=FairTurns, init=False)
    list_turns: FairTurns = attrs.field(
        factory=partial(FairTurns, MAX_LISTS), init=False
    )
    memory: SpoolMemory = attrs.field(
        factory=partial(SpoolMemory, MAX_PIECES), init=False
    )
    transfers: Transfers = attrs.field(init=False)
    #: By caller; those of whom no call has a place are forgotten.
    _places: WeakValueDictionary[int, FairTurns] = attrs.field(
        factory=WeakValueDictionary, init=False
    )
    _taken: int = attrs.field(default=0, init=False)
    _waiting: deque[tuple[int, asyncio.Future[None]]] = attrs.field(
        factory=deque, init=False
    )
    #: When it is looked next who is slow.
    _check: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @transfers.default
    def _new_transfers(self) -> Transfers:
        return Transfers(self.counts)

    @property
    def taken(self) -> int:
        """How many bytes of the room are taken."""
        return self._taken

    def new_spool(self) -> Spool:
        """Return a spool for a body; whoever asks closes it."""
        return Spool(self.folder, self.memory)

    def take(self, size: int) -> None:
        """
        Take room until the present request is over.

        Raises:
            Unavailable: there is none.
        """
        size = min(size, self.limit)
        if not self._has_room(size) or self._waiting:
            self.counts["bodies.refused"] += 1
            self.transfers.end_slowest()
            raise Unavailable("Too many large bodies are under way. Try again.")
        self._taken += size
        call_after_request(lambda: self._give_back(size))

    async def wait(self, size: int) -> None:
        """Wait for room, in the order of arrival; take it until the request is over."""
        size = min(size, self.limit)
        await self._take_or_wait(size)
        call_after_request(lambda: self._give_back(size))

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room, in the order of arrival, and have it during the block."""
        size = min(size, self.limit)
        await self._take_or_wait(size)
        try:
            yield
        finally:
            self._give_back(size)

    def require_read(self, turns: FairTurns) -> None:
        """
        Require that one more of the present token's calls may wait for *turns*.

        Raises:
            TooMany: it may not.
        """
        if turns.waiting_count >= self.token_reads:
            self.counts["bounds.tokenReads"] += 1
            raise TooMany(
                f"At most {self.token_reads} calls of a token may wait at once to read"
                " the same."
            )

    async def take_turn(self) -> Callable[[], None]:
        """
        Wait for the turn; return what gives it back.

        It is given back when the present request is over, at the latest.
        """
        return await _take(self.turn)

    async def take_place(self, size: int) -> Callable[[], None]:
        """
        Wait until fewer calls of the present token have decoded their short bodies.

        One of *size* is next. Return what gives the place back; the end of the present
        request does, too.
        """
        if size <= MAX_UNCOUNTED:
            return _do_nothing
        caller = CALLER.get()
        places = self._places.get(caller)
        if places is None:
            places = self._places[caller] = FairTurns(MAX_DECODED)
        return await _take(places)

    def close(self) -> None:
        """Let all go on that wait: the server stops, and ends what still arrives."""
        self._closed = True
        self._admit()

    def _has_room(self, size: int) -> bool:
        return self._closed or self._taken + size <= self.limit

    async def _take_or_wait(self, size: int) -> None:
        if self._waiting or not self._has_room(size):
            self.counts["bodies.waited"] += 1
            await self._wait_in_line(size)
        else:
            self._taken += size

    async def _wait_in_line(self, size: int) -> None:
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, admitted))
        if self._check is None:
            self._end_slowest()
        try:
            await admitted
        except asyncio.CancelledError:
            if not admitted.cancelled():
                self._give_back(size)
            elif (size, admitted) in self._waiting:
                self._waiting.remove((size, admitted))
                self._admit()
            raise

    def _end_slowest(self) -> None:
        """Have room made for those who wait, as long as any do."""
        self._check = None
        if self._waiting:
            self.transfers.end_slowest()
            loop = asyncio.get_running_loop()
            self._check = loop.call_later(CHECK_INTERVAL, self._end_slowest)

    def _give_back(self, size: int) -> None:
        self._taken -= size
        self._admit()

    def _admit(self) -> None:
        """Admit those who wait, the first first, as far as there is room."""
        while self._waiting and self._has_room(self._waiting[0][0]):
            size, admitted = self._waiting.popleft()
            if not admitted.cancelled():
                self._taken += size
                admitted.set_result(None)


def _do_nothing() -> None:
    """Stand for what gives nothing back."""


async def _take(turns: FairTurns) -> Callable[[], None]:
    """Wait for a turn of the present request's; return what gives it back, once."""
    await turns.acquire()
    releases = [turns.release]

    def release() -> None:
        while releases:
            releases.pop()()

    call_after_request(release)
    return release


def call_after_request(callback: Callable[[], None]) -> None:
    """Call back when the present task ends: each request has one of its own."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - nothing else awaits
    task.add_done_callback(lambda _task: callback())
