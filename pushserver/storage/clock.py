"""What a store keeps of clocks, so that server time goes on after a restart."""

from collections.abc import Sequence
from typing import Protocol

import attrs


@attrs.frozen
class ServerClock:
    """
    How far the wall clock of a host is `ahead` of the store's, in microseconds.

    `is_synchronized`: somebody keeps it right, such as NTP.
    """

    host: str
    ahead: int
    is_synchronized: bool


class ClockStore(Protocol):
    """What a store keeps of clocks."""

    async def correct_clock(self, correction: int) -> None:
        """
        Call instants by this *correction* from now on: the wall clock has jumped.

        What is scheduled for an instant stays so by its name; what was said in seconds
        is not touched.

        Raises:
            Unavailable: the store is away.
        """

    async def follow_leader(self) -> int:
        """
        Go by what time the leader says it is; return by how much that is ahead.

        0: it is the same time, or the leader does not say it.

        Raises:
            Unavailable: the store is away.
        """

    async def anchor_clock(self) -> Sequence[ServerClock]:
        """
        Store what time it is here; return how far the clocks of all servers are apart.

        Raises:
            Unavailable: the store is away.
        """
