"""Ends what holds room that others wait for, and hardly moves."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

#: Seconds that anybody has, and the bytes in each of them that are enough after these.
FREE_SECONDS, ENOUGH_IN_A_SECOND = 30.0, 64 * 1024


@attrs.define(eq=False)
class _Transfer:
    moved: Callable[[], int]
    end: Callable[[], None]
    began_at: float

    def pace(self, now: float) -> float:
        """Return how many bytes moved in each second; of a young one, enough."""
        seconds = now - self.began_at
        return self.moved() / seconds if seconds > FREE_SECONDS else ENOUGH_IN_A_SECOND


@attrs.frozen(repr=False)
class Transfers:
    """Large bodies that arrive or leave; `counts` counts those that are ended."""

    counts: Counter[str]
    _under_way: set[_Transfer] = attrs.field(factory=set, init=False)

    @contextmanager
    def under_way(
        self, moved: Callable[[], int], end: Callable[[], None]
    ) -> Iterator[None]:
        """Know of one during the block: *moved* tells how far it is, *end* ends it."""
        transfer = _Transfer(moved, end, asyncio.get_running_loop().time())
        self._under_way.add(transfer)
        try:
            yield
        finally:
            self._under_way.discard(transfer)

    def end_slowest(self) -> None:
        """End the slowest one, if it is too slow: somebody else needs its room."""
        now = asyncio.get_running_loop().time()
        paces = {each: each.pace(now) for each in self._under_way}
        slowest = min(paces, key=paces.__getitem__, default=None)
        if slowest is not None and paces[slowest] < ENOUGH_IN_A_SECOND:
            self._under_way.discard(slowest)
            self.counts["bodies.ended"] += 1
            slowest.end()
