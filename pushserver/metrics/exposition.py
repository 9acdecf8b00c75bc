"""The numbers of one or several processes, as Prometheus reads them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import attrs
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pushserver.metrics.families import FAMILIES, Family, Kind
from pushserver.metrics.samples import Sample

#: The samples of each process, by what its label `worker` says; "": it has none.
SamplesByWorker = Mapping[str, Sequence[Sample]]


def expose(by_worker: SamplesByWorker, accept: str) -> tuple[bytes, str]:
    """Return the page that a scrape with this `Accept` gets, and its media type."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SampleCollector(by_worker))
    return encode(registry), content_type


@attrs.frozen(eq=False)
class SampleCollector(Collector):
    """Hands samples to `prometheus_client`, metric by metric."""

    by_worker: SamplesByWorker

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of which there are numbers."""
        found: dict[str, list[tuple[str, Sample]]] = {}
        for worker, samples in self.by_worker.items():
            for each in samples:
                found.setdefault(each.name, []).append((worker, each))
        for family in FAMILIES:
            if family.name in found:
                yield _metric(family, found[family.name])


def _metric(family: Family, found: Sequence[tuple[str, Sample]]) -> Metric:
    has_workers = any(worker for worker, _ in found)
    names = [*family.labels, "worker"] if has_workers else family.labels
    numbers = [
        ([*each.labels, worker] if has_workers else each.labels, each)
        for worker, each in found
    ]
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.help, labels=names)
        for labels, each in numbers:
            histogram.add_metric(labels, _cumulated(each), each.value)
        return histogram
    make = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = make(family.name, family.help, labels=names)
    for labels, each in numbers:
        metric.add_metric(labels, each.value)
    return metric


def _cumulated(histogram: Sample) -> list[tuple[str, float]]:
    """Return the buckets as Prometheus has them: each with all that are smaller."""
    counts = accumulate(count for _, count in histogram.buckets)
    bounds = (bound for bound, _ in histogram.buckets)
    return [
        ("+Inf" if bound == float("inf") else f"{bound:.6g}", count)
        for bound, count in zip(bounds, counts, strict=True)
    ]
