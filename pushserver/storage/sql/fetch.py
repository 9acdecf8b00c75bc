"""Reads with one statement, from the event loop."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pushserver.storage.sql.connection import SqlReader
from pushserver.storage.table import Row

T = TypeVar("T")


async def fetch_all(
    reader: SqlReader, from_row: Callable[[Row], T], sql: str, values: Sequence[Any]
) -> list[T]:
    """Return all rows, each read by *from_row*."""
    return await reader.run(lambda c: list(map(from_row, c.execute(sql, values))))


async def fetch_column(reader: SqlReader, sql: str, values: Sequence[Any]) -> list[Any]:
    """Return the first column of all rows."""
    return await fetch_all(reader, lambda row: row[0], sql, values)


async def fetch_value(reader: SqlReader, sql: str, values: Sequence[Any]) -> Any:
    """Return the first column of the one row."""
    (value,) = await fetch_column(reader, sql, values)
    return value
