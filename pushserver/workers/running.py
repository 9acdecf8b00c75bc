"""Workers: a round, repeated; a dead one takes the server down loudly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import structlog

from pushserver.errors import Unavailable

log = structlog.get_logger(__name__)


@attrs.frozen
class Worker:
    """
    Calls `round` every `every` seconds, and as soon as `bell` rings.

    The round clears the bell before it looks for what there is to do.
    """

    name: str
    every: float
    round: Callable[[], Awaitable[int]]
    bell: asyncio.Event | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Repeat until *stop*; a round that fails is logged and tried again."""
        while not stop.is_set():
            await self._once()
            await self._rest(stop)

    async def _rest(self, stop: asyncio.Event) -> None:
        """Wait until it is time again, the bell rings, or all stops."""
        waits = [asyncio.create_task(stop.wait())]
        if self.bell is not None:
            waits.append(asyncio.create_task(self.bell.wait()))
        await asyncio.wait(
            waits, timeout=self.every, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in waits:
            wait.cancel()

    async def _once(self) -> None:
        try:
            done = await self.round()
        except Unavailable as error:
            log.warning("worker.store_away", worker=self.name, reason=error.detail)
        except Exception:
            log.exception("worker.round_failed", worker=self.name)
        else:
            if done:
                log.debug("worker.round", worker=self.name, done=done)


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run *workers* for the length of the block; let the last round finish."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run(stop), name=worker.name)
        try:
            yield
        finally:
            stop.set()
