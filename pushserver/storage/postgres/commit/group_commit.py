"""Group commit: decisions that wait at the same time share a transaction.

A round locks its devices, reads those of their lanes that others have changed, lets the
decisions change them, and writes the recorded changes: two trips to its connection's
thread. Only the database is authoritative, so any number of servers may decide on a
device. Rounds on different devices run concurrently; in this process a device is in one
round at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from pushserver.errors import PushServerError, Unavailable
from pushserver.model.change_notice import ChangeNotice, commit_notice
from pushserver.model.changes import Changes
from pushserver.model.event import EventTypesByScope
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import NOBODY, Lane
from pushserver.storage.commands import NO_DEVICE, NO_PRIOR_STATE, Lookup, PriorState
from pushserver.storage.postgres.commit.lane_cache import CachedLane, LaneCache
from pushserver.storage.postgres.commit.lane_loading import load_lanes
from pushserver.storage.postgres.commit.lane_locking import RoundStart, start_round
from pushserver.storage.postgres.commit.lane_rows import updated_lane_rows, upsert_sql
from pushserver.storage.postgres.commit.transaction import (
    is_of_the_database,
    write_and_commit,
    write_with_retry,
)
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.lookups import run_lookups
from pushserver.storage.sql.write_jobs import (
    LastWrite,
    WriteJob,
    mark_stored,
    stamp_audit,
)

#: The most devices in one round.
_MAX_DEVICES_PER_ROUND = 200
#: The most rounds at a time: the longer jobs wait, the more of them share a round, and
#: the fewer statements there are. A round that takes longer than so many seconds waits
#: for a lock, and is not counted.
_MAX_CONCURRENT_ROUNDS, _SLOW_ROUND_AFTER = 2, 0.05

PriorStates = dict[int, PriorState]


@attrs.define(eq=False)
class GroupCommit:
    """Runs jobs in rounds on `writers`."""

    writers: Sequence[ConnectionThread]
    lane_cache: LaneCache
    now: Callable[[], int]
    new_id: Callable[[], int]
    interest: EventTypesByScope
    database_clock: DatabaseClock
    publish: Callable[[ChangeNotice], None]
    waiting_by_scope: Counter[int]
    last_write: LastWrite = attrs.field(factory=LastWrite, init=False)
    _idle_writers: list[ConnectionThread] = attrs.field(init=False)
    _pending_jobs: list[WriteJob] = attrs.field(factory=list, init=False)
    _busy_devices: set[int] = attrs.field(factory=set, init=False)
    _first_ids: dict[ConnectionThread, int] = attrs.field(factory=dict, init=False)
    _counted_writers: set[ConnectionThread] = attrs.field(factory=set, init=False)
    _round_tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _is_stopping: bool = attrs.field(default=False, init=False)

    @_idle_writers.default
    def _all_writers(self) -> list[ConnectionThread]:
        return list(self.writers)

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Put *job* into a round; the future is done after its commit."""
        if self._is_stopping:
            raise Unavailable("The server is stopping; try again.")
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
            asyncio.get_running_loop().call_soon(self._start_rounds)

    def _start_rounds(self) -> None:
        self._is_scheduled = False
        while (
            self._idle_writers
            and len(self._counted_writers) < _MAX_CONCURRENT_ROUNDS
            and (jobs := self._take_jobs())
        ):
            writer = self._idle_writers.pop()
            self._first_ids[writer] = self.new_id()
            self._counted_writers.add(writer)
            task = asyncio.create_task(self._run_round(writer, jobs), name="round")
            self._round_tasks.add(task)
            task.add_done_callback(self._round_tasks.discard)

    def _take_jobs(self) -> list[WriteJob]:
        """Take jobs of one kind, in order, on devices that are in no other round."""
        taken: list[WriteJob] = []
        remaining: list[WriteJob] = []
        devices: set[int] = set()
        skipped = set(self._busy_devices)
        for job in self._pending_jobs:
            if job.future.done():
                continue
            is_same_kind = not taken or (job.work is None) is (taken[0].work is None)
            is_full = (
                len(devices) >= _MAX_DEVICES_PER_ROUND and job.device_id not in devices
            )
            if is_full or not is_same_kind or job.device_id in skipped:
                skipped.add(job.device_id)
                remaining.append(job)
            else:
                taken.append(job)
                devices.add(job.device_id)
        self._pending_jobs = remaining
        self._busy_devices |= devices
        return taken

    async def _run_round(self, writer: ConnectionThread, jobs: list[WriteJob]) -> None:
        devices = {job.device_id for job in jobs}
        loop = asyncio.get_running_loop()
        slow_timer = loop.call_later(_SLOW_ROUND_AFTER, self._stop_counting, writer)
        try:
            if jobs[0].work is None:
                await self._run_decision_jobs(writer, jobs, devices - {NO_DEVICE})
            else:
                await self._run_work_jobs(writer, jobs)
            self.last_write.record(jobs, failed=False)
        except Exception as error:  # noqa: BLE001 - told to the callers
            if is_of_the_database(error):
                self.last_write.record(jobs, failed=True)
            for job in jobs:
                job.settle(error=error)
        finally:
            slow_timer.cancel()
            self._counted_writers.discard(writer)
            del self._first_ids[writer]
            self._busy_devices -= devices
            self._idle_writers.append(writer)
            self._schedule()

    def _stop_counting(self, writer: ConnectionThread) -> None:
        self._counted_writers.discard(writer)
        self._schedule()

    async def _run_work_jobs(
        self, writer: ConnectionThread, jobs: list[WriteJob]
    ) -> None:
        """Run functions that execute SQL, all in one transaction."""
        changes = Changes(self.new_id, self.now())
        stamp_audit(jobs, changes)
        write_changes = prepare_write(changes, jobs)
        await writer.run(partial(write_with_retry, write_changes=write_changes))
        for job in jobs:
            job.settle(job.value)

    async def _run_decision_jobs(
        self, writer: ConnectionThread, jobs: list[WriteJob], devices: set[int]
    ) -> None:
        """Run decisions on locked lanes, and commit."""
        device_ids = sorted(devices)
        cached = self.lane_cache.start_read(device_ids)
        in_flights_before = {
            i: tuple(cached[i].lane.in_flights) if i in cached else ()
            for i in device_ids
        }
        try:
            await self._decide_and_commit(writer, jobs, device_ids, cached)
        except BaseException as error:
            self.lane_cache.roll_back(in_flights_before)
            if not isinstance(error, (Unavailable, asyncio.CancelledError)):
                await writer.run(Connection.rollback_or_close)
            raise

    async def _decide_and_commit(
        self,
        writer: ConnectionThread,
        jobs: list[WriteJob],
        device_ids: Sequence[int],
        cached: Mapping[int, CachedLane],
    ) -> None:
        clock_jumps = self.lane_cache.clock_jumps
        lookups = {
            i: (job.device_id, job.lookup)
            for i, job in enumerate(jobs)
            if job.lookup is not None
        }
        lock_and_read = partial(
            self._lock_and_read,
            device_ids=device_ids,
            cached=cached,
            now=self.now(),
            lookups=lookups,
            interest=dict(self.interest),
        )
        lanes, prior_states, start = await writer.run(lock_and_read)
        # No id made from now on is older than the transaction.
        self.database_clock.record_offset(start.clock_offset)
        for device_id in (*device_ids, NO_DEVICE):
            lane = lanes.setdefault(device_id, Lane(device_id))
            lane.owner = start.owners.get(device_id, NOBODY)
            self.lane_cache.restore_transient_state(lane)
        changes = Changes(self.new_id, self.now(), start.interest)
        failed = _run_decisions(jobs, lanes, prior_states, changes)
        previous_rows, version = start.lane_rows, self.new_id()
        updated_rows = updated_lane_rows(changes, lanes, previous_rows, version, failed)
        lane_rows_sql = upsert_sql(updated_rows, previous_rows)
        await writer.run(
            partial(
                write_and_commit,
                write_changes=prepare_write(changes, ()),
                lane_rows_sql=lane_rows_sql,
            )
        )
        versions: dict[int, int | None] = {
            **{device_id: each.version for device_id, each in previous_rows.items()},
            **{device_id: version for device_id, _ in updated_rows},
            **dict.fromkeys(failed),
        }
        if clock_jumps != self.lane_cache.clock_jumps:
            versions.clear()  # deadlines were moved meanwhile, here or in the database
        self._after_commit(jobs, changes, lanes, versions)

    def _lock_and_read(
        self,
        connection: Connection,
        device_ids: Sequence[int],
        cached: Mapping[int, CachedLane],
        now: int,
        lookups: Mapping[int, tuple[int, Lookup]],
        interest: EventTypesByScope,
    ) -> tuple[dict[int, Lane], PriorStates, RoundStart]:
        """Lock the devices, and read their lanes."""
        # After the lock, so a device's ids grow whichever server makes them.
        start = start_round(connection, self.database_clock, interest, device_ids)
        lanes = load_lanes(connection, device_ids, cached, start.lane_rows, now)
        return lanes, run_lookups(connection, lookups, lanes), start

    def _after_commit(
        self,
        jobs: Sequence[WriteJob],
        changes: Changes,
        lanes: Mapping[int, Lane],
        versions: Mapping[int, int | None],
    ) -> None:
        """After the commit: update the cache, publish the notice, wake the callers."""
        mark_stored(changes, self.waiting_by_scope)
        for lane in lanes.values():
            if lane.device_id != NO_DEVICE:
                self.lane_cache.put(
                    lane, versions.get(lane.device_id), changes.changed_commands
                )
        self.lane_cache.orders.update(changes)
        self.publish(commit_notice(changes, lanes))
        for job in jobs:
            job.settle(job.value)


def _run_decisions(
    jobs: Sequence[WriteJob],
    lanes: Mapping[int, Lane],
    prior_states: PriorStates,
    changes: Changes,
) -> set[int]:
    """Run the decisions; return the devices of those that failed."""
    failed = set()
    for i, job in enumerate(jobs):
        assert job.decide is not None  # noqa: S101 - it is work otherwise
        try:
            prior_state, lane = (
                prior_states.get(i, NO_PRIOR_STATE),
                lanes[job.device_id],
            )
            lane.forget_derived()
            job.value = job.decide(lane, changes, prior_state)
        except PushServerError as error:
            # It changed nothing, so a long lane need not be read again.
            job.settle(error=error)
        except Exception as error:  # noqa: BLE001 - told to its caller
            failed.add(job.device_id)
            job.settle(error=error)
    return failed
