"""What rounds and steps cost is found in sums of both."""

import pytest

from bench.simulate.fitting import Point, fit_costs

pytestmark = pytest.mark.proof

ROUND, FIRST, EACH = 0.9, {"a": 0.1, "b": 0.5}, {"a": 0.02, "b": 0.07}


def _alone(step: str, rounds: float) -> Point:
    return Point(rounds, rounds * (ROUND + FIRST[step]) + EACH[step])


def test_what_was_put_together_is_taken_apart() -> None:
    """
    Runs of one kind and a run of all kinds say what each costs.
    """
    mixed = Point(0.4, 0.4 * (ROUND + sum(FIRST.values())) + sum(EACH.values()))
    found = fit_costs(
        {step: [_alone(step, rounds) for rounds in (1.0, 0.3, 0.1)] for step in FIRST},
        mixed,
    )

    assert ROUND == pytest.approx(found.round)
    assert FIRST == pytest.approx(found.per_kind)
    assert EACH == pytest.approx(found.per_step)


def test_nothing_costs_less_than_nothing() -> None:
    """
    Noise makes nothing cheaper than free.
    """
    points = [Point(1.0, 1.0), Point(0.5, 0.4)]
    found = fit_costs({"a": points, "b": points}, Point(0.5, 9.0))

    assert 0 == found.round
    assert {"a": 0, "b": 0} == found.per_step
