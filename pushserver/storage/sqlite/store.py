"""The SQLite store: keeps the promise of `storage.base` with one file."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import attrs

from pushserver.clock import Clock
from pushserver.model.changes import Changes
from pushserver.model.event import EventType
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.load import Load
from pushserver.model.news import News
from pushserver.model.state import IN_FLIGHT, State
from pushserver.storage.deciding import Decision, Recall, Then
from pushserver.storage.sql.history import SqlHistory
from pushserver.storage.sql.interests import SqlInterests
from pushserver.storage.sql.lanes import load_all
from pushserver.storage.sql.newest import largest_id
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.orders import Orders
from pushserver.storage.sql.shadows import SqlShadows
from pushserver.storage.sql.store import SqlStore
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades
from pushserver.storage.sql.work import Job, Writer
from pushserver.storage.sqlite.commit import GroupCommit
from pushserver.storage.sqlite.connection import (
    Connection,
    FileLock,
    connect_reader,
    connect_writer,
)
from pushserver.storage.sqlite.lanes import Lanes

T = TypeVar("T")


@attrs.define(eq=False, kw_only=True, repr=False)
class SqliteStore(SqlStore):
    """
    One file, one process.

    The writer has a connection of its own, and so have the three readers.
    """

    lock: FileLock
    writer: GroupCommit
    hot: Connection
    lists: Connection
    workers: Connection
    lanes: Lanes
    orders: Orders
    new_id: IdSource
    interest: dict[int, frozenset[EventType]]

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """
        Open the file, making it where there is none.

        Raises:
            Misconfigured: it cannot be opened, or another process has it.
        """
        lock = FileLock(path)
        try:
            connection = await connect_writer(path, clock.now())
        except BaseException:
            lock.release()
            raise
        lanes = Lanes()
        for lane in await connection.run(lambda c: load_all(c, clock.now())):
            lanes.put(lane)
        new_id = IdSource(clock.now, floor=await connection.run(largest_id))
        interest: dict[int, frozenset[EventType]] = {}
        writer = GroupCommit(connection, lanes, clock.now, new_id, interest)
        write = Writer(writer)
        lists = await connect_reader(path)
        workers = await connect_reader(path)
        store = cls(
            lock=lock,
            writer=writer,
            hot=await connect_reader(path),
            lists=lists,
            lanes=lanes,
            orders=Orders(),
            workers=workers,
            write=write,
            operations=SqlOperations(lists, workers, write),
            tasks=SqlTasks(workers, write),
            upgrades=SqlUpgrades(lists),
            shadows=SqlShadows(lists, workers),
            subscriptions=SqlSubscriptions(workers, write),
            interests=SqlInterests(workers, write),
            history=SqlHistory(workers, write),
            new_id=new_id,
            interest=interest,
        )
        store.watch(store._keep_orders)
        writer.start()
        return store

    # Commands

    async def change(
        self,
        device_id: int,
        decide: Decision[T],
        recall: Recall | None = None,
        then: Then[T] | None = None,
    ) -> T:
        """Let *decide* change the device's lane, in the next round."""
        future = asyncio.get_running_loop().create_future()
        job = Job(future, device_id, decide, recall, then)
        value: T = await self.writer.submit(job)
        return value

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        """Ask the lane in memory."""
        lane = self.lanes.get(device_id)
        return lane is None or lane.is_quiet(now, grace)

    def lane(self, device_id: int) -> Lane | None:
        """Return the lane from memory."""
        return self.lanes.get(device_id)

    async def loads(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, Load]:
        """Ask the lanes in memory."""
        lanes = ((i, self.lanes.get(i)) for i in device_ids)
        return {i: lane.load(scope_id) for i, lane in lanes if lane is not None}

    async def live(self, device_ids: Collection[int]) -> Collection[int]:
        """Ask the lanes in memory, once they are those of all that was asked for."""
        await self.check()
        return [i for i in device_ids if self.lanes.get(i) is not None]

    async def overdue(self, now: int) -> Sequence[int]:
        """Return the devices whose lanes are due."""
        return self.lanes.overdue(now)

    async def shift(self, jump: int) -> None:
        """Move the deadlines in memory."""
        self.lanes.shift(jump)

    def _keep_orders(self, changes: Changes) -> None:
        for command in changes.added:
            if command.state is State.PENDING:
                self.orders.admit(command)
        for move in changes.moves:
            if move.command.state not in IN_FLIGHT:
                self.orders.drop(move.command.id)

    # Its own life

    @property
    def leads(self) -> bool:
        """A file has one server."""
        return True

    @property
    def version(self) -> str:
        """Name the library."""
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def is_shared(self) -> bool:
        """The file is locked against others."""
        return False

    def follow(self, listener: Callable[[News], None]) -> None:
        """There are no other servers over the same file."""

    async def hear(self) -> None:
        """There is nobody to be heard."""

    def watch(self, observer: Callable[[Changes], None]) -> None:
        """Call *observer* after each commit."""
        self.writer.observers.append(observer)

    async def close(self) -> None:
        """Write what waits and close."""
        await self.writer.stop()
        await self.hot.close()
        await self.lists.close()
        await self.workers.close()
        await self.writer.connection.close()
        self.lock.release()
