"""
Bounds the memory of the bodies that are sent: all subscriptions of a server share it.

A receiver that takes nothing holds its body in memory until the request times out. So
one subscription may hold only a part of the room, and slow receivers only half of it:
what is for the others waits for none of them.
"""

from functools import partial

import attrs

from pushserver.fair_room import FairRoom
from pushserver.fair_turns import FairTurns
from pushserver.model.subscription import Subscription

#: Bytes of a body that has room apart from longer ones: most have a few hundred.
SHORT_BODY = 64 * 1024
#: Bytes of all short bodies, and of all longer ones, that are sent at the same time.
SHORT_ROOM, LONG_ROOM = 8 * 1024 * 1024, 16 * 1024 * 1024
#: One subscription's, and those of all slow receivers, are at most this part of each.
PART_OF_ONE, PART_OF_SLOW = 4, 2
#: Seconds of a request above which its receiver is slow.
SLOW = 1.0


@attrs.define(eq=False)
class SharedRoom:
    """Room for bodies, and the part of it that those for slow receivers may take."""

    limit: int
    all: FairRoom = attrs.field(init=False)
    slow: FairRoom = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is taken."""
        self.all, self.slow = FairRoom(self.limit), FairRoom(self.limit // PART_OF_SLOW)


@attrs.frozen(eq=False)
class BodyRoom:
    """The room that all subscriptions of a server share."""

    short: SharedRoom = attrs.field(factory=partial(SharedRoom, SHORT_ROOM))
    long: SharedRoom = attrs.field(factory=partial(SharedRoom, LONG_ROOM))
    #: Rendering takes some times the room of a body, so one long one is at a time.
    rendering: FairTurns = attrs.field(factory=FairTurns)


@attrs.define(eq=False)
class SubscriptionRoom:
    """How much of the room one subscription may take; less, if it `is_slow`."""

    subscription: Subscription
    shared: BodyRoom
    is_slow: bool = attrs.field(default=False, init=False)
    _short: FairRoom = attrs.field(init=False)
    _long: FairRoom = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Nothing is taken."""
        self._short = FairRoom(self.shared.short.limit // PART_OF_ONE)
        self._long = FairRoom(self.shared.long.limit // PART_OF_ONE)

    def own(self, size: int) -> FairRoom:
        """Return the part of this subscription for bodies of *size* bytes."""
        return self._short if size <= SHORT_BODY else self._long

    def of_all(self, size: int) -> list[FairRoom]:
        """Return what all share, and first what those that are slow share of it."""
        shared = self.shared.short if size <= SHORT_BODY else self.shared.long
        return [shared.slow, shared.all] if self.is_slow else [shared.all]


@attrs.define(eq=False)
class BodyPlace:
    """What one body takes of the room, while it is in memory."""

    room: SubscriptionRoom
    _taken: list[tuple[FairRoom, int]] = attrs.field(factory=list, init=False)

    async def take(self, size: int) -> None:
        """
        Wait until there is room for *size* bytes, and take it.

        A body for a slow receiver takes no more of all the room than of its part of it,
        however long it is, so that the others have the rest.
        """
        await self._take_in(self.room.own(size), size)
        for room in self.room.of_all(size):
            size = await self._take_in(room, size)

    async def _take_in(self, room: FairRoom, size: int) -> int:
        subscription = self.room.subscription
        taken = await room.take(size, subscription.scope_id, subscription.id)
        self._taken.append((room, taken))
        return taken

    def keep(self, size: int) -> None:
        """Give back all room but that for *size* bytes."""
        kept = [(room, min(size, taken)) for room, taken in self._taken]
        taken_before, self._taken = self._taken, kept
        for (room, taken), (_, now) in zip(taken_before, kept, strict=True):
            room.give_back(taken - now)
