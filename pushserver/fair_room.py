"""Room for so many bytes that many share: who finds none waits in a fair line."""

import asyncio
from collections.abc import Hashable

import attrs

from pushserver.fair_turns import FairQueue


@attrs.frozen(eq=False)
class _Waiting:
    """Who waits for room for so many bytes."""

    size: int
    may_go_on: asyncio.Future[None]


@attrs.define(eq=False, repr=False)
class FairRoom:
    """
    A semaphore of bytes: room for `limit` of them, in the order of a fair queue.

    What takes more than all of it takes all.
    """

    limit: int
    taken: int = attrs.field(default=0, init=False)
    _line: FairQueue[_Waiting] = attrs.field(factory=FairQueue, init=False)
    #: Whose turn it is, as soon as there is room.
    _next: _Waiting | None = attrs.field(default=None, init=False)

    @property
    def is_awaited(self) -> bool:
        """Tell whether anybody waits."""
        return self._next is not None or bool(self._line)

    def take_now(self, size: int) -> int | None:
        """Return how much was taken; None if one has to wait for it."""
        size = min(size, self.limit)
        if self.is_awaited or self.taken + size > self.limit:
            return None
        self.taken += size
        return size

    async def take(
        self, size: int, group: Hashable = None, member: Hashable = None
    ) -> int:
        """Wait until there is room; return how much of it was taken."""
        taken = self.take_now(size)
        if taken is not None:
            return taken
        size = min(size, self.limit)
        waiting = _Waiting(size, asyncio.get_running_loop().create_future())
        self._line.append(waiting, group, member)
        try:
            await waiting.may_go_on
        except asyncio.CancelledError:
            self._line.discard(waiting, group, member)
            # If it had its turn already, that is somebody else's now.
            self.give_back(0 if waiting.may_go_on.cancelled() else size)
            raise
        return size

    def give_back(self, size: int) -> None:
        """Give back what was taken; whoever it is room enough for goes on."""
        self.taken -= size
        while waiting := self._find_next():
            if self.taken + waiting.size > self.limit:
                return
            self._next = None
            self.taken += waiting.size
            waiting.may_go_on.set_result(None)

    def _find_next(self) -> _Waiting | None:
        """Return whose turn it is, if anybody waits; those who left do not."""
        while self._next is None or self._next.may_go_on.cancelled():
            self._next = None
            if not self._line:
                break
            self._next = self._line.pop()
        return self._next
