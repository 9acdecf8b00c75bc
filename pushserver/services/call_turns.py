"""Lets large calls work one after the other, and refuses those that are too many."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from pushserver.errors import Unavailable


@attrs.define(eq=False, repr=False)
class CallTurns:
    """
    One call at a time works, and others wait, up to `limit` in all.

    `name` is what they are called in words.
    """

    name: str
    limit: int
    _count: int = attrs.field(default=0, init=False)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """
        Wait until no other of these calls works; the block does.

        Raises:
            Unavailable: too many wait.
        """
        if self._count >= self.limit:
            raise Unavailable(f"Too many {self.name} are under way. Try again.")
        self._count += 1
        try:
            async with self._turn:
                yield
        finally:
            self._count -= 1
