"""Rounds: decisions that wait at the same time share a transaction.

A round locks its devices, reads those of their lanes that others have changed, lets the
decisions change them, and writes what they noted: two trips to its connection's thread.
The database alone is believed, so it does not matter which server, or how many of them,
decide on a device. Rounds on different devices run side by side; in this process a
device is in one at a time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import psycopg

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.event import Interest
from pushserver.model.ids import MAX_INT64
from pushserver.model.lane import Lane
from pushserver.storage.deciding import NO_DEVICE, NO_PAST, Past, Recall
from pushserver.storage.postgres.hours import Hours
from pushserver.storage.postgres.known import Kept, Known
from pushserver.storage.postgres.lanes import load
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.session import Session
from pushserver.storage.postgres.summaries import renewal, summaries
from pushserver.storage.postgres.wanted import Beginning, begin
from pushserver.storage.sql.recall import recall_all
from pushserver.storage.sql.work import Job, Observer, confirm, watched
from pushserver.storage.sql.write import write

#: Devices in a round at the most.
_MOST = 200
#: So many rounds run side by side: the longer others wait for their turn, the more of
#: them share a round, and the fewer statements there are. A round that takes longer
#: than so many seconds, since it waits for a lock, does not count.
_SIDE_BY_SIDE, _LONG = 2, 0.05

Pasts = dict[int, Past]


@attrs.define(eq=False)
class Rounds:
    """Takes jobs, and does them in rounds on *sessions*."""

    sessions: Sequence[Session]
    known: Known
    now: Callable[[], int]
    new_id: Callable[[], int]
    interest: Interest
    hours: Hours
    observers: list[Observer] = attrs.Factory(list)
    _idle: list[Session] = attrs.field(init=False)
    _waiting: list[Job] = attrs.field(factory=list, init=False)
    _busy: set[int] = attrs.field(factory=set, init=False)
    _begun: dict[Session, int] = attrs.field(factory=dict, init=False)
    _young: set[Session] = attrs.field(factory=set, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _planned: bool = attrs.field(default=False, init=False)
    _closing: bool = attrs.field(default=False, init=False)

    @_idle.default
    def _all(self) -> list[Session]:
        return list(self.sessions)

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Put *job* into a round; the future is done after its commit."""
        if self._closing:
            raise Unavailable("The server is stopping; try again.")
        self._waiting.append(job)
        self._plan()
        return job.future

    def settled(self) -> int:
        """Return an id below which nothing is written any more: all of it is there."""
        return min(self._begun.values(), default=MAX_INT64)

    @property
    def devices(self) -> set[int]:
        """On which devices something is decided, or waits to be."""
        return self._busy | {job.device_id for job in self._waiting}

    async def stop(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        while self._waiting or self._tasks:
            await asyncio.sleep(0)
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _plan(self) -> None:
        """Begin rounds soon: what is asked in the same moment goes into one."""
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._planned = False
        while (
            self._idle and len(self._young) < _SIDE_BY_SIDE and (jobs := self._take())
        ):
            session = self._idle.pop()
            self._begun[session] = self.new_id()
            self._young.add(session)
            task = asyncio.create_task(self._round(session, jobs), name="round")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[Job]:
        """Take jobs of one kind, on devices that no other round has, in order."""
        taken: list[Job] = []
        left: list[Job] = []
        devices: set[int] = set()
        passed = set(self._busy)
        for job in self._waiting:
            if job.future.done():
                continue
            fits = not taken or (job.work is None) is (taken[0].work is None)
            full = len(devices) >= _MOST and job.device_id not in devices
            if full or not fits or job.device_id in passed:
                passed.add(job.device_id)
                left.append(job)
            else:
                taken.append(job)
                devices.add(job.device_id)
        self._waiting = left
        self._busy |= devices
        return taken

    async def _round(self, session: Session, jobs: list[Job]) -> None:
        devices = {job.device_id for job in jobs}
        loop = asyncio.get_running_loop()
        ageing = loop.call_later(_LONG, self._age, session)
        try:
            if jobs[0].work is None:
                await self._decisions(session, jobs, devices - {NO_DEVICE})
            else:
                await self._works(session, jobs)
        except Exception as error:  # noqa: BLE001 - told to the callers
            for job in jobs:
                job.fail(error)
        finally:
            ageing.cancel()
            self._young.discard(session)
            del self._begun[session]
            self._busy -= devices
            self._idle.append(session)
            self._plan()

    def _age(self, session: Session) -> None:
        self._young.discard(session)
        self._plan()

    async def _works(self, session: Session, jobs: list[Job]) -> None:
        """Do somebody's own statements, all in one transaction."""
        writing = write(Changes(self.new_id), jobs)

        await session.run(partial(_try, writing=writing))
        for job in jobs:
            job.settle()

    async def _decisions(
        self, session: Session, jobs: list[Job], devices: set[int]
    ) -> None:
        """Decide on lanes that are locked, and write."""
        ids = sorted(devices)
        kept = self.known.ask(ids)
        flights = {i: kept[i].lane.flight if i in kept else None for i in ids}
        try:
            await self._decision(session, jobs, ids, kept)
        except BaseException as error:
            self.known.spoil(flights)
            if not isinstance(error, (Unavailable, asyncio.CancelledError)):
                await session.run(Link.clean)
            raise

    async def _decision(
        self,
        session: Session,
        jobs: list[Job],
        ids: Sequence[int],
        kept: Mapping[int, Kept],
    ) -> None:
        jumps = self.known.jumps
        recalls = {
            i: (job.device_id, job.recall)
            for i, job in enumerate(jobs)
            if job.recall is not None
        }
        read = partial(
            self._read,
            ids=ids,
            kept=kept,
            now=self.now(),
            recalls=recalls,
            interest=dict(self.interest),
        )
        lanes, pasts, beginning = await session.run(read)
        # No id that is made now is older than the transaction.
        self.hours.hear(beginning.offset)
        for device_id in (*ids, NO_DEVICE):
            lane = lanes.setdefault(device_id, Lane(device_id))
            self.known.complete(lane)
        changes = Changes(self.new_id, beginning.interest)
        failed = _decide(jobs, lanes, pasts, changes)
        known, version = beginning.summaries, self.new_id()
        told = summaries(changes, lanes, known, version, failed)
        renew = renewal(told, known)
        await session.run(partial(_finish, writing=write(changes, ()), renew=renew))
        versions: dict[int, int | None] = {
            **{device_id: each.version for device_id, each in known.items()},
            **{device_id: version for device_id, _ in told},
            **dict.fromkeys(failed),
        }
        if jumps != self.known.jumps:
            versions.clear()  # deadlines moved meanwhile, here or in the database
        self._confirm(jobs, changes, lanes, versions)

    def _read(
        self,
        link: Link,
        ids: Sequence[int],
        kept: Mapping[int, Kept],
        now: int,
        recalls: Mapping[int, tuple[int, Recall]],
        interest: Interest,
    ) -> tuple[dict[int, Lane], Pasts, Beginning]:
        """Lock the devices, and read their lanes."""
        # After the lock: what is made for a device grows by id from server to server.
        beginning = begin(link, self.hours, interest, ids)
        lanes = load(link, ids, kept, beginning.summaries, now)
        return lanes, recall_all(link, recalls, lanes), beginning

    def _confirm(
        self,
        jobs: Sequence[Job],
        changes: Changes,
        lanes: Mapping[int, Lane],
        versions: Mapping[int, int | None],
    ) -> None:
        """The disk has it: remember that, and tell everybody."""
        confirm(changes)
        for lane in lanes.values():
            if lane.device_id != NO_DEVICE:
                self.known.put(lane, versions.get(lane.device_id), changes.commands)
        for observer in self.observers:
            watched(observer, changes)
        for job in jobs:
            job.settle()


def _try(link: Link, writing: Callable[[Link], None] | None) -> None:
    """Write; again, if another server locked the same rows in another order."""
    for again in (True, True, False):
        try:
            link.execute_all("BEGIN")
            _finish(link, writing)
        except psycopg.errors.DeadlockDetected:
            if not again:
                raise
            link.clean()
        else:
            return


def _decide(
    jobs: Sequence[Job], lanes: Mapping[int, Lane], pasts: Pasts, changes: Changes
) -> set[int]:
    """Let each decision change its lane; return the devices of those that failed."""
    failed = set()
    for i, job in enumerate(jobs):
        assert job.decide is not None  # noqa: S101 - it is work otherwise
        try:
            past = pasts.get(i, NO_PAST)
            job.value = job.decide(lanes[job.device_id], changes, past)
        except Exception as error:  # noqa: BLE001 - told to its caller
            failed.add(job.device_id)
            job.fail(error)
    return failed


def _finish(
    link: Link,
    writing: Callable[[Link], None] | None,
    renew: str = "",
) -> None:
    """
    Write, *renew* versions, and commit: that gives the devices back, too.

    Raises:
        Unavailable: they were lost meanwhile, with the connection.
    """
    if not link.is_within:
        raise Unavailable("The connection was lost.")
    if writing is not None:
        writing(link)
    link.execute_all(f"{renew} COMMIT")
