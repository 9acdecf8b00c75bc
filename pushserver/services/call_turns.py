"""Lets large calls work one after the other, and refuses those that are too many."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from pushserver.errors import Busy
from pushserver.fair_turns import FairTurns


@attrs.define(eq=False, repr=False)
class CallTurns:
    """
    One call at a time works, and of each token's `max_waiting` others wait.

    `name` is what they are called in words.
    """

    name: str
    max_waiting: int
    _turns: FairTurns = attrs.field(factory=FairTurns, init=False)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """
        Wait until no other of these calls works; the block does.

        Whoever calls has changed nothing yet.

        Raises:
            Busy: too many of this token's wait.
        """
        if self._turns.waiting_count >= self.max_waiting:
            raise Busy(f"Too many {self.name} are under way. Try again.")
        async with self._turns:
            yield
