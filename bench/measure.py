"""Short runs of the load client, in interleaved pairs."""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import attrs

from bench import machine
from bench.servers import RunningServer

#: Above this share of its core the client, not the server, may be what is measured.
MAX_CLIENT_BUSY = 0.9
#: Seconds after which a run is given up.
RUN_TIMEOUT = 180


@attrs.frozen(kw_only=True)
class Effort:
    """How much is measured: pairs of runs, and the seconds of each run."""

    pairs: int = 7
    seconds: float = 0.8
    rounds: int = 3
    latency_seconds: float = 5.0
    processor_rounds: int = 9
    mixed_seconds: float = 60.0


QUICK = Effort(
    pairs=3,
    seconds=0.5,
    rounds=1,
    latency_seconds=2.0,
    processor_rounds=3,
    mixed_seconds=5.0,
)


@attrs.frozen
class Sample:
    """What a run came to: operations a second, and seconds of processor for each."""

    rate: float
    processor: float


@attrs.frozen
class Ratio:
    """
    What interleaved pairs came to: a ratio, and both sides, ours first, for each.

    The sides are seconds of processor for an operation.
    """

    ratios: Sequence[float]
    costs: Sequence[tuple[float, float]]

    @property
    def median(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios)

    @property
    def processor(self) -> str:
        """The medians of both sides' processor time, as the table shows them."""
        ours, theirs = (
            statistics.median(side) * 1e6 for side in zip(*self.costs, strict=True)
        )
        return f"{ours:.0f} µs, {theirs:.0f} µs"

    def __str__(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return f"{self.median:.3g} ({low:.3g} to {high:.3g})"


def run_load(
    server: RunningServer, scenario: str, **options: float
) -> dict[str, float]:
    """Run the load client against *server* and return what it saw."""
    with machine.pinned_to(machine.LOAD_CORES):
        done = subprocess.run(  # noqa: S603 - our own command line
            _load_command(server, scenario, options),
            stdout=subprocess.PIPE,
            timeout=RUN_TIMEOUT,
            check=True,
        )
    report: dict[str, float] = json.loads(done.stdout)
    if report["busy"] > MAX_CLIENT_BUSY and scenario != "latency":
        print_progress(
            f"  the load client used {report['busy']:.0%} of its core: too slow to"
            " judge"
        )
    return report


@contextlib.contextmanager
def holding_polls(server: RunningServer, polls: int) -> Iterator[None]:
    """Have *polls* polls held for the length of the block."""
    with machine.pinned_to(machine.LOAD_CORES):
        process = subprocess.Popen(  # noqa: S603 - our own command line
            _load_command(server, "hold", {"polls": polls}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the polls could not be held")
        yield
        process.stdin.close()
        report = json.loads(process.stdout.read())
    if report["answered"]:
        raise RuntimeError(f"{report['answered']} polls were answered, not held")


def _load_command(
    server: RunningServer, scenario: str, options: dict[str, float]
) -> list[str]:
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [
        *(sys.executable, "-m", "bench.load", scenario, f"--port={server.port}"),
        *flags,
    ]


Run = Callable[[], Sample]


def sample_run(server: RunningServer, scenario: str, **options: float) -> Run:
    """Return a run that says how many there were a second, and what each cost."""

    def run() -> Sample:
        before = server.processor_seconds()
        report = run_load(server, scenario, **options)
        spent = server.processor_seconds() - before
        return Sample(report["rate"], spent / max(report["completed"], 1))

    return run


def interleaved(ours: Run, theirs: Run, pairs: int) -> Ratio:
    """Run both in turn, the one first and then the other, and compare each pair."""
    ratios, costs = [], []
    for pair in range(pairs):
        if pair % 2:
            mine, other = ours(), theirs()
        else:
            other, mine = theirs(), ours()
        if not other.rate:
            print_progress(
                "  against nothing at all: the disk stood still, the pair is left out"
            )
            continue
        ratios.append(mine.rate / other.rate)
        costs.append((mine.processor, other.processor))
        print_progress(
            f"  {mine.rate:10.0f}/s against {other.rate:10.0f}/s: {ratios[-1]:.3f}"
        )
    return Ratio(ratios, costs)


def print_progress(line: str) -> None:
    """Show progress to whoever watches; the table itself goes to standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
