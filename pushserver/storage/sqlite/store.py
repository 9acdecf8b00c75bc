"""The SQLite store: keeps the promise of `storage.base` with one file."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import attrs

from pushserver.clock import Clock
from pushserver.model.changes import Changes
from pushserver.model.command import Order, Result
from pushserver.model.device import Device, Stray
from pushserver.model.event import EventType
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.scope import Scope
from pushserver.model.state import IN_FLIGHT, State
from pushserver.model.token import Token
from pushserver.storage.base import CommandFilter, CommandRecord, Decision, Recall, Then
from pushserver.storage.sqlite import fleet, read, scopes
from pushserver.storage.sqlite.commit import GroupCommit, Job
from pushserver.storage.sqlite.connection import (
    Connection,
    FileLock,
    connect_reader,
    connect_writer,
)
from pushserver.storage.sqlite.lanes import Lanes, load_all
from pushserver.storage.sqlite.operations import SqliteOperations
from pushserver.storage.sqlite.orders import Orders
from pushserver.storage.sqlite.shadows import SqliteShadows
from pushserver.storage.sqlite.subscriptions import SqliteSubscriptions
from pushserver.storage.sqlite.tasks import SqliteTasks
from pushserver.storage.sqlite.work import Writer

T = TypeVar("T")


@attrs.define(eq=False)
class SqliteStore:
    """
    One file, one process.

    The writer has a connection of its own; hand-outs read on a second, lists on a
    third, and what runs by itself on a fourth, so that a long list holds up no door and
    no step.
    """

    lock: FileLock
    writer: GroupCommit
    hot: Connection
    lists: Connection
    workers: Connection
    lanes: Lanes
    orders: Orders
    operations: SqliteOperations
    tasks: SqliteTasks
    shadows: SqliteShadows
    subscriptions: SqliteSubscriptions
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
        new_id = IdSource(clock.now, floor=await connection.run(_largest_id))
        interest: dict[int, frozenset[EventType]] = {}
        writer = GroupCommit(connection, lanes, clock.now, new_id, interest)
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
            operations=SqliteOperations(lists, workers, Writer(writer)),
            tasks=SqliteTasks(workers, Writer(writer)),
            shadows=SqliteShadows(lists, workers),
            subscriptions=SqliteSubscriptions(workers, Writer(writer)),
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

    def lane(self, device_id: int) -> Lane | None:
        """Return the lane from memory."""
        return self.lanes.get(device_id)

    def overdue(self, now: int) -> Sequence[int]:
        """Return the devices whose lanes are due."""
        return self.lanes.overdue(now)

    def shift(self, jump: int) -> None:
        """Move the deadlines in memory."""
        self.lanes.shift(jump)

    async def order(self, command_id: int) -> Order:
        """Return what the command orders, from the file."""
        return await self.hot.run(lambda c: read.find_order(c, command_id))

    def _keep_orders(self, changes: Changes) -> None:
        for command in changes.added:
            if command.state is State.PENDING:
                self.orders.admit(command)
        for move in changes.moves:
            if move.command.state not in IN_FLIGHT:
                self.orders.drop(move.command.id)

    # History

    async def find_command(
        self, scope_id: int, command_id: int
    ) -> CommandRecord | None:
        """Return one command, whole."""
        return await self.hot.run(lambda c: read.find_command(c, scope_id, command_id))

    async def find_result(self, scope_id: int, command_id: int) -> Result | None:
        """Return the result that ended the command."""
        return await self.lists.run(lambda c: read.find_result(c, scope_id, command_id))

    async def commands(
        self, scope_id: int, wanted: CommandFilter, *, before: int | None, limit: int
    ) -> Sequence[CommandRecord]:
        """List commands, newest first."""
        return await self.lists.run(
            lambda c: read.list_commands(
                c, scope_id, wanted, before=before, limit=limit
            )
        )

    async def results(
        self,
        scope_id: int,
        *,
        after: int,
        limit: int,
        device_id: int | None,
        orphan: bool | None,
    ) -> Sequence[Result]:
        """List results in the order they came."""
        return await self.lists.run(
            lambda c: read.list_results(
                c,
                scope_id,
                after=after,
                limit=limit,
                device_id=device_id,
                orphan=orphan,
            )
        )

    # Devices

    async def all_devices(self) -> Sequence[Device]:
        """Return every device."""
        return await self.lists.run(fleet.all_devices)

    async def save_devices(self, devices: Sequence[Device]) -> None:
        """Write devices."""
        await self._write(lambda c: fleet.save_devices(c, devices))

    async def forget_device(self, device_id: int) -> None:
        """Delete the device."""
        await self._write(lambda c: fleet.forget_device(c, device_id))

    async def save_seen(
        self, devices: Sequence[Device], strays: Sequence[Stray], *, keep: int
    ) -> None:
        """Write what was seen."""
        await self._write(lambda c: fleet.save_seen(c, devices, strays, keep))

    async def strays(self, device_id: int) -> Sequence[Stray]:
        """Return the device's last odd requests."""
        return await self.lists.run(lambda c: fleet.strays(c, device_id))

    # Tokens

    async def all_tokens(self) -> Sequence[Token]:
        """Return every token."""
        return await self.lists.run(scopes.all_tokens)

    async def add_token(self, token: Token) -> None:
        """Keep a token."""
        await self._write(lambda c: scopes.add_token(c, token))

    async def revoke_token(self, scope_id: int, token_id: int, *, now: int) -> bool:
        """Revoke a token."""
        return await self._write(
            lambda c: scopes.revoke_token(c, scope_id, token_id, now)
        )

    # Scopes

    async def all_scopes(self) -> Sequence[Scope]:
        """Return every scope."""
        return await self.lists.run(scopes.all_scopes)

    async def add_scope(self, scope: Scope, token: Token) -> None:
        """Keep a scope and its first token."""
        await self._write(lambda c: scopes.add_scope(c, scope, token))

    # Its own life

    async def check(self) -> None:
        """Write something: an update of no row takes the lock and commits."""
        await self._write(lambda c: c.execute("DELETE FROM token WHERE id = -1"))

    async def purge_keys(self, *, before: int) -> int:
        """Forget old idempotency keys."""
        return await self._write(lambda c: fleet.purge_keys(c, before))

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

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await Writer(self.writer)(work)


def _largest_id(connection: sqlite3.Connection) -> int:
    tables = (
        "command",
        "delivery",
        "event",
        "notification",
        "operation",
        "result",
        "scope",
        "stray_request",
        "subscription",
        "task",
        "token",
    )
    found = (
        connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        for table in tables
    )
    return max(number or 0 for number in found)
