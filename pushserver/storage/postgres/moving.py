"""Moving tasks on: one server at a time, and there one caller."""

import asyncio
from contextlib import suppress
from types import TracebackType

import attrs

from pushserver.errors import Unavailable
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.session import Session

#: The first half of the lock: see the desk's for the others.
_MOVING = 3


@attrs.define(eq=False)
class Moving:
    """
    A lock for all servers; on a connection of its own, with which it is lost.

    Raises:
        Unavailable: the database is away, or another server takes too long.
    """

    session: Session
    _here: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _leaving: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    async def __aenter__(self) -> None:
        await self._here.acquire()
        try:
            await self.session.run(_lock)
        except BaseException:
            # The lock may come all the same: nobody else must wait for us.
            self._leaving = asyncio.create_task(self._leave())
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        try:
            with suppress(Unavailable):
                await self.session.run(_unlock)
        finally:
            self._here.release()


def _lock(link: Link) -> None:
    link.execute(f"SELECT pg_advisory_lock({_MOVING}, 0)")


def _unlock(link: Link) -> None:
    link.execute("SELECT pg_advisory_unlock_all()")
