"""The SQLite store: implements `storage.base` with one file."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import attrs

from pushserver.clock import Clock
from pushserver.errors import Misconfigured, Unavailable
from pushserver.metrics.recorder import CommitMetrics
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.event import EventType
from pushserver.model.ids import IdGenerator
from pushserver.model.lane import Lane
from pushserver.model.queue_status import QueueStatus
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.servers import ServerInfo
from pushserver.storage.sql.audit import SqlAudit
from pushserver.storage.sql.blobs import SqlBlobs
from pushserver.storage.sql.bodies import SqlBodies
from pushserver.storage.sql.clock_store import SqlClock, open_clock
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.lanes import load_all_lanes
from pushserver.storage.sql.largest_id import largest_id
from pushserver.storage.sql.lookups import run_lookup
from pushserver.storage.sql.notifications import SqlNotifications
from pushserver.storage.sql.operations import SqlOperations
from pushserver.storage.sql.order_cache import OrderCache
from pushserver.storage.sql.retention import SqlRetention
from pushserver.storage.sql.shadows import RoundServices, SqlShadows
from pushserver.storage.sql.statistics import SqlStatistics
from pushserver.storage.sql.store import SqlStore
from pushserver.storage.sql.stream_interests import SqlStreamInterests
from pushserver.storage.sql.subscriptions import SqlSubscriptions
from pushserver.storage.sql.tasks import SqlTasks
from pushserver.storage.sql.upgrades import SqlUpgrades
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.sqlite.backups import SqliteBackups
from pushserver.storage.sqlite.checkpoints import CheckpointWatch, empty_log
from pushserver.storage.sqlite.connection import (
    SqliteConnection,
    connect_reader,
    connect_writer,
    run_in_transaction,
)
from pushserver.storage.sqlite.file_lock import FileLock
from pushserver.storage.sqlite.group_commit import GroupCommit
from pushserver.storage.sqlite.integrity import SqliteIntegrity
from pushserver.storage.sqlite.lanes import InMemoryLanes
from pushserver.storage.sqlite.open_files import OpenFiles

T = TypeVar("T")


@attrs.define(eq=False, kw_only=True, repr=False)
class SqliteStore(SqlStore):
    """
    One file, one process.

    The writer and each of the three readers have a connection of their own.
    """

    group_commit: GroupCommit
    hot_reader: SqliteConnection
    list_reader: SqliteConnection
    background_reader: SqliteConnection
    integrity: SqliteIntegrity
    backups: SqliteBackups
    lanes: InMemoryLanes
    feed: ChangeFeed
    new_id: IdGenerator
    event_interest: dict[int, frozenset[EventType]]
    # The file is locked, so no other process changes it.
    outdated: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    exit_stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)

    @classmethod
    async def open(cls, path: Path, clock: Clock, *, again: bool = False) -> Self:
        """
        Open the file; create it if there is none.

        One that was copied into another store is opened only *again*.

        Raises:
            Misconfigured: it cannot be opened, another process has it open, or it was
        copied.
        """
        # The thread of a connection left open would keep the process from ending.
        async with AsyncExitStack() as exit_stack:
            try:
                store = await cls._open(path, clock, exit_stack, again=again)
            except Unavailable as error:
                raise Misconfigured(
                    f"Cannot open the database {path}: {error}"
                ) from error
            store.exit_stack = exit_stack.pop_all()
        return store

    @classmethod
    async def _open(
        cls, path: Path, clock: Clock, exit_stack: AsyncExitStack, *, again: bool
    ) -> Self:
        async def reader() -> SqliteConnection:
            connection = await connect_reader(path)
            exit_stack.push_async_callback(connection.close)
            return connection

        lock = FileLock(path)
        exit_stack.callback(lock.release)
        files = exit_stack.enter_context(ExitStack())
        connection = await connect_writer(path, clock.now(), again=again)
        exit_stack.push_async_callback(connection.close)
        await connection.run(
            lambda c: run_in_transaction(c, partial(open_clock, clock=clock))
        )
        lanes = InMemoryLanes()
        all_lanes = await connection.run(lambda c: load_all_lanes(c, clock.now()))
        lanes.load(all_lanes)
        new_id = IdGenerator(clock.now, floor=await connection.run(largest_id))
        event_interest: dict[int, frozenset[EventType]] = {}
        feed, order_cache = ChangeFeed(), OrderCache()
        open_files = OpenFiles.beside(path)
        files.callback(open_files.close)
        writer = GroupCommit(
            connection,
            lanes,
            order_cache,
            clock.now,
            new_id,
            event_interest,
            feed,
            open_files,
            CheckpointWatch(path, clock.now),
            Counter(c.scope_id for lane in all_lanes for c in lane.waiting),
        )
        sql_writer = SqlWriter(writer)
        lists, workers = await reader(), await reader()
        tasks = SqlTasks(workers, lists, sql_writer)
        store = cls(
            group_commit=writer,
            hot_reader=await reader(),
            list_reader=lists,
            lanes=lanes,
            feed=feed,
            background_reader=workers,
            write=sql_writer,
            clock=SqlClock(sql_writer, clock, partial(_move_schedules, lanes, feed)),
            operations=SqlOperations(lists, workers),
            notifications=SqlNotifications(lists, sql_writer),
            tasks=tasks,
            upgrades=SqlUpgrades(lists),
            shadows=SqlShadows(lists, workers),
            subscriptions=SqlSubscriptions(workers, sql_writer),
            stream_interests=SqlStreamInterests(workers, sql_writer),
            retention=SqlRetention(workers, sql_writer, tasks.lock()),
            bodies=SqlBodies(workers, sql_writer),
            integrity=SqliteIntegrity(path, workers, sql_writer),
            backups=SqliteBackups(path, workers, sql_writer),
            audit=SqlAudit(lists, sql_writer),
            blobs=SqlBlobs(lists, workers, sql_writer),
            statistics=SqlStatistics(workers, sql_writer),
            new_id=new_id,
            event_interest=event_interest,
        )
        writer.start()
        lock.warn_if_readable()
        return store

    # Commands

    @property
    def waiting_by_scope(self) -> Counter[int]:
        return self.group_commit.waiting_by_scope

    @property
    def commit_metrics(self) -> CommitMetrics:
        return self.group_commit.metrics

    async def recount_waiting(self) -> int:
        return self.waiting_by_scope.total()

    def is_idle(self, device_id: int, now: int, grace: int) -> bool:
        lane = self.lanes.by_device.get(device_id)
        return lane is None or lane.is_idle(now, grace)

    def cached_lane(self, device_id: int) -> Lane | None:
        return self.lanes.by_device.get(device_id)

    async def look_up(self, device_id: int, lookup: Lookup) -> PriorState:
        lane = Lane(device_id)
        lane.in_flights = self.group_commit.find_in_flight(device_id)
        return await self.hot_reader.run(
            lambda c: run_lookup(RoundServices(c), device_id, lookup, lane)
        )

    async def queue_statuses(
        self, device_ids: Collection[int], scope_id: int | None = None
    ) -> Mapping[int, QueueStatus]:
        lanes = ((i, self.lanes.by_device.get(i)) for i in device_ids)
        return {i: lane.queue_status(scope_id) for i, lane in lanes if lane is not None}

    async def queue_depths(self, scope_id: int) -> Mapping[int, int]:
        found = {}
        async for lane in self.lanes.in_pieces():
            if depth := lane.depth_in_scope(scope_id):
                found[lane.device_id] = depth
        return found

    async def devices_in_flight(self, scope_id: int) -> Collection[int]:
        found = set()
        async for lane in self.lanes.in_pieces():
            if lane.in_flights and lane.in_flight_in_scope(scope_id):
                found.add(lane.device_id)
        return found

    async def devices_with_live_commands(
        self, device_ids: Collection[int]
    ) -> Collection[int]:
        # After this, every command requested before is in memory.
        await self.write(lambda _: None)
        return [i for i in device_ids if self.lanes.by_device.get(i) is not None]

    async def overdue_devices(self, now: int) -> Sequence[int]:
        return self.lanes.pop_overdue(now)

    # Its own life

    async def servers(self) -> Sequence[ServerInfo]:
        return ()

    @property
    def is_leader(self) -> bool:
        return True

    @property
    def database_version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def is_shared(self) -> bool:
        return False

    def has_write_failed(self, within: float) -> bool:
        return self.group_commit.last_write.failed_within(within)

    async def check_writable(self) -> None:
        await self.write(_rewrite_version, is_trial=True)

    def is_up_to_date(self, seconds: float) -> bool:  # noqa: ARG002 - nobody else writes
        return True

    async def empty_log(self) -> bool:
        return await self.group_commit.connection.run(empty_log)

    async def sync_notices(self) -> None:
        """Do nothing: no other server uses the file."""

    @property
    def is_closing_soon(self) -> bool:
        return self.group_commit.is_closing_soon

    def prepare_to_close(self) -> None:
        self.group_commit.is_closing_soon = True

    async def close(self) -> None:
        await self.group_commit.stop()
        await self.exit_stack.aclose()


def _rewrite_version(connection: SqlConnection) -> None:
    """Write a page that has not changed: nothing less reaches the disk."""
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {number}")


def _move_schedules(
    lanes: InMemoryLanes, feed: ChangeFeed, jump: int, now: int
) -> None:
    """Move what is scheduled; held polls have to look again."""
    lanes.move_schedules(jump, now)
    feed.publish(ChangeNotice(waiting=lanes.by_device.keys()))
