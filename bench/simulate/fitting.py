"""What rounds cost by themselves, and what the steps in them do, from sums of both."""

import statistics
from collections.abc import Mapping, Sequence

import attrs


@attrs.frozen
class Point:
    """Seconds for each step, or command, where so many rounds were made for each."""

    rounds: float
    seconds: float


@attrs.frozen
class Costs:
    """Seconds: for a round, once for a kind of step in it, and for each step."""

    round: float
    per_kind: Mapping[str, float]
    per_step: Mapping[str, float]


def fit_costs(alone: Mapping[str, Sequence[Point]], mixed: Point) -> Costs:
    """
    Return the costs of which *alone* and *mixed* are made.

    *alone* are runs of one kind of step: a line for each, whose slope is what a round
    costs with only that in it. *mixed* are whole commands whose rounds had every kind.
    What those rounds cost less than one of each kind together is what all have alike.
    """
    lines = {
        step: statistics.linear_regression(
            [point.rounds for point in points], [point.seconds for point in points]
        )
        for step, points in alone.items()
    }
    each = {step: max(0.0, line.intercept) for step, line in lines.items()}
    slopes = [line.slope for line in lines.values()]
    cost_per_round = (mixed.seconds - sum(each.values())) / mixed.rounds
    shared_cost = (sum(slopes) - cost_per_round) / (len(slopes) - 1)
    shared_cost = min(max(shared_cost, 0.0), *slopes)
    return Costs(
        shared_cost,
        {step: line.slope - shared_cost for step, line in lines.items()},
        each,
    )
