"""Copying a SQLite file into an empty PostgreSQL: all of it in one transaction.

The file is locked as a server locks it, and is only read. Whatever goes wrong, the
database is left as it was found.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from pushserver.clock import SystemClock
from pushserver.errors import Misconfigured
from pushserver.settings import Settings, load
from pushserver.storage.migrations import SCHEMA_VERSION
from pushserver.storage.sqlite.connection import FileLock

try:
    import psycopg

    from pushserver.storage.postgres.connection.connection import (
        Connection,
        encode_parameters,
    )
    from pushserver.storage.postgres.connection.schema import (
        count_servers,
        ensure_schema,
    )
except ImportError:
    raise Misconfigured(
        "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
    ) from None

#: Told how many rows were copied, and of how many.
ProgressCallback = Callable[[int, int], None]

# Which schema it has is for the target to say.
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_version'"
    " ORDER BY name"
)
#: After so many rows it is told how far the copy is.
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

    Raises:
        Misconfigured: a server has the file, the target is not empty, or one of them
            cannot be read or written. Nothing was changed.
    """
    path = _sqlite_path(source)
    url = _postgres_url(target)
    lock = FileLock(path)
    try:
        with _open_source(path) as file, _open_target(url) as connection:
            tables = _list_tables(file)
            _refuse_if_used(connection, tables)
            _copy_all(file, connection, tables, on_progress)
            _analyze(connection, tables)
    except (sqlite3.Error, psycopg.Error) as error:
        message = str(error).partition("\n")[0]
        raise Misconfigured(f"Nothing was copied: {message}") from error
    finally:
        lock.release()
    return {table.name: table.row_count for table in tables}


def _sqlite_path(source: str) -> Path:
    settings = _settings(source)
    if settings.is_postgres:
        raise Misconfigured("What is copied is a SQLite file: sqlite:///….")
    if not settings.sqlite_path.is_file():
        raise Misconfigured(f"There is no file {settings.sqlite_path}.")
    return settings.sqlite_path


def _postgres_url(target: str) -> str:
    settings = _settings(target)
    if not settings.is_postgres:
        raise Misconfigured("It is copied to a PostgreSQL: postgresql://….")
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
        yield file


@contextmanager
def _open_target(url: str) -> Iterator[Connection]:
    """Have one transaction, with all tables made, for the length of the block."""
    # A large table takes what time it takes.
    with closing(Connection(url)) as connection:
        connection.configure(0)
        connection.execute("BEGIN")
        ensure_schema(connection, SystemClock().now())
        yield connection
        connection.execute("COMMIT")


def _list_tables(file: sqlite3.Connection) -> Sequence[SourceTable]:
    return [_describe_table(file, name) for (name,) in file.execute(_TABLES).fetchall()]


def _describe_table(file: sqlite3.Connection, name: str) -> SourceTable:
    columns = [row[1] for row in file.execute(f"PRAGMA table_info({name})")]
    (row_count,) = file.execute(f"SELECT count(*) FROM {name}").fetchone()
    return SourceTable(name, columns, row_count)


def _refuse_if_used(connection: Connection, tables: Sequence[SourceTable]) -> None:
    """Refuse a target that has more than its first scope, or a server."""
    if count_servers(connection):
        raise Misconfigured("A server is at work over the target; stop it first.")
    for table in tables:
        if table.name != "scope" and _number(
            connection, f"SELECT count(*) FROM {table.name}"
        ):
            raise Misconfigured(f"The target is not empty: {table.name} has rows.")
    if _number(connection, "SELECT count(*) FROM scope") > 1:
        raise Misconfigured("The target is not empty: it has scopes.")
    connection.execute("DELETE FROM scope")
    # Who emptied the other tables may not know of it, and it would be believed.
    connection.execute("DELETE FROM lane")


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
                f"Nothing was copied: of {table.row_count} rows of {table.name}"
                f" {arrived} came."
            )
    on_progress(done, total)


def _analyze(connection: Connection, tables: Sequence[SourceTable]) -> None:
    """Let the database know what came; what it takes for empty it reads whole."""
    for table in tables:
        if table.row_count:
            connection.execute(f"ANALYZE {table.name}")


def _copy_table(
    file: sqlite3.Connection, connection: Connection, table: SourceTable
) -> Iterator[int]:
    """Copy one table; yield now and then how many rows that were."""
    names = ", ".join(table.columns)
    rows = file.execute(f"SELECT {names} FROM {table.name}")
    copy_in = f"COPY {table.name} ({names}) FROM STDIN"
    with connection.raw.cursor() as cursor, cursor.copy(copy_in.encode()) as copy:
        for number, row in enumerate(rows, 1):
            copy.write_row(encode_parameters(row))
            if number % _PROGRESS_INTERVAL == 0:
                yield number


def _number(connection: Connection, sql: str) -> int:
    row: Any = connection.execute(sql).fetchone()
    return int(row[0])
