"""What is waiting in the database, in numbers."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from pushserver.metrics.latency import LatencyRecord
from pushserver.model.state import CommandState


@attrs.frozen
class Backlog:
    """
    What is not done yet, in every scope.

    `in_flight` has how many commands are with their devices, by state;
    `oldest_pending` is the smallest id of those that wait. `webhooks` are deliveries
    that are tried again, the oldest of them about `oldest_event`.
    """

    in_flight: Mapping[CommandState, int]
    oldest_pending: int | None
    webhooks: int
    oldest_event: int | None


@attrs.frozen
class RowCount:
    """
    How many rows of a kind there are, and how many of them are of the last day.

    PostgreSQL has estimates of the former, and also says how many bytes they take.
    """

    kind: str
    rows: int
    rows_last_day: int
    size: int | None = None


@attrs.frozen
class Stock:
    """
    What is stored, in every scope.

    `size` is that of the database in bytes; `unused` of them a SQLite file has for new
    rows. `commands_last_day` has how many of these are in which state.
    """

    size: int
    unused: int | None
    rows: Sequence[RowCount]
    commands_last_day: Mapping[CommandState, int]


class StatisticsStore(Protocol):
    """Numbers about what is stored."""

    async def stock(self, since: int) -> Stock:
        """
        Return how much is stored, and how much of it since an instant a day ago.

        It counts all rows, so it is for people who ask now and then.

        Raises:
            Unavailable: the store is away.
        """

    async def backlog(self) -> Backlog:
        """
        Return what is not done yet; what has ended costs nothing, however much it is.

        Raises:
            Unavailable: the store is away.
        """

    async def add_latencies(self, records: Sequence[LatencyRecord]) -> None:
        """
        Keep how long things took.

        Raises:
            Unavailable: the store is away.
        """

    async def latencies(self, since: int) -> Sequence[LatencyRecord]:
        """
        Return what every server measured after *since*, oldest first.

        Raises:
            Unavailable: the store is away.
        """

    async def purge_latencies(self, *, before: int, limit: int) -> int:
        """Delete about *limit* records from before an instant; return how many."""
