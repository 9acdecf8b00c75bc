"""What the statements need of a database: no more than SQLite's module gives.

In the SQL `?` stands for the next value, `?3` for the third one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from pushserver.model.ids import MAX_INT64

T = TypeVar("T")


async def no_low_watermark() -> int:
    """Return an id above all others: where one writes, ids are written in order."""
    return MAX_INT64


class Cursor(Protocol):
    """What a statement found or did."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the rows that are left."""


class SqlConnection(Protocol):
    """Statements are done on it one after the other, on one thread."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Do a statement."""


class PostgresDialect:
    """A connection to which it is cheaper to give all values of a column at once."""

    def execute_arrays(self, sql: str, *row_sets: Sequence[Sequence[Any]]) -> Cursor:
        """Do a statement over *row_sets*, each of their columns an array of texts."""
        raise NotImplementedError

    def extend_timeout(self) -> None:
        """Expect what follows in this transaction to take long to be sent."""
        raise NotImplementedError


class SqlReader(Protocol):
    """Reads."""

    async def run(self, work: Callable[[SqlConnection], T]) -> T:
        """
        Call *work* on a thread: one hop for all that it reads, of one moment.

        Raises:
            Unavailable: the database refused, or is closed.
        """
