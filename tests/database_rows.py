"""All rows of a database, whatever store it is of."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

#: Asks the database as it stands now, and returns the rows.
Query = Callable[[str], list[tuple[Any, ...]]]


@contextmanager
def open_reader(database: str) -> Iterator[Query]:
    """Open a reading connection to a database that a server may be using."""
    if database.startswith("sqlite:"):
        file = f"file:{database.removeprefix('sqlite:///')}?mode=ro"
        with closing(sqlite3.connect(file, uri=True)) as connection:
            yield lambda sql: connection.execute(sql).fetchall()
    else:
        with psycopg.connect(database, autocommit=True) as link:
            yield lambda sql: link.execute(sql.encode()).fetchall()


def every_row(database: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all rows, each with its table."""
    if database.startswith("sqlite:"):
        return _sqlite_rows(database.removeprefix("sqlite:///"))
    return _postgres_rows(database)


def _sqlite_rows(path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in file.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own
                yield table, dict(row)


def _postgres_rows(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
        for (table,) in tables.fetchall():
            cursor = connection.cursor(row_factory=dict_row)
            for row in cursor.execute(f"SELECT * FROM {table}".encode()):  # noqa: S608 - our own
                yield table, row
