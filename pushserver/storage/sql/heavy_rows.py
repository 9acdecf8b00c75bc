"""Pages of rows that may be large: read one by one, until they are too much."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.table import Row

T = TypeVar("T")

#: A page ends early when its bodies exceed this many bytes.
PAGE_BYTES = 8 * 1024 * 1024


def read_by_id(
    connection: SqlConnection, sql: str, values: Sequence[Any], row_sql: str
) -> Iterator[Row]:
    """
    Yield the row of each id that *sql* finds.

    Not all of them at once, because a page ends where it grows too heavy.
    """
    ids = [row_id for (row_id,) in connection.execute(sql, values)]
    for row_id in ids:
        row = connection.execute(row_sql, (row_id,)).fetchone()
        if row is not None:
            yield row


def limit_bytes(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[T]:
    """Yield the first item, and more until their sizes exceed PAGE_BYTES."""
    total = 0
    for item in items:
        total += size_of(item)
        if total > PAGE_BYTES and total > size_of(item):
            return
        yield item
