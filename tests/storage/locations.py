"""Where each store keeps what it is given, and how tests make it fail."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import attrs

from pushserver.clock import Clock
from pushserver.storage.base import Store
from pushserver.storage.postgres.opening import open_postgres
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sqlite.store import SqliteStore


class StoreLocation(Protocol):
    """A store's data, which outlives the store that is open on it."""

    async def open(self, clock: Clock) -> Store:
        """Open a store on the data as they are."""

    def failing_writer(self, store: Store) -> AbstractAsyncContextManager[None]:
        """Let whatever its writer does fail for the length of the block."""


def _deny(*_: object) -> int:
    return sqlite3.SQLITE_DENY


@attrs.frozen
class SqliteFile:
    """A file in a folder of its own."""

    database: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.database.removeprefix("sqlite:///"))

    async def open(self, clock: Clock) -> SqliteStore:
        """Open the file."""
        return await SqliteStore.open(self.path, clock)

    @asynccontextmanager
    async def failing_writer(self, store: Store) -> AsyncIterator[None]:
        """Forbid the writer even to read."""
        assert isinstance(store, SqliteStore)
        writer = store.group_commit.connection
        await writer.run(lambda c: c.set_authorizer(_deny))
        try:
            yield
        finally:
            await writer.run(lambda c: c.set_authorizer(None))


@attrs.frozen
class PostgresDatabase:
    """A database on the server of the tests."""

    database: str

    async def open(self, clock: Clock) -> PostgresStore:
        """Open the database."""
        return await open_postgres(self.database, clock)

    @asynccontextmanager
    async def failing_writer(self, store: Store) -> AsyncIterator[None]:
        """Take the writers' connections away."""
        assert isinstance(store, PostgresStore)
        database = store.group_commit.writers[0].database
        for session in store.group_commit.writers:
            await session.run(lambda link: link.close())
        database.url = "postgresql:///nowhere?host=/nowhere"
        try:
            yield
        finally:
            database.url, database.retry_at = self.database, 0.0


@asynccontextmanager
async def failing_commits(store: Store) -> AsyncIterator[None]:
    """Let every commit of *store* fail for the duration of the block."""
    await _set_read_only(store, "ON")
    try:
        yield
    finally:
        await _set_read_only(store, "OFF")


async def _set_read_only(store: Store, switch: str) -> None:
    if isinstance(store, SqliteStore):
        sql = f"PRAGMA query_only = {switch}"
        await store.group_commit.connection.run(lambda c: c.execute(sql))
    if isinstance(store, PostgresStore):
        sql = f"SET default_transaction_read_only = {switch}"
        for session in store.group_commit.writers:
            await session.run(lambda link: link.execute(sql))


@asynccontextmanager
async def blocked_writers(store: Store) -> AsyncIterator[None]:
    """Let nobody write to *store* for the duration of the block: writes wait."""
    release = threading.Event()

    def wait(_: object) -> bool:
        return release.wait()

    if isinstance(store, SqliteStore):
        blocked = [asyncio.create_task(store.group_commit.connection.run(wait))]
    else:
        assert isinstance(store, PostgresStore)
        writers = store.group_commit.writers
        blocked = [asyncio.create_task(each.run(wait)) for each in writers]
    await asyncio.sleep(0)
    try:
        yield
    finally:
        release.set()
        await asyncio.gather(*blocked)


@asynccontextmanager
async def open_store(location: StoreLocation, clock: Clock) -> AsyncIterator[Store]:
    """Open a store for the duration of the block: again, after a restart."""
    store = await location.open(clock)
    try:
        yield store
    finally:
        await store.close()


#: Every store. A test that takes `store` or `place` is a test of all of them.
LOCATIONS: Mapping[str, Callable[[str], StoreLocation]] = {
    "sqlite": SqliteFile,
    "postgres": PostgresDatabase,
}
