"""Bounds the results that end nothing: whoever knows a device's id can post them."""

from collections import Counter

import attrs

from pushserver.clock import SECOND
from pushserver.errors import TooMany
from pushserver.model.bounds import MEBIBYTE, Bounds

_DAY = 86_400 * SECOND


@attrs.frozen
class CountedOrphan:
    """A result of so many bytes that was counted on a day."""

    device_id: int
    size: int
    day: int


@attrs.define(eq=False, repr=False)
class OrphanBounds:
    """
    Counts, each day, the results that end nothing: orphans, repetitions and pieces.

    What is beyond is refused, so that no device is told that it was kept; what ends a
    command is never counted. Who decides to store one counts it at once, because many
    decisions share a commit. The counts begin anew with the server.
    """

    bounds: Bounds
    counts: Counter[str]
    _day: int = attrs.field(default=0, init=False)
    _numbers: Counter[int] = attrs.field(factory=Counter, init=False)
    _sizes: Counter[int] = attrs.field(factory=Counter, init=False)
    _total_size: int = attrs.field(default=0, init=False)

    def count(self, device_id: int, size: int, now: int) -> CountedOrphan:
        """
        Count a result of so many bytes that is to be stored.

        Raises:
            TooMany: there is no room for it today.
        """
        self._begin_day(now // _DAY)
        self._require_room(device_id, size)
        self._add(device_id, 1, size)
        return CountedOrphan(device_id, size, self._day)

    def take_back(self, counted: CountedOrphan) -> None:
        """Count a result no more: it was not stored."""
        if counted.day == self._day:
            self._add(counted.device_id, -1, -counted.size)

    def _require_room(self, device_id: int, size: int) -> None:
        device_size, total = self._sizes[device_id] + size, self._total_size + size
        if self._numbers[device_id] >= self.bounds.device_orphans:
            self._refuse("bounds.deviceOrphans")
        if device_size > self.bounds.device_orphan_size * MEBIBYTE:
            self._refuse("bounds.deviceOrphanSize")
        if total > self.bounds.server_orphan_size * MEBIBYTE:
            self._refuse("bounds.serverOrphanSize")

    def _add(self, device_id: int, number: int, size: int) -> None:
        self._numbers[device_id] += number
        self._sizes[device_id] += size
        self._total_size += size

    def _begin_day(self, day: int) -> None:
        if day != self._day:
            self._day, self._total_size = day, 0
            self._numbers.clear()
            self._sizes.clear()

    def _refuse(self, count: str) -> None:
        self.counts[count] += 1
        raise TooMany("Too many results that nothing awaits came today.")
