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
from typing import Generic, TypeVar

import attrs

#: All devices, and the server itself, are one caller.
DEVICES = -1
#: The id of the token for which this runs.
CALLER: ContextVar[int] = ContextVar("CALLER", default=DEVICES)
_Place = asyncio.Future[None]
T = TypeVar("T", bound=Hashable)


@attrs.define(eq=False, repr=False)
class FairQueue(Generic[T]):
    """
    What waits, each item once: of groups that wait each has one in turn.

    In a group each member has one in turn.
    """

    _groups: OrderedDict[Hashable, OrderedDict[Hashable, OrderedDict[T, None]]] = (
        attrs.field(factory=OrderedDict, init=False)
    )

    def __bool__(self) -> bool:
        return bool(self._groups)

    def count_of(self, group: Hashable) -> int:
        """Return how many items of a group wait."""
        return sum(map(len, self._groups.get(group, {}).values()))

    def append(self, item: T, group: Hashable, member: Hashable = None) -> None:
        """Have an item wait behind those of its member, if it does not yet."""
        members = self._groups.setdefault(group, OrderedDict())
        members.setdefault(member, OrderedDict())[item] = None

    def pop(self) -> T:
        """
        Return the item whose turn it is; it waits no more.

        Raises:
            KeyError: none waits.
        """
        group, members = self._groups.popitem(last=False)
        member, items = members.popitem(last=False)
        item, _ = items.popitem(last=False)
        if items:
            members[member] = items
        if members:
            self._groups[group] = members
        return item

    def discard(self, item: T, group: Hashable, member: Hashable = None) -> None:
        """Have an item wait no more, if it does."""
        members = self._groups.get(group, OrderedDict())
        items = members.get(member, OrderedDict())
        if item in items:
            del items[item]
            if not items:
                del members[member]
            if not members:
                del self._groups[group]


@attrs.define(eq=False, repr=False)
class FairLine:
    """Those who wait, in the order in which they go on: that of a fair queue."""

    _places: FairQueue[_Place] = attrs.field(factory=FairQueue, init=False)

    def __bool__(self) -> bool:
        return bool(self._places)

    def count_of(self, group: Hashable) -> int:
        """Return how many of a group wait."""
        return self._places.count_of(group)

    def join(self, group: Hashable, member: Hashable = None) -> _Place:
        """Return what is done when one may go on; cancelled, it has left."""
        place = asyncio.get_running_loop().create_future()
        self._places.append(place, group, member)
        place.add_done_callback(
            partial(self._places.discard, group=group, member=member)
        )
        return place

    def let_go_on(self) -> bool:
        """Let the next one go on; tell whether there is any."""
        while self._places:
            place = self._places.pop()
            if not place.cancelled():
                place.set_result(None)
                return True
        return False


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
