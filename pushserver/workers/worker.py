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
    Calls `run_once` every `interval` seconds, and as soon as `wakeup` rings.

    The round clears the bell before it looks for what there is to do. However often it
    rings, the worker takes at most *share* of the time. With *leads*, it works only
    while that is so: of several servers over one store one does what is done once.
    """

    name: str
    interval: float
    run_once: Callable[[], Awaitable[int]]
    wakeup: asyncio.Event | None = None
    max_share: float = 1.0
    is_leader: Callable[[], bool] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Repeat until *stop*; a round that fails is logged and tried again."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            started = loop.time()
            await self._run_round()
            pause = (loop.time() - started) * (1 / self.max_share - 1)
            if pause > 0:
                await _wait_first(pause, stop)
            await _wait_first(self.interval, stop, self.wakeup)

    async def _run_round(self) -> None:
        if self.is_leader is not None and not self.is_leader():
            return
        try:
            done = await self.run_once()
        except Unavailable as error:
            log.warning("worker.store_away", worker=self.name, reason=error.detail)
        except Exception:
            log.exception("worker.round_failed", worker=self.name)
        else:
            if done:
                log.debug("worker.round", worker=self.name, done=done)


async def _wait_first(seconds: float, *events: asyncio.Event | None) -> None:
    """Wait until one of *events* happens, at most *seconds*."""
    waits = [asyncio.create_task(e.wait()) for e in events if e is not None]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


@asynccontextmanager
async def run_workers(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run *workers* for the length of the block; let the last round finish."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run(stop), name=worker.name)
        try:
            yield
        finally:
            stop.set()
