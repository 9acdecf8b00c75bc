"""Group commit: decisions that wait at the same time share a transaction.

Rounds on different devices run concurrently; in this process a device is in one round
at a time.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextvars import Context
from functools import partial
from typing import Any

import attrs

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.ids import MAX_INT64
from pushserver.storage.postgres.commit.decisions import DecisionRunner
from pushserver.storage.postgres.commit.transaction import (
    begin,
    is_of_the_database,
    try_to_commit,
)
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.threads import ConnectionThread
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.repeated_acts import RepeatedActs
from pushserver.storage.sql.round_budget import MAX_JOBS
from pushserver.storage.sql.waiting_jobs import WaitingJobs
from pushserver.storage.sql.write_jobs import (
    LastWrite,
    WriteJob,
    stamp_audit,
)

#: The most rounds at a time: the longer jobs wait, the more of them share a round, and
#: the fewer statements there are. So a second one begins when as many jobs wait for it
#: as the first has, unless these are so many that it takes long. A round that takes
#: longer than so many seconds waits for a lock, and is not counted.
_MAX_CONCURRENT_ROUNDS, _SOON_OVER, _SLOW_ROUND_AFTER = 2, 64, 0.05


@attrs.define(eq=False)
class GroupCommit:
    """Runs jobs in rounds on `writers`."""

    writers: Sequence[ConnectionThread]
    decisions: DecisionRunner
    now: Callable[[], int]
    new_id: Callable[[], int]
    database_clock: DatabaseClock
    last_write: LastWrite = attrs.field(factory=LastWrite, init=False)
    repeated_acts: RepeatedActs = attrs.field(factory=RepeatedActs, init=False)
    _idle_writers: list[ConnectionThread] = attrs.field(init=False)
    _pending_jobs: WaitingJobs = attrs.field(factory=WaitingJobs, init=False)
    _busy_devices: set[int] = attrs.field(factory=set, init=False)
    _first_ids: dict[ConnectionThread, int] = attrs.field(factory=dict, init=False)
    _counted_writers: dict[ConnectionThread, int] = attrs.field(
        factory=dict, init=False
    )
    _round_tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _is_stopping: bool = attrs.field(default=False, init=False)

    @_idle_writers.default
    def _all_writers(self) -> list[ConnectionThread]:
        return list(self.writers)

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Put *job* into a round; the future is done after its commit."""
        if self._is_stopping:
            job.future.set_exception(Unavailable("The server is stopping; try again."))
            return job.future
        self._pending_jobs.append(job)
        self._schedule()
        return job.future

    def low_watermark(self) -> int:
        """Return an id below which this server will write no more rows."""
        return min(self._first_ids.values(), default=MAX_INT64)

    @property
    def active_devices(self) -> set[int]:
        """The devices with a running or waiting decision."""
        return self._busy_devices | {job.device_id for job in self._pending_jobs}

    async def stop(self) -> None:
        """Run the waiting jobs, then stop."""
        self._is_stopping = True
        while self._pending_jobs or self._round_tasks:
            await asyncio.sleep(0)
            if self._round_tasks:
                await asyncio.wait(self._round_tasks)

    def _schedule(self) -> None:
        """Start rounds in a moment, so that jobs submitted together share one."""
        if not self._is_scheduled:
            self._is_scheduled = True
            # Who is told of what was committed, acts for nobody who asked for it.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._start_rounds, context=Context())

    def _start_rounds(self) -> None:
        self._is_scheduled = False
        while (
            self._idle_writers
            and is_worth_a_round(
                len(self._pending_jobs), self._counted_writers.values()
            )
            and (jobs := self._take_jobs())
        ):
            writer = self._idle_writers.pop()
            self._first_ids[writer] = self.new_id()
            self._counted_writers[writer] = len(jobs)
            task = asyncio.create_task(self._run_round(writer, jobs), name="round")
            self._round_tasks.add(task)
            task.add_done_callback(self._round_tasks.discard)

    def _take_jobs(self) -> list[WriteJob]:
        """Take jobs of one kind, in order, on devices that are in no other round."""
        taken: list[WriteJob] = []
        remaining: list[WriteJob] = []
        devices: set[int] = set()
        skipped = set(self._busy_devices)
        for job in self._pending_jobs.take():
            is_same_kind = not taken or (job.work is None) is (taken[0].work is None)
            if not is_same_kind or job.device_id in skipped:
                skipped.add(job.device_id)
                remaining.append(job)
            else:
                taken.append(job)
                devices.add(job.device_id)
            if len(taken) == MAX_JOBS:
                break
        self._pending_jobs.put_back(remaining)
        self._busy_devices |= devices
        return taken

    async def _run_round(self, writer: ConnectionThread, jobs: list[WriteJob]) -> None:
        devices = {job.device_id for job in jobs}
        loop = asyncio.get_running_loop()
        slow_timer = loop.call_later(_SLOW_ROUND_AFTER, self._stop_counting, writer)
        try:
            if jobs[0].work is None:
                undecided = await self.decisions.run(writer, jobs)
                self._pending_jobs.charge(jobs[: len(jobs) - len(undecided)])
                self._pending_jobs.put_back(undecided)
            else:
                await self._run_work_jobs(writer, jobs)
                self._pending_jobs.charge(jobs)
            self.last_write.record(jobs, failed=False)
        except Exception as error:  # noqa: BLE001 - told to the callers
            if is_of_the_database(error):
                self.last_write.record(jobs, failed=True)
                self.decisions.metrics.failed += 1
            for job in jobs:
                job.settle(error=error)
        finally:
            slow_timer.cancel()
            self._counted_writers.pop(writer, None)
            del self._first_ids[writer]
            self._busy_devices -= devices
            self._idle_writers.append(writer)
            self._schedule()

    def _stop_counting(self, writer: ConnectionThread) -> None:
        self._counted_writers.pop(writer, None)
        self._schedule()

    async def _run_work_jobs(
        self, writer: ConnectionThread, jobs: list[WriteJob]
    ) -> None:
        """
        Run functions that execute SQL, all in one transaction.

        Where another server came between, by a deadlock too, it is tried again.
        """
        for may_retry in (True, True, False):
            database_now = await writer.run(begin)
            # No id made from now on is older than the transaction.
            clock = self.database_clock
            clock.record_offset(clock.offset_from(database_now))
            changes = Changes(self.new_id, self.now())
            stamp_audit(jobs, changes, self.repeated_acts)
            write_changes = prepare_write(changes, jobs)
            commit = partial(
                try_to_commit, write_changes=write_changes, may_retry=may_retry
            )
            started = time.perf_counter()
            if await writer.run(commit):
                seconds = time.perf_counter() - started
                self.decisions.metrics.record_write(seconds, len(jobs))
                break
        for job in jobs:
            job.settle(job.value)


def is_worth_a_round(waiting: int, running: Collection[int]) -> bool:
    """Tell whether so many jobs are worth a round, beside those with so many each."""
    if len(running) >= _MAX_CONCURRENT_ROUNDS:
        return False
    return waiting >= sum(running) or sum(running) > _SOON_OVER
