"""How many bytes of bodies may be in flight at once: a bound on memory and disk.

Each body takes its room before it is read, for as long as its request runs. A device's
result waits for room, because it must not be lost; a program is told to try again.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import attrs

from pushserver.errors import TooMany, Unavailable
from pushserver.fair_room import FairRoom
from pushserver.fair_turns import CALLER, FairTurns
from pushserver.web.arriving_bodies import ArrivingBodies
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
    arriving: ArrivingBodies = attrs.field(init=False)
    transfers: Transfers = attrs.field(init=False)
    #: By caller; those of whom no call has a place are forgotten.
    _places: WeakValueDictionary[int, FairTurns] = attrs.field(
        factory=WeakValueDictionary, init=False
    )
    _room: FairRoom = attrs.field(init=False)
    #: When it is looked next who is slow.
    _check: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    @arriving.default
    def _new_arriving(self) -> ArrivingBodies:
        return ArrivingBodies(self.counts)

    @transfers.default
    def _new_transfers(self) -> Transfers:
        return Transfers(self.counts)

    @_room.default
    def _new_room(self) -> FairRoom:
        return FairRoom(self.limit)

    @property
    def taken(self) -> int:
        """How many bytes of the room are taken."""
        return self._room.taken

    def new_spool(self) -> Spool:
        """Return a spool for a body; whoever asks closes it."""
        return Spool(self.folder, self.memory)

    def take(self, size: int) -> None:
        """
        Take room until the present request is over.

        Raises:
            Unavailable: there is none.
        """
        taken = self._room.take_now(size)
        if taken is None:
            self.counts["bodies.refused"] += 1
            self.transfers.end_slowest()
            raise Unavailable("Too many large bodies are under way. Try again.")
        call_after_request(partial(self._room.give_back, taken))

    async def wait(self, size: int) -> None:
        """Wait for room, in the order of arrival; take it until the request is over."""
        taken = await self._take_or_wait(size)
        call_after_request(partial(self._room.give_back, taken))

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room, in the order of arrival, and have it during the block."""
        taken = await self._take_or_wait(size)
        try:
            yield
        finally:
            self._room.give_back(taken)

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
        self._room.limit = sys.maxsize
        self._room.give_back(0)

    async def _take_or_wait(self, size: int) -> int:
        taken = self._room.take_now(size)
        if taken is not None:
            return taken
        self.counts["bodies.waited"] += 1
        if self._check is None:
            self._end_slowest()
        return await self._room.take(size)

    def _end_slowest(self) -> None:
        """Have room made for those who wait, and look again in a while."""
        self.transfers.end_slowest()
        loop = asyncio.get_running_loop()
        self._check = loop.call_later(CHECK_INTERVAL, self._check_again)

    def _check_again(self) -> None:
        self._check = None
        if self._room.is_awaited:
            self._end_slowest()


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
