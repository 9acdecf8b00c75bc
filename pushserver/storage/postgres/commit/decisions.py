"""Runs decisions on the lanes of their devices, in one transaction.

A round locks its devices, reads those of their lanes that others have changed, lets the
decisions change them, and writes the recorded changes: mostly two questions that the
event loop asks; what takes more goes to the connection's thread. Only the database is
authoritative, so any number of servers may decide on a device.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import attrs

from pushserver.errors import PushServerError, Unavailable
from pushserver.metrics.recorder import CommitMetrics
from pushserver.model.change_notice import ChangeNotice, commit_notice
from pushserver.model.changes import Changes
from pushserver.model.event import EventTypesByScope
from pushserver.model.lane import NOBODY, Lane
from pushserver.storage.commands import NO_DEVICE, NO_PRIOR_STATE, PriorState
from pushserver.storage.postgres.commit.lane_cache import CachedLane, LaneCache
from pushserver.storage.postgres.commit.lane_loading import load_lanes
from pushserver.storage.postgres.commit.lane_locking import start_round
from pushserver.storage.postgres.commit.lane_rows import (
    LaneRow,
    updated_lane_rows,
    upsert,
)
from pushserver.storage.postgres.commit.transaction import finish_round
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.connection import MemoryAlone, NotInMemory, SqlConnection
from pushserver.storage.sql.lanes import LanesByDevice
from pushserver.storage.sql.lookups import run_lookups
from pushserver.storage.sql.repeated_acts import RepeatedActs
from pushserver.storage.sql.round_budget import RoundBudget
from pushserver.storage.sql.write_jobs import (
    WriteJob,
    mark_stored,
)

PriorStates = dict[int, PriorState]
Read = tuple[LanesByDevice, PriorStates | None]


@attrs.define(eq=False)
class DecisionRunner:
    """Locks lanes, lets decisions change them, commits, and tells of it."""

    lane_cache: LaneCache
    now: Callable[[], int]
    new_id: Callable[[], int]
    interest: EventTypesByScope
    database_clock: DatabaseClock
    publish: Callable[[ChangeNotice], None]
    waiting_by_scope: Counter[int]
    metrics: CommitMetrics = attrs.field(factory=CommitMetrics, init=False)
    repeated_acts: RepeatedActs = attrs.field(factory=RepeatedActs, init=False)

    async def run(
        self, writer: ConnectionThread, jobs: list[WriteJob]
    ) -> list[WriteJob]:
        """
        Run decisions on locked lanes, and commit; return those left for the next round.

        That are half of them or more if together they need too many services.
        """
        left: list[WriteJob] = []
        while (undecided := await self._try_round(writer, jobs)) is None:
            half = len(jobs) // 2
            jobs, left = jobs[:half], jobs[half:] + left
        return undecided + left

    async def _try_round(
        self, writer: ConnectionThread, jobs: list[WriteJob]
    ) -> list[WriteJob] | None:
        """
        Run decisions; return those left; None: they need too many services.

        Then it did nothing.
        """
        device_ids = sorted({job.device_id for job in jobs} - {NO_DEVICE})
        cached = self.lane_cache.start_read(device_ids)
        in_flights_before = {
            i: tuple(cached[i].lane.in_flights) if i in cached else ()
            for i in device_ids
        }
        try:
            return await self._decide_and_commit(writer, jobs, device_ids, cached)
        except BaseException as error:
            self.lane_cache.roll_back(in_flights_before)
            if not isinstance(error, (Unavailable, asyncio.CancelledError)):
                await writer.run(Connection.rollback_or_close)
            raise
        finally:
            self.lane_cache.forget_services(device_ids)

    async def _decide_and_commit(
        self,
        writer: ConnectionThread,
        jobs: list[WriteJob],
        device_ids: Sequence[int],
        cached: Mapping[int, CachedLane],
    ) -> list[WriteJob] | None:
        clock_jumps = self.lane_cache.clock_jumps
        start = await start_round(
            writer, self.database_clock, dict(self.interest), device_ids
        )
        lanes, prior_states = await _read(
            writer,
            partial(
                _read_lanes,
                device_ids=device_ids,
                cached=cached,
                lane_rows=start.lane_rows,
                now=self.now(),
                jobs=jobs,
            ),
        )
        if prior_states is None:
            await writer.run(Connection.rollback_or_close)
            return None
        # No id made from now on is older than the transaction.
        self.database_clock.record_offset(start.clock_offset)
        for device_id in (*device_ids, NO_DEVICE):
            lane = lanes.setdefault(device_id, Lane(device_id))
            lane.owner = start.owners.get(device_id, NOBODY)
            lane.keys = start.keys.get(device_id)
            self.lane_cache.restore_transient_state(lane)
        changes = Changes(self.new_id, self.now(), start.interest)
        decided, failed = _run_decisions(jobs, lanes, prior_states, changes)
        await changes.do_late_work()
        previous_rows, version = start.lane_rows, self.new_id()
        updated_rows = updated_lane_rows(changes, lanes, previous_rows, version, failed)
        self.repeated_acts.mark(changes.audit_entries)
        lane_batch = [upsert(updated_rows, previous_rows)] if updated_rows else []
        started = time.perf_counter()
        await finish_round(writer, prepare_write(changes, (), lane_batch))
        rows = changes.row_count + len(updated_rows)
        self.metrics.record_write(time.perf_counter() - started, rows)
        versions: dict[int, int | None] = {
            **{device_id: each.version for device_id, each in previous_rows.items()},
            **{device_id: version for device_id, _ in updated_rows},
            **dict.fromkeys(failed),
        }
        if clock_jumps != self.lane_cache.clock_jumps:
            versions.clear()  # deadlines were moved meanwhile, here or in the database
        self._after_commit(jobs[:decided], changes, lanes, versions)
        return jobs[decided:]

    def _after_commit(
        self,
        jobs: Sequence[WriteJob],
        changes: Changes,
        lanes: Mapping[int, Lane],
        versions: Mapping[int, int | None],
    ) -> None:
        """After the commit: update the cache, publish the notice, wake the callers."""
        mark_stored(changes, self.waiting_by_scope)
        self.metrics.record_changes(changes)
        for lane in lanes.values():
            if lane.device_id != NO_DEVICE:
                self.lane_cache.put(
                    lane, versions.get(lane.device_id), changes.changed_commands
                )
        self.lane_cache.orders.update(changes)
        self.publish(commit_notice(changes, lanes))
        for job in jobs:
            job.settle(job.value)


async def _read(
    writer: ConnectionThread, read: Callable[[SqlConnection], Read]
) -> Read:
    """Read what decisions need: mostly it is in memory, and nobody has to be asked."""
    with suppress(NotInMemory):
        return read(MemoryAlone())
    return await writer.run(read)


def _read_lanes(
    connection: SqlConnection,
    device_ids: Sequence[int],
    cached: Mapping[int, CachedLane],
    lane_rows: Mapping[int, LaneRow],
    now: int,
    jobs: Sequence[WriteJob],
) -> Read:
    lanes = load_lanes(connection, device_ids, cached, lane_rows, now)
    return lanes, run_lookups(connection, jobs, lanes)


def _run_decisions(
    jobs: Sequence[WriteJob],
    lanes: Mapping[int, Lane],
    prior_states: PriorStates,
    changes: Changes,
) -> tuple[int, set[int]]:
    """Run decisions; return how many, and the devices of those that failed."""
    failed, budget = set[int](), RoundBudget()
    for i, job in enumerate(jobs):
        if i and budget.is_spent:
            return i, failed
        try:
            prior_state, lane = (
                prior_states.get(i, NO_PRIOR_STATE),
                lanes[job.device_id],
            )
            lane.forget_derived()
            job.run_decision(lane, changes, prior_state)
        except PushServerError as error:
            # It changed nothing, so a long lane need not be read again.
            job.settle(error=error)
        except Exception as error:  # noqa: BLE001 - told to its caller
            failed.add(job.device_id)
            job.settle(error=error)
        budget.spend(job)
    return len(jobs), failed
