"""
Lines in which calls wait for what few may do at a time: each caller has its own.

Lines are served by turns. So a call waits for one of each other caller, however many
theirs are: no token holds up the others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from contextvars import ContextVar
from functools import partial

import attrs

#: All devices, and the server itself, are one caller.
DEVICES = -1
#: The id of the token for which this runs.
CALLER: ContextVar[int] = ContextVar("CALLER", default=DEVICES)
_Place = asyncio.Future[None]


@attrs.define(eq=False, repr=False)
class FairLine:
    """Those who wait, in the order in which they go on: of each caller one in turn."""

    #: The caller whose turn is next is the first. Who does not wait has no line.
    _lines: OrderedDict[Hashable, OrderedDict[_Place, None]] = attrs.field(
        factory=OrderedDict, init=False
    )

    def __bool__(self) -> bool:
        return bool(self._lines)

    def count_of(self, caller: Hashable) -> int:
        """Return how many of a caller's wait."""
        return len(self._lines.get(caller, ()))

    def join(self, caller: Hashable) -> _Place:
        """Return what is done when *caller* may go on; cancelled, it has left."""
        place = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, OrderedDict())[place] = None
        place.add_done_callback(partial(self._leave, caller))
        return place

    def let_go_on(self) -> bool:
        """Let the next one go on; tell whether there is any."""
        while self._lines:
            caller, places = self._lines.popitem(last=False)
            place, _ = places.popitem(last=False)
            if places:
                self._lines[caller] = places
            if not place.cancelled():
                place.set_result(None)
                return True
        return False

    def _leave(self, caller: Hashable, place: _Place) -> None:
        places = self._lines.get(caller)
        if places and place in places:
            del places[place]
            if not places:
                del self._lines[caller]


@attrs.define(eq=False, repr=False)
class FairTurns:
    """A semaphore: so many work at a time, and the others wait in a fair line."""

    places: int = 1
    _taken: int = attrs.field(default=0, init=False)
    _line: FairLine = attrs.field(factory=FairLine, init=False)

    @property
    def waiting_count(self) -> int:
        """How many of the present caller's wait."""
        return self._line.count_of(CALLER.get())

    async def acquire(self) -> bool:
        """Wait for a place, and take it; tell whether all were taken."""
        if self._taken < self.places:
            self._taken += 1
            return False
        place = self._line.join(CALLER.get())
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self.release()
            raise
        return True

    def release(self) -> None:
        """Give the place to the next who waits."""
        if not self._line.let_go_on():
            self._taken -= 1

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
