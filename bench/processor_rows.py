"""The rows about the server's processor time, which swings less than rates do."""

from collections.abc import Sequence

from bench import processor
from bench.earlier import COMMIT, unpack_earlier
from bench.measure import Ratio
from bench.processor import BARE, BEFORE, CYCLE, IDLE, ON, Costs
from bench.row import Bench, TableRow, at_least


def processor_time(bench: Bench) -> Sequence[TableRow]:
    """The processor's time for a poll and a cycle: bare handler, earlier commit."""
    servers = processor.setups(bench.folder, unpack_earlier(bench.folder))
    measured = {name: servers[name] for name in (BARE, ON, BEFORE)}
    costs = processor.measure(bench.effort.processor_rounds, measured)
    return [
        at_least(
            3,
            _times_cheaper(costs, IDLE, BARE),
            what="processor time of an idle poll: so many times cheaper",
            baseline="the bare handler",
        ),
        at_least(
            2.5,
            _times_cheaper(costs, CYCLE, BEFORE),
            what="processor time of a full cycle, 64 at a time: so many times cheaper",
            baseline=f"commit {COMMIT[:7]}, before the fast lane",
        ),
    ]


def _times_cheaper(costs: Costs, operation: str, other: str) -> Ratio:
    """Compare what an operation costs ours with what it costs the *other* server."""
    pairs = [
        (ours / 1e6, theirs / 1e6)
        for ours, theirs in zip(
            costs[operation, ON], costs[operation, other], strict=True
        )
    ]
    return Ratio([theirs / ours for ours, theirs in pairs], pairs)
