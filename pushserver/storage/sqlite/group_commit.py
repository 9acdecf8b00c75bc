"""Group commit: whatever waits while one commit runs shares the next.

A round takes all that waits, lets the decisions change the lanes in memory, writes
what they noted in one transaction, and only then tells the callers.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs

from pushserver.errors import PushServerError, Unavailable
from pushserver.model.changes import Changes
from pushserver.model.event import EventTypesByScope
from pushserver.model.lane import Lane
from pushserver.storage.commands import NO_PRIOR_STATE, PriorState
from pushserver.storage.sql.changes import prepare_write
from pushserver.storage.sql.lanes import load_lanes
from pushserver.storage.sql.lookups import run_lookups
from pushserver.storage.sql.write_jobs import (
    CommitObserver,
    WriteJob,
    call_logged,
    mark_stored,
)
from pushserver.storage.sqlite.connection import SqliteConnection, run_in_transaction
from pushserver.storage.sqlite.lanes import InMemoryLanes


@attrs.define(eq=False, repr=False)
class GroupCommit:
    """The one writer. `stale` are the devices whose lanes must be read again."""

    connection: SqliteConnection
    lanes: InMemoryLanes
    now: Callable[[], int]
    new_id: Callable[[], int]
    interest: EventTypesByScope
    observers: list[CommitObserver] = attrs.Factory(list)
    _waiting: list[WriteJob] = attrs.field(factory=list, init=False)
    _stale_devices: set[int] = attrs.field(factory=set, init=False)
    _wakeup: asyncio.Future[None] | None = attrs.field(default=None, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._wake_up()
        if self._task is not None:
            await self._task

    def submit(self, job: WriteJob) -> asyncio.Future[Any]:
        """Put *job* into the next round; the future is done after its commit."""
        if self._closing:
            raise Unavailable("The server is stopping; try again.")
        self._waiting.append(job)
        self._wake_up()
        return job.future

    def _wake_up(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._wakeup = loop.create_future()
                await self._wakeup
                continue
            jobs, self._waiting = self._waiting, []
            await self._commit_round([job for job in jobs if not job.future.done()])

    async def _commit_round(self, jobs: list[WriteJob]) -> None:
        try:
            await self._reload_stale_lanes()
            prior_states = await self._run_lookups(jobs)
        except Exception as error:  # noqa: BLE001 - told to the callers; the writer lives
            await self._reload_lanes(jobs)
            _fail_all(jobs, error)
            return
        changes = Changes(self.new_id, self.interest)
        jobs = self._decide(jobs, prior_states, changes)
        sql_jobs = [job for job in jobs if job.work is not None]
        try:
            await self._write(changes, sql_jobs)
        except Exception as error:  # noqa: BLE001 - told to the callers; the writer lives
            await self._reload_lanes(jobs)
            _fail_all(jobs, error)
            return
        self._publish_commit(jobs, changes)

    async def _write(self, changes: Changes, sql_jobs: Sequence[WriteJob]) -> None:
        """Write it all in one transaction, if there is anything to write."""
        apply = prepare_write(changes, sql_jobs)
        if apply is not None:
            await self.connection.run(partial(run_in_transaction, work=apply))

    async def _reload_lanes(self, jobs: Sequence[WriteJob]) -> None:
        """Read the lanes of *jobs* again, now if that can be done, else later."""
        self._stale_devices.update(job.device_id for job in jobs if job.decide)
        with suppress(Unavailable):
            await self._reload_stale_lanes()

    async def _reload_stale_lanes(self) -> None:
        """Read the lanes again whose last commit failed."""
        for device_id in list(self._stale_devices):
            read = partial(load_lanes, device_ids=[device_id], now=self.now())
            lanes = await self.connection.run(read)
            self.lanes.replace(lanes.get(device_id) or Lane(device_id))
            self._stale_devices.discard(device_id)

    async def _run_lookups(self, jobs: Sequence[WriteJob]) -> dict[int, PriorState]:
        lookups = {
            i: (job.device_id, job.lookup)
            for i, job in enumerate(jobs)
            if job.lookup is not None
        }
        if not lookups:
            return {}
        return await self.connection.run(lambda c: run_lookups(c, lookups, {}))

    def _decide(
        self,
        jobs: Sequence[WriteJob],
        prior_states: dict[int, PriorState],
        changes: Changes,
    ) -> list[WriteJob]:
        """Let each decision change its lane; return the jobs that go on."""
        decided = []
        for i, job in enumerate(jobs):
            if job.decide is None:
                decided.append(job)
                continue
            lane = self.lanes.get_or_create(job.device_id)
            prior_state = prior_states.get(i, NO_PRIOR_STATE)
            try:
                job.value = job.decide(lane, changes, prior_state)
                decided.append(job)
            except PushServerError as error:
                job.fail(error)
            except Exception as error:  # noqa: BLE001 - told to its caller, who logs it
                self._stale_devices.add(job.device_id)
                job.fail(error)
        return decided

    def _publish_commit(self, jobs: Sequence[WriteJob], changes: Changes) -> None:
        """The disk has it: remember that, and tell everybody."""
        mark_stored(changes)
        for command in changes.new_commands:
            lane = self.lanes.get_or_create(command.device_id)
            self.lanes.set_timer(lane, command.expires_at)
        for delivery in changes.new_deliveries:
            lane = self.lanes.get_or_create(delivery.device_id)
            if lane.in_flight is not None:
                self.lanes.set_timer(lane, lane.in_flight.timeout_at)
        for observer in self.observers:
            call_logged(observer, changes)
        for job in jobs:
            job.complete()
            if job.decide is not None:
                self.lanes.drop_or_reschedule(job.device_id)


def _fail_all(jobs: Sequence[WriteJob], error: Exception) -> None:
    for job in jobs:
        job.fail(error)
