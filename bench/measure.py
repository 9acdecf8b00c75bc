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

    pairs: int = 15
    seconds: float = 1.0
    rounds: int = 3
    latency_seconds: float = 6.0


QUICK = Effort(pairs=3, seconds=0.5, rounds=1, latency_seconds=2.0)


@attrs.frozen
class Ratio:
    """What interleaved pairs came to."""

    ratios: Sequence[float]

    @property
    def median(self) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios)

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


Run = Callable[[], float]


def rate_run(server: RunningServer, scenario: str, **options: float) -> Run:
    """Return a run that says how many there were a second."""

    def run() -> float:
        return run_load(server, scenario, **options)["rate"]

    return run


def interleaved(ours: Run, theirs: Run, pairs: int) -> Ratio:
    """Run both in turn, the one first and then the other, and compare each pair."""
    ratios = []
    for pair in range(pairs):
        if pair % 2:
            mine, other = ours(), theirs()
        else:
            other, mine = theirs(), ours()
        if not other:
            print_progress(
                "  against nothing at all: the disk stood still, the pair is left out"
            )
            continue
        print_progress(f"  {mine:10.0f}/s against {other:10.0f}/s: {mine / other:.3f}")
        ratios.append(mine / other)
    return Ratio(ratios)


def print_progress(line: str) -> None:
    """Show progress to whoever watches; the table itself goes to standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
