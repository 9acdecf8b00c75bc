"""Workers: periodic background work. A worker that crashes stops the server."""

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
    Calls `run_once` every `interval` seconds, and as soon as `wakeup` is set.

    `run_once` clears `wakeup` before it looks for work. The worker is busy for at most
    the share `max_share` of the time. With `is_leader`, it runs only while that is
    true: of several servers over one store, only the leader does such work.
    """

    name: str
    interval: float
    run_once: Callable[[], Awaitable[int]]
    wakeup: asyncio.Event | None = None
    max_share: float = 1.0
    is_leader: Callable[[], bool] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Repeat `run_once` until *stop* is set; log what it raises."""
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
    """Wait until one of *events* is set, at most *seconds*."""
    waits = [asyncio.create_task(e.wait()) for e in events if e is not None]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


@asynccontextmanager
async def run_workers(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run *workers* during the block; at its end, let running rounds finish."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run(stop), name=worker.name)
        try:
            yield
        finally:
            stop.set()
