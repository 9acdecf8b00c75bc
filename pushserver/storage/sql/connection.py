"""The subset of DB-API that the statements use.

In SQL, `?` is the next value and `?3` the third one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from pushserver.model.ids import MAX_INT64

T = TypeVar("T")


async def no_low_watermark() -> int:
    """Return an id above all others: a single writer commits ids in order."""
    return MAX_INT64


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the remaining rows."""

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the remaining rows."""


class SqlConnection(Protocol):
    """A connection, used by one thread."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Execute a statement."""


class PostgresDialect:
    """What only a connection to PostgreSQL offers: whole columns as arrays."""

    def execute_arrays(self, sql: str, *row_sets: Sequence[Sequence[Any]]) -> Cursor:
        """Execute a statement over *row_sets*, with a text array for each column."""
        raise NotImplementedError

    def extend_timeout(self) -> None:
        """Allow more time for sending, until the end of this transaction."""
        raise NotImplementedError


class SqlReader(Protocol):
    """Reads."""

    async def run(self, work: Callable[[SqlConnection], T]) -> T:
        """
        Call *work* on the connection's thread.

        Raises:
            Unavailable: the database refused, or is closed.
        """
