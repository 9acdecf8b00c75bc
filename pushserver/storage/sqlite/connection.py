"""Opens all connections to the file, since pragmas are set on each connection."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from pushserver.errors import Misconfigured, Unavailable
from pushserver.fair_turns import FairTurns
from pushserver.storage.sqlite.checkpoints import (
    AUTOCHECKPOINT_PAGES,
    JOURNAL_SIZE_LIMIT,
)
from pushserver.storage.sqlite.marks import check_moved
from pushserver.storage.sqlite.schema import prepare

T = TypeVar("T")

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}",
    f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}",
    "PRAGMA temp_store = MEMORY",
)
#: What the writer has of the file in memory, in KiB; and while it writes a long body.
_CACHE_SIZE, _CACHE_SIZE_OF_LONG = 65536, 4096
# Up to SQLite 3.51.2, two connections that checkpoint at once can corrupt the file, so
# only the writer does.
_READER_PRAGMAS = (
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA query_only = ON",
    "PRAGMA cache_size = -16384",
)


class SqliteConnection(aiosqlite.Connection):
    """One connection with its thread."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Call *work* on the connection's thread: one hop for all its statements.

        Raises:
            Unavailable: the database refused, or is closed.
        """
        # aiosqlite's thread keeps the last function, and what it returned, until the
        # next; both may hold a large body, so it is given a box, which is emptied.
        # So is an error: the future that had it would be among its frames, and all
        # that these have would stay until old garbage is collected.
        box: list[Any] = [work]
        errors: list[Exception] = []

        def run_boxed(connection: sqlite3.Connection) -> None:
            try:
                box.append(box.pop()(connection))
            except Exception as error:  # noqa: BLE001 - it is raised by whoever waits
                errors.append(error)

        try:
            # The only method of aiosqlite that runs an arbitrary function.
            await self._execute(run_boxed, self._conn)  # type: ignore[no-untyped-call]
            if errors:
                raise errors.pop()
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise Unavailable(f"The database refused: {error}") from error
        result: T = box.pop()
        return result

    async def abandon(self) -> None:
        """
        Close it, or what there is of one that could not be opened, with its thread.

        aiosqlite does not wait for that one's: it would speak to a loop that is closed.
        """
        await self.close()
        if self._thread.is_alive():
            self._thread.join()


class SqliteReader(SqliteConnection):
    """A connection that can only read; its callers take turns."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], size: int) -> None:
        super().__init__(connector, size)
        self._turns = FairTurns()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Call *work*, when it is its caller's turn."""
        async with self._turns:
            return await super().run(work)


async def connect_writer(path: Path, now: int, *, again: bool) -> SqliteConnection:
    """
    Open the one connection that writes.

    A file of an older release is copied, then migrated. One that was copied into
    another store is opened only *again*.
    """

    def check_and_prepare(raw: sqlite3.Connection) -> None:
        check_moved(raw, path, again=again)
        prepare(raw, path, now)

    pragmas = (*_WRITER_PRAGMAS, f"PRAGMA cache_size = {-_CACHE_SIZE}")
    return await _connect(path, pragmas, check_and_prepare)


async def connect_reader(path: Path) -> SqliteConnection:
    """Open a connection that can only read."""
    return await _connect(path, _READER_PRAGMAS, new_connection=SqliteReader)


async def _connect(
    path: Path,
    pragmas: tuple[str, ...],
    prepare: Callable[[sqlite3.Connection], None] | None = None,
    new_connection: type[SqliteConnection] = SqliteConnection,
) -> SqliteConnection:
    def connector() -> sqlite3.Connection:
        # Of a file that is there: SQLite would make one for all to read.
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            cached_statements=256,
        )

    def set_up(raw: sqlite3.Connection) -> None:
        for pragma in pragmas:
            raw.execute(pragma)
        if prepare is not None:
            prepare(raw)

    connection = new_connection(connector, 64)
    try:
        await connection
        await connection.run(set_up)
    except (sqlite3.Error, Unavailable) as error:
        # Always close it: its thread would keep the process from ending.
        await connection.abandon()
        raise Misconfigured(f"Cannot open the database {path}: {error}") from error
    except BaseException:
        await connection.abandon()
        raise
    return connection


def is_of_the_store(error: Exception) -> bool:
    """Tell whether an error is about the store, not about what was to be written."""
    if not isinstance(error, Unavailable):
        return False
    about_values = (
        sqlite3.IntegrityError,
        sqlite3.DataError,
        ValueError,
        OverflowError,
    )
    return not isinstance(error.__cause__, about_values)


def run_long_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]
) -> None:
    """Run *work*, which writes long bodies: they are not to fill the cache."""
    connection.execute(f"PRAGMA cache_size = {-_CACHE_SIZE_OF_LONG}")
    try:
        run_in_transaction(connection, work)
    finally:
        connection.execute(f"PRAGMA cache_size = {-_CACHE_SIZE}")


def run_in_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]
) -> None:
    """Run *work* in one transaction."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
