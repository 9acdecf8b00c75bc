"""Pairs of runs, and what they come to."""

import pytest

from bench.measure import Sample, interleaved

pytestmark = pytest.mark.proof


def test_other_did_nothing() -> None:
    """A pair in which the disk stood still under the other one is no ratio."""
    others = iter((Sample(0.0, 1e-4), Sample(4.0, 3e-4)))
    ratio = interleaved(lambda: Sample(8.0, 1e-4), lambda: next(others), 2)

    assert [2.0] == ratio.ratios
    assert "100 µs, 300 µs" == ratio.processor
