"""How long things took over the last hour and day: on every server the same."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.metrics.histogram import DURATION_BOUNDS, Histogram, percentile
from pushserver.metrics.latency import LatencyKind, LatencyRecord
from pushserver.metrics.recorder import Metrics
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.storage.base import Store

_MINUTE = 60 * SECOND
#: How long records are kept (microseconds): a day, and what its first point needs.
_KEPT_FOR = 25 * 60 * _MINUTE


class Period(enum.StrEnum):
    """Over how long one looks back."""

    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> int:
        """How long it is, in microseconds."""
        return 60 * _MINUTE if self is Period.HOUR else 24 * 60 * _MINUTE

    @property
    def step(self) -> int:
        """How far its points are apart, in microseconds."""
        return _MINUTE if self is Period.HOUR else 15 * _MINUTE


@attrs.frozen
class LatencyPoint:
    """
    How many there were from the instant `at` on, until the next point, and how slow.

    Half of them took at most `p50` seconds, 99 of 100 at most `p99`.
    """

    at: int
    count: int
    p50: float
    p99: float


@attrs.frozen
class LatencySummary:
    """The same of a whole period, with a point for each step in which there was one."""

    kind: LatencyKind
    count: int
    p50: float | None
    p99: float | None
    points: Sequence[LatencyPoint]


@attrs.define(eq=False)
class LatencyHistory:
    """Keeps what this server measures in the store, and tells what all did."""

    store: Store
    clock: Clock
    metrics: Metrics
    _server: int = attrs.field(init=False)
    _saved: dict[LatencyKind, list[int]] = attrs.field(factory=dict, init=False)

    @_server.default
    def _new_id(self) -> int:
        return self.store.new_id()

    async def save(self) -> int:
        """
        Store what was measured since the last call; return how many records that took.

        Raises:
            Unavailable: the store is away; the next call stores it.
        """
        now, measured = self.clock.now(), self._measured()
        records = [
            LatencyRecord(now, self._server, kind, added)
            for kind, buckets in measured.items()
            if (added := self._added(kind, buckets))
        ]
        if records:
            await self.store.statistics.add_latencies(records)
        self._saved = measured
        return len(records)

    async def purge(self) -> int:
        """Delete what is too old for any period; return how many records."""
        before = self.clock.now() - _KEPT_FOR
        purge = self.store.statistics.purge_latencies
        return await repeat_until_done(partial(purge, before=before, limit=BATCH_SIZE))

    async def read(self, period: Period) -> Sequence[LatencySummary]:
        """
        Return what all servers measured in the *period* up to now, of each kind.

        The last minute may be missing.

        Raises:
            Unavailable: the store is away.
        """
        since = self.clock.now() - period.length
        records = await self.store.statistics.latencies(since)
        return [
            _summarize(kind, [r for r in records if r.kind is kind], period)
            for kind in LatencyKind
        ]

    def _measured(self) -> dict[LatencyKind, list[int]]:
        metrics = self.metrics
        histograms: Mapping[LatencyKind, Histogram] = {
            LatencyKind.ENQUEUE_TO_DEVICE: metrics.to_device,
            LatencyKind.DEVICE_TO_RESULT: metrics.commits.to_result,
            LatencyKind.COMMIT: metrics.commits.seconds,
            LatencyKind.LOOP_LAG: metrics.loop_lag,
        }
        return {kind: list(each.buckets) for kind, each in histograms.items()}

    def _added(self, kind: LatencyKind, buckets: Sequence[int]) -> Mapping[int, int]:
        before = self._saved.get(kind, [0] * len(buckets))
        growth = (new - old for new, old in zip(buckets, before, strict=True))
        return {bucket: count for bucket, count in enumerate(growth) if count}


def _summarize(
    kind: LatencyKind, records: Sequence[LatencyRecord], period: Period
) -> LatencySummary:
    by_step: dict[int, list[LatencyRecord]] = {}
    for record in records:
        by_step.setdefault(record.at - record.at % period.step, []).append(record)
    points = [
        LatencyPoint(at, *_percentiles(of_step))
        for at, of_step in sorted(by_step.items())
    ]
    if not points:
        return LatencySummary(kind, 0, None, None, ())
    return LatencySummary(kind, *_percentiles(records), points)


def _percentiles(records: Iterable[LatencyRecord]) -> tuple[int, float, float]:
    """Return how many were measured, and the percentiles."""
    buckets = [0] * (len(DURATION_BOUNDS) + 1)
    for record in records:
        for bucket, count in record.buckets.items():
            buckets[bucket] += count
    p50, p99 = percentile(buckets, 0.5), percentile(buckets, 0.99)
    return sum(buckets), p50 or 0.0, p99 or 0.0
