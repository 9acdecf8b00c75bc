"""How often a value was how large, and what that says of most of them."""

import pytest

from pushserver.metrics.exposition import expose
from pushserver.metrics.families import COMMIT_ROWS
from pushserver.metrics.histogram import Histogram, percentile
from pushserver.metrics.samples import Sample


def observed(*values: float) -> Histogram:
    """Return a histogram of these values, with buckets up to 1, 2 and 4."""
    histogram = Histogram((1, 2, 4))
    for value in values:
        histogram.observe(value)
    return histogram


def test_each_value_is_in_one_bucket() -> None:
    """
    A bucket has the values up to its bound; the last one what is larger than all.
    """
    histogram = observed(-1, 0, 1, 1.5, 4, 9)

    assert [3, 1, 1, 1] == histogram.buckets
    assert 15.5 == histogram.total


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ((), 0.5, None),
        ((3,), 0.5, 3.0),  # the middle of its bucket
        ((0.5, 0.5, 3, 3), 0.5, 1.0),
        ((0.5, 0.5, 3, 3), 0.75, 3.0),
        ((9, 9), 0.99, 4.0),  # beyond the last bound
    ],
)
def test_percentiles(
    values: tuple[float, ...], share: float, expected: float | None
) -> None:
    """
    A percentile is interpolated in its bucket, as Prometheus does.
    """
    histogram = observed(*values)

    assert expected == percentile(histogram.buckets, share, histogram.bounds)


def test_workers_side_by_side() -> None:
    """
    Numbers of several processes have a label each, and cumulated buckets.
    """
    one = Sample(COMMIT_ROWS.name, (), 5, ((1.0, 2), (float("inf"), 1)))
    page, _ = expose({"0": [one], "1": [one]}, "")
    lines = [line for line in page.decode().splitlines() if not line.startswith("#")]

    assert [
        f'pushserver_commit_rows_{name}worker="{worker}"}} {value}'
        for worker in "01"
        for name, value in (
            ('bucket{le="1",', "2.0"),
            ('bucket{le="+Inf",', "3.0"),
            ("count{", "3.0"),
            ("sum{", "5.0"),
        )
    ] == lines
