"""Workers: a round, repeated; a dead one takes the server down loudly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import attrs
import structlog

from pushserver.errors import Unavailable

log = structlog.get_logger(__name__)


@attrs.frozen
class Worker:
    """Calls `round` every `every` seconds; all that it does is in there."""

    name: str
    every: float
    round: Callable[[], Awaitable[int]]

    async def run(self, stop: asyncio.Event) -> None:
        """Repeat until *stop*; a round that fails is logged and tried again."""
        while not stop.is_set():
            await self._once()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.every)

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
