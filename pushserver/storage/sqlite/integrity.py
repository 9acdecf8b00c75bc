"""Checks the file, a table at a time, on a connection of its own."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import msgspec

from pushserver.errors import Misconfigured, Unavailable
from pushserver.storage.integrity import IntegrityOutcome
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.sqlite.connection import SqliteConnection, connect_reader

#: The most faults that are named of one table.
_MAX_FAULTS = 5
#: Steps of SQLite's machine between two looks at whether to stop: some milliseconds.
_STEPS = 100_000
_LAST = "SELECT checked_at, faults FROM integrity_check"
_SAVE = "INSERT INTO integrity_check (checked_at, faults) VALUES (?, ?)"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


@attrs.frozen
class SqliteIntegrity:
    """
    Checks the file at `path`.

    A check of one table is one read: for as long, the log beside the file grows.
    """

    path: Path
    reader: SqliteConnection
    write: SqlWriter

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
            if is_stopping():
                return ()
            if is_damage(error.__cause__):
                return [error.detail]
            raise Unavailable(error.detail) from error

    async def last_outcome(self) -> IntegrityOutcome | None:
        rows = await self.reader.run(lambda c: c.execute(_LAST).fetchall())
        return _outcome_of(*rows[0]) if rows else None

    async def save_outcome(self, outcome: IntegrityOutcome) -> None:
        values = outcome.checked_at, json.dumps(list(outcome.faults))

        def work(connection: SqlConnection) -> None:
            connection.execute("DELETE FROM integrity_check")
            connection.execute(_SAVE, values)

        await self.write(work)


def is_damage(error: BaseException | None) -> bool:
    """Tell whether an error is about the file's content, and not about reading it."""
    if isinstance(error, Unavailable):
        return is_damage(error.__cause__)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _outcome_of(checked_at: Any, faults: Any) -> IntegrityOutcome | None:
    """Return an outcome as it is stored; None for what no check has stored."""
    try:
        return msgspec.convert(
            {"checked_at": checked_at, "faults": json.loads(faults)}, IntegrityOutcome
        )
    except (TypeError, ValueError, RecursionError):
        return None


def _check(
    table: str, is_stopping: Callable[[], bool], connection: sqlite3.Connection
) -> Sequence[str]:
    connection.set_progress_handler(is_stopping, _STEPS)
    rows = connection.execute(f'PRAGMA quick_check("{table}")').fetchmany(_MAX_FAULTS)
    return [text for (text,) in rows if text != "ok"]
