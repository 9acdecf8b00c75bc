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
from pushserver.storage.sqlite.connection import SCHEMA_VERSION, FileLock

try:
    import psycopg

    from pushserver.storage.postgres.link import Link, bound
    from pushserver.storage.postgres.schema import prepare
except ImportError:
    raise Misconfigured(
        "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
    ) from None

#: Told how many rows were copied, and of how many.
Tell = Callable[[int, int], None]

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'pushserver%' AND pid <> pg_backend_pid()"
)
#: After so many rows it is told how far the copy is.
_STEP = 1000


@attrs.frozen
class Table:
    """A table of the file, and how many rows it has."""

    name: str
    columns: Sequence[str]
    rows: int


def migrate(source: str, target: str, tell: Tell) -> Mapping[str, int]:
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
        with _reading(path) as file, _writing(url) as link:
            tables = _tables_of(file)
            _refuse_if_used(link, tables)
            _copy_all(file, link, tables, tell)
            _analyze(link, tables)
    except (sqlite3.Error, psycopg.Error) as error:
        said = str(error).partition("\n")[0]
        raise Misconfigured(f"Nothing was copied: {said}") from error
    finally:
        lock.release()
    return {table.name: table.rows for table in tables}


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
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file for the length of the block, as it stands now."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA query_only = ON")
        (version,) = file.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise Misconfigured(
                f"{path} has schema {version}, this release copies {SCHEMA_VERSION}."
            )
        yield file


@contextmanager
def _writing(url: str) -> Iterator[Link]:
    """Have one transaction, with all tables made, for the length of the block."""
    # A large table takes what time it takes.
    with closing(Link(url)) as link:
        link.begin(0)
        link.execute("BEGIN")
        prepare(link, SystemClock().now())
        yield link
        link.execute("COMMIT")


def _tables_of(file: sqlite3.Connection) -> Sequence[Table]:
    return [_table(file, name) for (name,) in file.execute(_TABLES).fetchall()]


def _table(file: sqlite3.Connection, name: str) -> Table:
    columns = [row[1] for row in file.execute(f"PRAGMA table_info({name})")]
    (rows,) = file.execute(f"SELECT count(*) FROM {name}").fetchone()
    return Table(name, columns, rows)


def _refuse_if_used(link: Link, tables: Sequence[Table]) -> None:
    """Refuse a target that has more than its first scope, or a server."""
    if _number(link, _OTHERS):
        raise Misconfigured("A server is at work over the target; stop it first.")
    for table in tables:
        if table.name != "scope" and _number(
            link, f"SELECT count(*) FROM {table.name}"
        ):
            raise Misconfigured(f"The target is not empty: {table.name} has rows.")
    if _number(link, "SELECT count(*) FROM scope") > 1:
        raise Misconfigured("The target is not empty: it has scopes.")
    link.execute("DELETE FROM scope")
    # Who emptied the other tables may not know of it, and it would be believed.
    link.execute("DELETE FROM lane")


def _copy_all(
    file: sqlite3.Connection, link: Link, tables: Sequence[Table], tell: Tell
) -> None:
    done, total = 0, sum(table.rows for table in tables)
    for table in tables:
        for so_many in _copied(file, link, table):
            tell(done + so_many, total)
        done += table.rows
        came = _number(link, f"SELECT count(*) FROM {table.name}")
        if came != table.rows:
            raise Misconfigured(
                f"Nothing was copied: of {table.rows} rows of {table.name} {came} came."
            )
    tell(done, total)


def _analyze(link: Link, tables: Sequence[Table]) -> None:
    """Let the database know what came; what it takes for empty it reads whole."""
    for table in tables:
        if table.rows:
            link.execute(f"ANALYZE {table.name}")


def _copied(file: sqlite3.Connection, link: Link, table: Table) -> Iterator[int]:
    """Copy one table; yield now and then how many rows that were."""
    names = ", ".join(table.columns)
    rows = file.execute(f"SELECT {names} FROM {table.name}")
    copy_in = f"COPY {table.name} ({names}) FROM STDIN"
    with link.raw.cursor() as cursor, cursor.copy(copy_in.encode()) as copy:
        for number, row in enumerate(rows, 1):
            copy.write_row(bound(row))
            if number % _STEP == 0:
                yield number


def _number(link: Link, sql: str) -> int:
    row: Any = link.execute(sql).fetchone()
    return int(row[0])
