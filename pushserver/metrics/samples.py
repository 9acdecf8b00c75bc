"""The numbers of one process at one instant, as another process may be told them."""

from collections.abc import Iterator, Mapping

import msgspec
from prometheus_client import ProcessCollector

from pushserver.metrics import families
from pushserver.metrics.families import Family
from pushserver.metrics.histogram import Histogram
from pushserver.metrics.recorder import CommitMetrics, Metrics
from pushserver.model.state import CommandEvent

_process = ProcessCollector(registry=None)
_PROCESS_NAMES = {
    each.name.removesuffix("_total"): each
    for each in families.FAMILIES
    if each.name.startswith("process_")
}


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """
    One number of the metric `name`, or its `buckets` and their sum.

    `labels` are the values of the metric's labels, in their order.
    """

    name: str
    labels: tuple[str, ...]
    value: float
    buckets: tuple[tuple[float, int], ...] = ()


def sample(family: Family, value: float, *labels: str) -> Sample:
    """Return a number of *family*."""
    return Sample(family.name, labels, float(value))


def own_samples(metrics: Metrics) -> Iterator[Sample]:
    """Yield what this process counted."""
    yield from _counts(metrics.counts)
    for (method, route), statuses in metrics.responses.items():
        for status, count in statuses.items():
            yield sample(families.RESPONSES, count, method, route, str(status))
    yield from _commits(metrics.commits)
    yield _histogram(families.TO_DEVICE, metrics.to_device)
    yield _histogram(families.LOOP_LAG, metrics.loop_lag)
    yield sample(families.LOG_WAITING, metrics.log_lines.waiting())
    yield sample(families.LOG_DROPPED, metrics.log_lines.dropped)
    for outcome, count in metrics.webhooks.outcomes.items():
        yield sample(families.WEBHOOK_ATTEMPTS, count, outcome)
    yield _histogram(families.WEBHOOK_SECONDS, metrics.webhooks.seconds)


def process_samples() -> Iterator[Sample]:
    """Yield what the system says of this process."""
    for metric in _process.collect():
        family = _PROCESS_NAMES.get(metric.name)
        if family is not None:
            yield sample(family, metric.samples[0].value)


def _counts(counts: Mapping[str, int]) -> Iterator[Sample]:
    """Yield plain counts; one without a name of its own is named by its group."""
    for name, family in families.SINGLE_COUNTS.items():
        yield sample(family, counts.get(name, 0))
    for name, count in counts.items():
        group, _, label = name.partition(".")
        if name not in families.SINGLE_COUNTS:
            yield sample(families.COUNT_GROUPS[group], count, label)


def _commits(commits: CommitMetrics) -> Iterator[Sample]:
    yield sample(families.CREATED, commits.created)
    yield sample(families.REDELIVERIES, commits.redelivered)
    yield sample(families.TIMEOUTS, commits.events[CommandEvent.GIVE_UP])
    yield sample(families.ORPHANS, commits.orphans)
    for event, count in commits.events.items():
        yield sample(families.COMMAND_EVENTS, count, event.value)
    yield _histogram(families.TO_RESULT, commits.to_result)
    yield _histogram(families.COMMIT_SECONDS, commits.seconds)
    yield _histogram(families.COMMIT_ROWS, commits.rows)
    yield sample(families.FAILED_COMMITS, commits.failed)


def _histogram(family: Family, histogram: Histogram) -> Sample:
    buckets, bounds = tuple(histogram.buckets), (*histogram.bounds, float("inf"))
    pairs = tuple(zip(bounds, buckets, strict=True))
    return Sample(family.name, (), histogram.total, pairs)
