"""The subset of DB-API that the statements use.

In SQL, `?` is the next value and `?3` the third one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
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


class NotInMemory(Exception):
    """The database would have to be asked."""


class MemoryAlone:
    """Stands for a connection where what is in memory may do."""

    def execute(self, _sql: str, _values: Sequence[Any] = (), /) -> Cursor:
        """
        Execute nothing.

        Raises:
            NotInMemory: always.
        """
        raise NotInMemory


class PostgresDialect:
    """What only a connection to PostgreSQL offers: whole columns as arrays."""

    def execute_arrays(self, sql: str, arrays: Iterable[Sequence[Any]]) -> Cursor:
        """Execute a statement with text arrays, such as whole columns."""
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
