"""Group commit: jobs that wait while one commit runs share the next.

A round takes waiting jobs, runs their decisions on the lanes in memory, writes the
recorded changes in one transaction, and only then tells the callers. What takes long is
left for the next round.
"""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import attrs
import structlog

from pushserver.errors import PushServerError, Unavailable
from pushserver.metrics.recorder import CommitMetrics
from pushserver.model.change_notice import commit_notice
from pushserver.model.changes import Changes
from pushserver.model.event import EventTypesByScope
from pushserver.model.ids import IdGenerator
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.commands import NO_PRIOR_STATE, PriorState
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.lookups import run_lookups
from pushserver.storage.sql.order_cache import OrderCache
from pushserver.storage.sql.repeated_acts import RepeatedActs
from pushserver.storage.sql.results import has_pieces
from pushserver.storage.sql.round_budget import MAX_JOBS, RoundBudget
from pushserver.storage.sql.waiting_jobs import WaitingJobs
from pushserver.storage.sql.write_jobs import (
    LastWrite,
    WriteJob,
    mark_stored,
    stamp_audit,
)
from pushserver.storage.sqlite.checkpoints import CheckpointWatch
from pushserver.storage.sqlite.connection import (
    SqliteConnection,
    is_of_the_store,
    run_in_transaction,
    run_long_transaction,
)
from pushserver.storage.sqlite.lanes import InMemoryLanes
from pushserver.storage.sqlite.open_files import OpenFiles

log = structlog.get_logger(__name__)

#: While the server stops, in milliseconds; else SQLite waits five seconds.
_WAIT_BRIEFLY = "PRAGMA busy_timeout = 500"
_Apply = Callable[[sqlite3.Connection], None]


