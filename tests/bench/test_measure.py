"""Pairs of runs, and what they come to."""

import pytest

from bench.measure import interleaved

pytestmark = pytest.mark.proof


def test_other_did_nothing() -> None:
    """A pair in which the disk stood still under the other one is no ratio."""
    others = iter((0.0, 4.0))
    ratio = interleaved(lambda: 8.0, lambda: next(others), 2)

    assert [2.0] == ratio.ratios
