"""Whose turn it is to do what one does at a time: of all owners who wait, one each."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

#: Owners are tokens, by their ids; all devices together are one more.
DEVICES = -1


@attrs.define(eq=False, repr=False)
class FairTurn:
    """
    One has the turn. Each owner has a line that waits, and lines are served by turns.

    So whoever comes waits for one of each other owner, however many of them there are.
    """

    _is_taken: bool = attrs.field(default=False, init=False)
    #: The line that is served next is the first; none is empty.
    _lines: dict[int, deque[asyncio.Future[None]]] = attrs.field(
        factory=dict, init=False
    )

    def waiting_count(self, owner: int) -> int:
        """Return how many of an owner's wait."""
        return len(self._lines.get(owner, ()))

    @asynccontextmanager
    async def taken_by(self, owner: int) -> AsyncIterator[None]:
        """Wait for the turn, and have it during the block."""
        await self.acquire(owner)
        try:
            yield
        finally:
            self.release()

    async def acquire(self, owner: int) -> bool:
        """Wait for the turn; tell whether there was anybody to wait for."""
        if not self._is_taken:
            self._is_taken = True
            return False
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(admitted)
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.cancelled():
                self._leave(owner, admitted)
            else:
                self.release()
            raise
        return True

    def release(self) -> None:
        """Give the turn to the next who still waits."""
        while self._lines:
            admitted = self._pop_next()
            if not admitted.cancelled():
                admitted.set_result(None)
                return
        self._is_taken = False

    def _pop_next(self) -> asyncio.Future[None]:
        owner = next(iter(self._lines))
        line = self._lines.pop(owner)
        admitted = line.popleft()
        if line:
            self._lines[owner] = line
        return admitted

    def _leave(self, owner: int, admitted: asyncio.Future[None]) -> None:
        line = self._lines.get(owner, deque())
        if admitted in line:
            line.remove(admitted)
            if not line:
                del self._lines[owner]