@attrs.define(eq=False, repr=False)
class GroupCommit:
    """
    The one writer.

    During a round, `_in_flights_before` has what was in flight in its lanes before.
    """

    connection: SqliteConnection
    lanes: InMemoryLanes
    order_cache: OrderCache
    now: Callable[[], int]
    new_id: IdGenerator
    interest: EventTypesByScope
    feed: ChangeFeed
    open_files: OpenFiles
    checkpoint_watch: CheckpointWatch
    waiting_by_scope: Counter[int]
    last_write: LastWrite = attrs.field(factory=LastWrite, init=False)
    repeated_acts: RepeatedActs = attrs.field(factory=RepeatedActs, init=False)
    is_closing_soon: bool = attrs.field(default=False, init=False)
    metrics: CommitMetrics = attrs.field(factory=CommitMetrics, init=False)
    _waiting: WaitingJobs = attrs.field(factory=WaitingJobs, init=False)
    _in_flights_before: dict[int, Sequence[InFlight]] = attrs.field(
        factory=dict, init=False
    )
    _wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Start taking jobs."""
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Run the waiting jobs, then stop."""
        self._closing = True
        self._wakeup.set()
        if self._task is not None:
            await self._task

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Put *job* into the next round; the future is done after its commit."""
        if self._closing:
            job.future.set_exception(Unavailable("The server is stopping; try again."))
            return job.future
        self._waiting.append(job)
        self._wakeup.set()
        return job.future

    def find_in_flight(self, device_id: int) -> list[InFlight]:
        """
        Return what is in flight with the device, in memory or still in the file.

        What the round under way ends has ended in memory, but not in the file yet.
        """
        lane = self.lanes.by_device.get(device_id)
        now = [] if lane is None else [*lane.in_flights]
        before = self._in_flights_before.get(device_id, ())
        return now + [each for each in before if each not in now]

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._wakeup.wait()
            self._wakeup.clear()
            # Nothing here keeps them: what they wrote may be large.
            await self._run_round(self._take_waiting())
            if self._waiting:
                # A round that wrote nothing has not given way to anybody.
                await asyncio.sleep(0)

    def _take_waiting(self) -> list[WriteJob]:
        jobs = list(islice(self._waiting.take(), MAX_JOBS))
        if self._waiting:
            self._wakeup.set()
        return jobs

    def _put_back(self, jobs: Sequence[WriteJob]) -> None:
        """Leave *jobs* for the next round, before all of their callers' later ones."""
        if jobs:
            self._waiting.put_back(jobs)
            self._wakeup.set()

    async def _run_round(self, jobs: Sequence[WriteJob]) -> None:
        """Run one round, or a part of it; whatever it raises, callers are told."""
        while jobs and not await self._try_round(jobs):
            half = len(jobs) // 2
            self._put_back(jobs[half:])
            jobs = jobs[:half]

    async def _try_round(self, jobs: Sequence[WriteJob]) -> bool:
        """Run one round; False if it needs too many services, and did nothing."""
        try:
            return await self._commit_round(jobs)
        except Exception:
            log.exception("commit.round_failed")
            for job in jobs:
                job.settle(error=Unavailable("The server failed to write this."))
        finally:
            self._in_flights_before.clear()
            for lane in self._lanes_of(jobs).values():
                lane.forget_services()
        return True

    async def _commit_round(self, jobs: Sequence[WriteJob]) -> bool:
        decided: list[WriteJob] = []
        undecided, lanes = jobs, dict[int, Lane]()
        try:
            await self.lanes.reload_stale(self.connection, self.now)
            prior_states = await self._run_lookups(jobs)
            if prior_states is None:
                return False
            now = self.now()
            changes = Changes(partial(self.new_id, now), now, self.interest)
            decided, undecided = self._decide(jobs, prior_states, lanes, changes), ()
            await changes.do_late_work()
            # One transaction for all jobs, if there is anything to write.
            sql_jobs = [job for job in decided if job.work]
            if sql_jobs:
                stamp_audit(sql_jobs, changes, self.repeated_acts)
            self.repeated_acts.mark(changes.audit_entries)
            apply = prepare_write(changes, sql_jobs)
            if apply is not None:
                run = (
                    run_long_transaction if has_pieces(changes) else run_in_transaction
                )
                started = time.perf_counter()
                await self.connection.run(partial(self._write, run, apply))
                seconds, rows = time.perf_counter() - started, changes.row_count
                self.metrics.record_write(seconds, rows + len(sql_jobs))
                self.last_write.record(jobs, failed=False)
        except Exception as error:  # noqa: BLE001 - told to the callers; the writer lives
            if is_of_the_store(error):
                self.last_write.record(jobs, failed=True)
                self.metrics.failed += 1
            await self._reload_lanes(jobs)
            for job in (*decided, *undecided):
                job.settle(error=error)
            return True
        self._publish_commit(decided, lanes, changes)
        return True

    def _write(
        self,
        run: Callable[[sqlite3.Connection, _Apply], None],
        apply: _Apply,
        connection: sqlite3.Connection,
    ) -> None:
        self.open_files.check()
        if self.is_closing_soon:
            connection.execute(_WAIT_BRIEFLY)
        run(connection, apply)
        # Only now is it known that what was written is where the next start looks.
        self.open_files.check()
        self.checkpoint_watch.check(connection)

    async def _run_lookups(
        self, jobs: Sequence[WriteJob]
    ) -> dict[int, PriorState] | None:
        lanes = self._lanes_of(jobs)
        is_asked = any(job.lookup or job.session_hash for job in jobs)
        if not is_asked and not any(e.may_have_services for e in lanes.values()):
            return {}
        return await self.connection.run(lambda c: run_lookups(c, jobs, lanes))

    def _lanes_of(self, jobs: Sequence[WriteJob]) -> dict[int, Lane]:
        """Return the lanes that decisions may change, but the empty ones."""
        lanes, devices = self.lanes.by_device, {j.device_id for j in jobs if j.decide}
        return {i: lanes[i] for i in devices if i in lanes}

    async def _reload_lanes(self, jobs: Sequence[WriteJob]) -> None:
        """Reload the lanes of *jobs* from the file, now if possible, else later."""
        self.lanes.stale_devices.update(job.device_id for job in jobs if job.decide)
        with suppress(Unavailable):
            await self.lanes.reload_stale(self.connection, self.now)

    def _decide(
        self,
        jobs: Sequence[WriteJob],
        prior_states: dict[int, PriorState],
        lanes: dict[int, Lane],
        changes: Changes,
    ) -> list[WriteJob]:
        """
        Run the decisions, add their lanes to *lanes*; return the jobs to commit.

        Those that it does not get to are put back.
        """
        decided, budget = [], RoundBudget()
        for i, job in enumerate(jobs):
            if i and budget.is_spent:
                self._put_back(jobs[i:])
                jobs = jobs[:i]
                break
            if job.decide is None:
                decided.append(job)
                continue
            lane = self.lanes.by_device.get(job.device_id)
            if lane is None:
                lane = self.lanes.by_device[job.device_id] = Lane(job.device_id)
            lanes[job.device_id] = lane
            self._in_flights_before.setdefault(job.device_id, [*lane.in_flights])
            lane.forget_derived()
            prior_state = prior_states.get(i, NO_PRIOR_STATE)
            try:
                job.run_decision(lane, changes, prior_state)
                decided.append(job)
            except PushServerError as error:
                job.settle(error=error)
            except Exception as error:  # noqa: BLE001 - told to its caller, who logs it
                self.lanes.stale_devices.add(job.device_id)
                job.settle(error=error)
            budget.spend(job)
        self._waiting.charge(jobs)
        return decided

    def _publish_commit(
        self, jobs: Sequence[WriteJob], lanes: Mapping[int, Lane], changes: Changes
    ) -> None:
        """After the commit: update the lanes, publish the notice, wake the callers."""
        mark_stored(changes, self.waiting_by_scope)
        self.metrics.record_changes(changes)
        self.lanes.update(lanes, changes.new_commands)
        self.order_cache.update(changes)
        self.feed.publish(commit_notice(changes, lanes))
        for job in jobs:
            job.settle(job.value)
