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
from pushserver.model.event import Interest
from pushserver.model.lane import Lane
from pushserver.storage.deciding import NO_PAST, Past
from pushserver.storage.sql.lanes import load
from pushserver.storage.sql.recall import recall_all
from pushserver.storage.sql.work import Job, Observer, confirm, watched
from pushserver.storage.sql.write import write
from pushserver.storage.sqlite.connection import Connection, in_transaction
from pushserver.storage.sqlite.lanes import Lanes


@attrs.define(eq=False, repr=False)
class GroupCommit:
    """The one writer. `stale` are the devices whose lanes must be read again."""

    connection: Connection
    lanes: Lanes
    now: Callable[[], int]
    new_id: Callable[[], int]
    interest: Interest
    observers: list[Observer] = attrs.Factory(list)
    _waiting: list[Job] = attrs.field(factory=list, init=False)
    _stale: set[int] = attrs.field(factory=set, init=False)
    _bell: asyncio.Future[None] | None = attrs.field(default=None, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._ring()
        if self._task is not None:
            await self._task

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Put *job* into the next round; the future is done after its commit."""
        if self._closing:
            raise Unavailable("The server is stopping; try again.")
        self._waiting.append(job)
        self._ring()
        return job.future

    def _ring(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._bell = loop.create_future()
                await self._bell
                continue
            jobs, self._waiting = self._waiting, []
            await self._round([job for job in jobs if not job.future.done()])

    async def _round(self, jobs: list[Job]) -> None:
        try:
            await self._refresh()
            pasts = await self._recall(jobs)
        except Exception as error:  # noqa: BLE001 - told to the callers; the writer lives
            await self._undo(jobs)
            _fail(jobs, error)
            return
        changes = Changes(self.new_id, self.interest)
        jobs = self._decide(jobs, pasts, changes)
        works = [job for job in jobs if job.work is not None]
        try:
            await self._write(changes, works)
        except Exception as error:  # noqa: BLE001 - told to the callers; the writer lives
            await self._undo(jobs)
            _fail(jobs, error)
            return
        self._confirm(jobs, changes)

    async def _write(self, changes: Changes, works: Sequence[Job]) -> None:
        """Write it all in one transaction, if there is anything to write."""
        writing = write(changes, works)
        if writing is not None:
            await self.connection.run(partial(in_transaction, work=writing))

    async def _undo(self, jobs: Sequence[Job]) -> None:
        """Read the lanes of *jobs* again, now if that can be done, else later."""
        self._stale.update(job.device_id for job in jobs if job.decide)
        with suppress(Unavailable):
            await self._refresh()

    async def _refresh(self) -> None:
        """Read the lanes again whose last commit failed."""
        for device_id in list(self._stale):
            read = partial(load, device_ids=[device_id], now=self.now())
            lanes = await self.connection.run(read)
            self.lanes.put(lanes.get(device_id) or Lane(device_id))
            self._stale.discard(device_id)

    async def _recall(self, jobs: Sequence[Job]) -> dict[int, Past]:
        asked = {
            i: (job.device_id, job.recall)
            for i, job in enumerate(jobs)
            if job.recall is not None
        }
        if not asked:
            return {}
        return await self.connection.run(lambda c: recall_all(c, asked, {}))

    def _decide(
        self, jobs: Sequence[Job], pasts: dict[int, Past], changes: Changes
    ) -> list[Job]:
        """Let each decision change its lane; return the jobs that go on."""
        going_on = []
        for i, job in enumerate(jobs):
            if job.decide is None:
                going_on.append(job)
                continue
            lane = self.lanes.open(job.device_id)
            past = pasts.get(i, NO_PAST)
            try:
                job.value = job.decide(lane, changes, past)
                going_on.append(job)
            except PushServerError as error:
                job.fail(error)
            except Exception as error:  # noqa: BLE001 - told to its caller, who logs it
                self._stale.add(job.device_id)
                job.fail(error)
        return going_on

    def _confirm(self, jobs: Sequence[Job], changes: Changes) -> None:
        """The disk has it: remember that, and tell everybody."""
        confirm(changes)
        for command in changes.added:
            lane = self.lanes.open(command.device_id)
            self.lanes.set_alarm(lane, command.expires_at)
        for delivery in changes.handed_out:
            lane = self.lanes.open(delivery.device_id)
            if lane.flight is not None:
                self.lanes.set_alarm(lane, lane.flight.timeout_at)
        for observer in self.observers:
            watched(observer, changes)
        for job in jobs:
            job.settle()
            if job.decide is not None:
                self.lanes.settle(job.device_id)


def _fail(jobs: Sequence[Job], error: Exception) -> None:
    for job in jobs:
        job.fail(error)
