"""What is waiting in the database, in numbers."""

from collections.abc import Mapping
from typing import Protocol

import attrs

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


class StatisticsStore(Protocol):
    """Numbers about what is stored."""

    async def backlog(self) -> Backlog:
        """
        Return what is not done yet; what has ended costs nothing, however much it is.

        Raises:
            Unavailable: the store is away.
        """
