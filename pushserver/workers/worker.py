"""Workers: periodic background work.

A round that fails is logged and tried again, later each time; the server goes on.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import structlog

from pushserver.errors import Unavailable

log = structlog.get_logger(__name__)

#: Seconds before the next round after one that failed; doubled with each further one.
FIRST_BACKOFF, MAX_BACKOFF = 0.1, 60.0
#: Seconds for which a stop waits for rounds that may be ended.
STOP_WAIT = 2.0


@attrs.frozen
class Worker:
    """
    Calls `run_once` every `interval` seconds, and as soon as `wakeup` is set.

    `run_once` clears `wakeup` before it looks for work. The worker is busy for at most
    the share `max_share` of the time. With `is_leader`, it runs only while that is
    true: of several servers over one store, only the leader does such work. A round
    that `may_be_ended` has nothing to lose: the next start goes on where it was.
    """

    name: str
    interval: float
    run_once: Callable[[], Awaitable[int]]
    wakeup: asyncio.Event | None = None
    max_share: float = 1.0
    is_leader: Callable[[], bool] | None = None
    may_be_ended: bool = False

    async def run(self, stop: asyncio.Event, failures: Counter[str]) -> None:
        """
        Repeat `run_once` until *stop* is set; log what it raises.

        *failures* has the number of rounds that failed since the last one that did not.
        """
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            started = loop.time()
            if not await self._run_round(failures):
                doubled = FIRST_BACKOFF * 2 ** min(failures[self.name] - 1, 16)
                await _wait_first(min(doubled, MAX_BACKOFF), stop)
                continue
            pause = (loop.time() - started) * (1 / self.max_share - 1)
            if pause > 0:
                await _wait_first(pause, stop)
            await _wait_first(self.interval, stop, self.wakeup)

    async def _run_round(self, failures: Counter[str]) -> bool:
        """Run one round; return whether it went as it should, or the store is away."""
        try:
            if self.is_leader is None or self.is_leader():
                await self._run_once()
        except asyncio.CancelledError:
            # What it waited for was cancelled, if it was not the worker itself.
            if _is_cancelled():
                raise
            self._log_failure(failures)
            return False
        except Exception:  # noqa: BLE001 - it is logged
            self._log_failure(failures)
            return False
        if rounds := failures.pop(self.name, 0):
            log.info("worker.recovered", worker=self.name, failed_rounds=rounds)
        return True

    def _log_failure(self, failures: Counter[str]) -> None:
        failures[self.name] += 1
        log.exception(
            "worker.round_failed", worker=self.name, in_a_row=failures[self.name]
        )

    async def _run_once(self) -> None:
        try:
            done = await self.run_once()
        except Unavailable as error:
            log.warning("worker.store_away", worker=self.name, reason=error.detail)
        else:
            if done:
                log.debug("worker.round", worker=self.name, done=done)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _wait_first(seconds: float, *events: asyncio.Event | None) -> None:
    """Wait until one of *events* is set, at most *seconds*."""
    waits = [asyncio.create_task(e.wait()) for e in events if e is not None]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


@asynccontextmanager
async def run_workers(
    workers: Sequence[Worker], failures: Counter[str]
) -> AsyncIterator[None]:
    """
    Run *workers* during the block; at its end, let running rounds finish.

    Of those that may be ended, such as a purge, that is waited for a while. *failures*
    has those whose rounds fail, and how many did so in a row.
    """
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = {
            group.create_task(worker.run(stop, failures), name=worker.name): worker
            for worker in workers
        }
        try:
            yield
        finally:
            stop.set()
            await _end_lasting(
                [task for task, worker in tasks.items() if worker.may_be_ended]
            )


async def _end_lasting(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait a while for *tasks*, and end those that are not done then."""
    if not tasks:
        return
    _, unfinished = await asyncio.wait(tasks, timeout=STOP_WAIT)
    for task in unfinished:
        log.info("worker.round_ended", worker=task.get_name())
        task.cancel()
