"""Checks the file, a table at a time, on a connection of its own."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs

from pushserver.errors import Misconfigured, Unavailable
from pushserver.storage.sqlite.connection import SqliteConnection, connect_reader

#: The most faults that are named of one table.
_MAX_FAULTS = 5
#: Steps of SQLite's machine between two looks at whether to stop: some milliseconds.
_STEPS = 100_000
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


@attrs.frozen
class SqliteIntegrity:
    """
    Checks the file at `path`.

    A check of one table is one read: for as long, the log beside the file grows.
    """

    path: Path
    reader: SqliteConnection

    async def list_tables(self) -> Sequence[str]:
        rows = await self.reader.run(lambda c: c.execute(_TABLES).fetchall())
        return [name for (name,) in rows]

    async def find_faults(
        self, table: str, is_stopping: Callable[[], bool]
    ) -> Sequence[str]:
        try:
            # Nobody else waits for this connection.
            connection = await connect_reader(self.path)
            try:
                return await connection.run(partial(_check, table, is_stopping))
            finally:
                await connection.close()
        except (Unavailable, Misconfigured) as error:
            return () if is_stopping() else [error.detail]


def _check(
    table: str, is_stopping: Callable[[], bool], connection: sqlite3.Connection
) -> Sequence[str]:
    connection.set_progress_handler(is_stopping, _STEPS)
    rows = connection.execute(f'PRAGMA quick_check("{table}")').fetchmany(_MAX_FAULTS)
    return [text for (text,) in rows if text != "ok"]
