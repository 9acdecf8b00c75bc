"""Several connections that read, to be used from the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from pushserver.errors import Unavailable
from pushserver.fair_turns import FairTurns
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread

T = TypeVar("T")

#: A call that fails within so many seconds found a stale connection.
_STALE_CONNECTION_WINDOW = 1.0


@attrs.define(eq=False)
class Pool:
    """Several threads that read; each call takes an idle one, in its caller's turn."""

    threads: Sequence[ConnectionThread]
    _idle: list[ConnectionThread] = attrs.field(init=False)
    _turns: FairTurns = attrs.field(init=False)

    @_idle.default
    def _all_idle(self) -> list[ConnectionThread]:
        return [*self.threads]

    @_turns.default
    def _new_turns(self) -> FairTurns:
        return FairTurns(len(self.threads))

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Call *work* on an idle thread; once more if its connection was stale.

        Raises:
            Unavailable: the database refused, is down, or is too slow.
        """
        thread = await self._acquire()
        task = asyncio.ensure_future(_run_with_retry(thread, work))
        task.add_done_callback(lambda future: self._release(thread, future))
        try:
            return await asyncio.shield(task)
        finally:
            # Its error has this frame, which must not have it: garbage that is old is
            # collected late.
            del task

    async def _acquire(self) -> ConnectionThread:
        try:
            async with asyncio.timeout(self.threads[0].timeout):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("The database has too much to do.") from None
        return self._idle.pop()

    def _release(self, thread: ConnectionThread, future: "asyncio.Future[Any]") -> None:
        self._idle.append(thread)
        self._turns.release()
        if not future.cancelled():
            future.exception()

    async def close(self) -> None:
        """Close every connection."""
        for thread in self.threads:
            await thread.close()


async def _run_with_retry(
    thread: ConnectionThread, work: Callable[[Connection], T]
) -> T:
    """Call *work*, once more if the connection had died while it was idle."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    try:
        return await thread.run(work)
    except Unavailable:
        if (
            thread.pid is not None
            or loop.time() - started_at > _STALE_CONNECTION_WINDOW
        ):
            raise
        return await thread.run(work)
