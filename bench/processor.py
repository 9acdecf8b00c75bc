"""What an idle poll and a full cycle cost a server's processor, with the fast lane.

    python -m bench.processor [--rounds 9] [--before FOLDER]

FOLDER has the source of an earlier release, which is measured beside this one.

Rates swing by a factor of two from minute to minute; the processor time of the server's
threads for each operation hardly does. The same operations are sent to each server in
turn, and the medians of the rounds are printed, in microseconds, with what is between
the first and the last quarter of them.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import attrs

from bench import machine
from bench.measure import print_progress
from bench.servers import RunningServer, ServerKind, ServerSetup, running
from bench.simulate.step_client import StepClient, step_client

_DEVICES, _POLLS_OF_EACH = 500, 20
BARE, OFF, ON = "bare aiohttp", "fast lane off", "fast lane on"
BEFORE = "before"
IDLE, CYCLE = "idle poll", "cycle"
#: By operation and server, what each round of operations cost, in microseconds.
Costs = Mapping[tuple[str, str], Sequence[float]]
_STEPS_OF_CYCLE = ("enqueue", "hand_out", "result")


@attrs.frozen
class Target:
    """A server, and the client that asks it; *serves* tells whether it is ours."""

    server: RunningServer
    client: StepClient
    serves: bool

    def cost(self, *steps: str, **options: int) -> float:
        """Return the seconds of processor that *steps* took the server."""
        before = machine.processor_seconds(self.server.process_id)
        for step in steps:
            self.client.run_step(step, devices=_DEVICES, **options)
        return machine.processor_seconds(self.server.process_id) - before

    def costs(self, run: int) -> Iterator[tuple[str, float]]:
        """Yield what each operation costs, in microseconds."""
        polls = _DEVICES * _POLLS_OF_EACH
        yield IDLE, self.cost("poll", times=_POLLS_OF_EACH) / polls * 1e6
        if self.serves:
            yield CYCLE, self.cost(*_STEPS_OF_CYCLE, run=run) / _DEVICES * 1e6


def setups(folder: Path, before: Path | None) -> Mapping[str, ServerSetup]:
    """Say how to start each server over a new database in *folder*."""
    make = partial(ServerSetup, kind=ServerKind.OURS)
    found = {
        BARE: ServerSetup(kind=ServerKind.BARE, database=folder / "processor-bare.db"),
        OFF: make(database=folder / "processor-off.db", fast_lane=False),
        ON: make(database=folder / "processor-on.db"),
    }
    if before is not None:
        database = folder / "processor-before.db"
        found[BEFORE] = make(database=database, source=before)
    return found


def measure(rounds: int, servers: Mapping[str, ServerSetup]) -> Costs:
    """Return what each operation cost each server, in each round."""
    costs: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        targets = {}
        for name, setup in servers.items():
            server = stack.enter_context(running(setup))
            client = stack.enter_context(step_client(server))
            targets[name] = Target(server, client, setup.kind is ServerKind.OURS)
            if setup.kind is ServerKind.OURS:
                server.import_devices(_DEVICES)
        # The first round opens connections and fills caches.
        for run in range(rounds + 1):
            for name, target in targets.items():
                for operation, cost in target.costs(run):
                    if run:
                        costs.setdefault((operation, name), []).append(cost)
            print_progress(f"  round {run} of {rounds}")
    return costs


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--before", type=Path, help="the source of a release")
    options = parser.parse_args()
    with machine.folder_on_disk() as folder:
        found = measure(options.rounds, setups(folder, options.before))
    for (operation, name), costs in found.items():
        low, middle, high = statistics.quantiles(costs, n=4)
        sys.stdout.write(
            f"{operation:10} {name:14} {middle:6.1f} µs ({low:.1f} to {high:.1f})\n"
        )


if __name__ == "__main__":
    main()
