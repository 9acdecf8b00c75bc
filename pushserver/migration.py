"""Copies a SQLite file into an empty PostgreSQL database, in one transaction.

The file is locked as a server locks it, and only read until all is copied. If anything
fails, the database is left as it was.

Just before the commit the file is marked: from then on servers may go on from the copy,
whether or not this process lives to see it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from pushserver.clock import SystemClock
from pushserver.errors import Misconfigured
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.settings import Settings
from pushserver.settings_loading import load
from pushserver.storage.migrations import SCHEMA_VERSION
from pushserver.storage.sqlite.file_lock import FileLock
from pushserver.storage.sqlite.marks import (
    MOVED,
    MOVING,
    is_restored,
    replace_mark,
)

try:
    import psycopg

    from pushserver.storage.postgres.connection.connection import Connection
    from pushserver.storage.postgres.connection.schema import (
        count_servers,
        ensure_schema,
    )
except ImportError:
    raise Misconfigured(
        "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
    ) from None

#: Called with the number of rows copied, and of rows in all.
ProgressCallback = Callable[[int, int], None]

# Which schema it has is for the target to say.
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'"
    " ORDER BY name"
)
#: A database that nobody used may have rows in these.
_NO_HISTORY = ("scope", "clock_period", "clock_anchor")
#: To the microsecond: a database of another origin has another instant.
_ORIGIN = f"SELECT created_at FROM scope WHERE id = {DEFAULT_SCOPE_ID}"
#: Rows between two calls of it.
_PROGRESS_INTERVAL = 1000


@attrs.frozen
class SourceTable:
    """A table of the file, and how many rows it has."""

    name: str
    columns: Sequence[str]
    row_count: int


def migrate(
    source: str, target: str, on_progress: ProgressCallback
) -> Mapping[str, int]:
    """
    Copy *source* (`sqlite:///…`) to *target* (`postgresql://…`); return the counts.

    The file is marked then: a server over it would do again what is done over the copy.

    Raises:
        Misconfigured: a server has the file, the target is not empty, or one of them
            cannot be read or written, and nothing was changed; or it is not known
            whether everything was copied, and the file is marked.
    """
    path = _sqlite_path(source)
    url = _postgres_url(target)
    lock = FileLock(path)
    try:
        return _copy(path, url, on_progress)
    finally:
        lock.release()


def _copy(path: Path, url: str, on_progress: ProgressCallback) -> Mapping[str, int]:
    try:
        with _open_source(path) as file, _open_target(url) as connection:
            tables = _list_tables(file)
            _refuse_if_used(file, connection, tables)
            _copy_all(file, connection, tables, on_progress)
            _analyze(connection, tables)
            before = replace_mark(path, MOVING)
            try:
                connection.execute("COMMIT")
            except psycopg.Error:
                if not _was_committed(file, url, tables, path):
                    replace_mark(path, before)
                    raise
    except (sqlite3.Error, psycopg.Error) as error:
        message = str(error).partition("\n")[0]
        raise Misconfigured(f"Nothing was copied: {message}") from error
    # No server starts over it as it is, either.
    with suppress(sqlite3.Error):
        replace_mark(path, MOVED)
    return {table.name: table.row_count for table in tables}


def _was_committed(
    file: sqlite3.Connection, url: str, tables: Sequence[SourceTable], path: Path
) -> bool:
    """
    Look on a new connection what became of the copy, once its transaction is over.

    Raises:
        Misconfigured: it cannot be known.
    """
    try:
        with _open_target(url) as connection:
            return _find_rows(connection, tables) is not None and _is_copy(
                file, connection
            )
    except (sqlite3.Error, psycopg.Error) as error:
        message = str(error).partition("\n")[0]
        raise Misconfigured(
            "The database did not answer at the end, so everything was copied, or"
            f" nothing ({message}). Run it again: it copies, or says that the target"
            f" has a copy. Until then, no server starts over {path}, unless with"
            " --again to go back to it."
        ) from error


def _sqlite_path(source: str) -> Path:
    settings = _settings(source)
    if settings.is_postgres:
        raise Misconfigured("The source must be a SQLite file: sqlite:///….")
    if not settings.sqlite_path.is_file():
        raise Misconfigured(f"There is no file {settings.sqlite_path}.")
    return settings.sqlite_path


def _postgres_url(target: str) -> str:
    settings = _settings(target)
    if not settings.is_postgres:
        raise Misconfigured("The target must be a PostgreSQL database: postgresql://….")
    return settings.database


def _settings(database: str) -> Settings:
    return load({"database": database}, {})


@contextmanager
def _open_source(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for the length of the block, as it stands now."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA query_only = ON")
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise Misconfigured(
                f"{path} has schema {version}, this release copies {SCHEMA_VERSION}:"
                f" run `pushserver migrate --database sqlite:///{path}` if it is older."
            )
        if is_restored(file):
            raise Misconfigured(
                f"{path} was restored, and what must not be given twice is not held"
                " yet: start a server over it once."
            )
        yield file


@contextmanager
def _open_target(url: str) -> Iterator[Connection]:
    """
    Open a transaction, with all tables created; the block's end rolls it back.

    It waits for the end of another one.
    """
    # No timeout: a large table takes its time.
    with closing(Connection(url)) as connection:
        connection.configure(0)
        connection.execute("BEGIN")
        ensure_schema(connection, SystemClock().now())
        yield connection


def _list_tables(file: sqlite3.Connection) -> Sequence[SourceTable]:
    return [_describe_table(file, name) for (name,) in file.execute(_TABLES).fetchall()]


def _describe_table(file: sqlite3.Connection, name: str) -> SourceTable:
    columns = [row[1] for row in file.execute(f"PRAGMA table_info({name})")]
    (row_count,) = file.execute(f"SELECT count(*) FROM {name}").fetchone()
    return SourceTable(name, columns, row_count)


def _refuse_if_used(
    file: sqlite3.Connection, connection: Connection, tables: Sequence[SourceTable]
) -> None:
    """Refuse a target that has rows besides its first scope, or a running server."""
    if count_servers(connection):
        raise Misconfigured("A server is at work over the target; stop it first.")
    used = _find_rows(connection, tables)
    if used is not None and _is_copy(file, connection):
        raise Misconfigured("The target is not empty: it has a copy of this file.")
    if used is not None:
        raise Misconfigured(f"The target is not empty: {used} has rows.")
    if _number(connection, "SELECT count(*) FROM scope") > 1:
        raise Misconfigured("The target is not empty: it has scopes.")
    # Some may be left over: somebody who emptied the others need not know of them.
    for name in (*_NO_HISTORY, "lane"):
        connection.execute(f"DELETE FROM {name}")


def _find_rows(connection: Connection, tables: Sequence[SourceTable]) -> str | None:
    """Return a table with history; None: nobody used the target."""
    for table in tables:
        if table.name not in _NO_HISTORY and _number(
            connection, f"SELECT count(*) FROM {table.name}"
        ):
            return table.name
    return None


def _is_copy(file: sqlite3.Connection, connection: Connection) -> bool:
    """Tell whether the target, which has rows, has those of the file."""
    origin = file.execute(_ORIGIN).fetchall()
    return bool(origin == connection.execute(_ORIGIN).fetchall())


def _copy_all(
    file: sqlite3.Connection,
    connection: Connection,
    tables: Sequence[SourceTable],
    on_progress: ProgressCallback,
) -> None:
    done, total = 0, sum(table.row_count for table in tables)
    for table in tables:
        for copied in _copy_table(file, connection, table):
            on_progress(done + copied, total)
        done += table.row_count
        arrived = _number(connection, f"SELECT count(*) FROM {table.name}")
        if arrived != table.row_count:
            raise Misconfigured(
                f"Nothing was copied: only {arrived} of {table.row_count} rows of"
                f" {table.name} arrived."
            )
    on_progress(done, total)


def _analyze(connection: Connection, tables: Sequence[SourceTable]) -> None:
    """Collect statistics: the planner would scan tables that it takes for empty."""
    for table in tables:
        if table.row_count:
            connection.execute(f"ANALYZE {table.name}")


def _copy_table(
    file: sqlite3.Connection, connection: Connection, table: SourceTable
) -> Iterator[int]:
    """Copy one table; yield the number of rows so far, now and then."""
    names = ", ".join(table.columns)
    rows = file.execute(f"SELECT {names} FROM {table.name}")
    copy_in = f"COPY {table.name} ({names}) FROM STDIN"
    with connection.raw.cursor() as cursor, cursor.copy(copy_in.encode()) as copy:
        for number, row in enumerate(rows, 1):
            copy.write_row(row)
            if number % _PROGRESS_INTERVAL == 0:
                yield number


def _number(connection: Connection, sql: str) -> int:
    row: Any = connection.execute(sql).fetchone()
    return int(row[0])
