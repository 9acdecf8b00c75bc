"""How often a measured value was how large."""

from bisect import bisect_left
from collections.abc import Sequence

import attrs

#: Upper bounds of durations, in seconds: six in each power of ten, from 0.1 ms to an
#: hour, so that a percentile is off by a quarter at most.
DURATION_BOUNDS: tuple[float, ...] = (
    *(
        step * scale
        for scale in (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
        for step in (1, 1.5, 2, 3, 5, 7)
    ),
    1000,
    1800,
    3600,
)
#: Upper bounds of how many there were of something.
SIZE_BOUNDS: tuple[float, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)


@attrs.define(eq=False)
class Histogram:
    """
    Counts values by `bounds`: each is the largest value of its bucket.

    `buckets` has one more, for what is larger than all of them.
    """

    bounds: Sequence[float] = DURATION_BOUNDS
    total: float = 0.0
    buckets: list[int] = attrs.field(init=False)

    @buckets.default
    def _empty(self) -> list[int]:
        return [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count *value*; one below zero, which a clock may tell, counts as zero."""
        value = max(value, 0.0)
        self.total += value
        self.buckets[bisect_left(self.bounds, value)] += 1


def percentile(
    buckets: Sequence[int], share: float, bounds: Sequence[float] = DURATION_BOUNDS
) -> float | None:
    """
    Return the value below which a *share* of the counted ones lies; None: no value.

    Inside a bucket they are taken to be spread evenly; beyond the last bound, for it.
    """
    count = sum(buckets)
    if not count:
        return None
    rank, below = share * count, 0
    for i, bound in enumerate(bounds):
        if below + buckets[i] >= rank and buckets[i]:
            start = bounds[i - 1] if i else 0.0
            return start + (bound - start) * (rank - below) / buckets[i]
        below += buckets[i]
    return bounds[-1]
