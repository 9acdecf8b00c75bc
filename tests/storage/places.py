"""Where each store keeps what it is given, and how tests make it fail."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import attrs

from pushserver.storage.base import Store
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import ManualClock


class Place(Protocol):
    """A store's data, which outlives the store that is open on it."""

    async def open(self, clock: ManualClock) -> Store:
        """Open a store on the data as they are."""

    def dead(self, store: Store) -> AbstractAsyncContextManager[None]:
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

    async def open(self, clock: ManualClock) -> SqliteStore:
        """Open the file."""
        return await SqliteStore.open(self.path, clock)

    @asynccontextmanager
    async def dead(self, store: Store) -> AsyncIterator[None]:
        """Forbid the writer even to read."""
        assert isinstance(store, SqliteStore)
        writer = store.writer.connection
        await writer.run(lambda c: c.set_authorizer(_deny))
        try:
            yield
        finally:
            await writer.run(lambda c: c.set_authorizer(None))


@attrs.frozen
class PostgresDatabase:
    """A database on the server of the tests."""

    database: str

    async def open(self, clock: ManualClock) -> PostgresStore:
        """Open the database."""
        return await PostgresStore.open(self.database, clock)

    @asynccontextmanager
    async def dead(self, store: Store) -> AsyncIterator[None]:
        """Take the writers' connections away."""
        assert isinstance(store, PostgresStore)
        known = store.rounds.sessions[0].database
        for session in store.rounds.sessions:
            await session.run(lambda link: link.close())
        known.url = "postgresql:///nowhere?host=/nowhere"
        try:
            yield
        finally:
            known.url, known.away_until = self.database, 0.0


@asynccontextmanager
async def away(store: Store) -> AsyncIterator[None]:
    """Let every commit of *store* fail for the length of the block."""
    await _forbid(store, "ON")
    try:
        yield
    finally:
        await _forbid(store, "OFF")


async def _forbid(store: Store, switch: str) -> None:
    if isinstance(store, SqliteStore):
        sql = f"PRAGMA query_only = {switch}"
        await store.writer.connection.run(lambda c: c.execute(sql))
    if isinstance(store, PostgresStore):
        sql = f"SET default_transaction_read_only = {switch}"
        for session in store.rounds.sessions:
            await session.run(lambda link: link.execute(sql))


@asynccontextmanager
async def opened(place: Place, clock: ManualClock) -> AsyncIterator[Store]:
    """Have a store open for the length of the block: once more, after a restart."""
    store = await place.open(clock)
    try:
        yield store
    finally:
        await store.close()


#: Every store. A test that takes `store` or `place` is a test of all of them.
BACKENDS: Mapping[str, Callable[[str], Place]] = {
    "sqlite": SqliteFile,
    "postgres": PostgresDatabase,
}
