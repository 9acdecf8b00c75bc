"""What a row of the table is, and what rows measure with."""

from pathlib import Path

import attrs

from bench.measure import Effort, Ratio, interleaved, sample_run
from bench.servers import RunningServer, ServerKind, ServerSetup

#: Devices of the rows that are not about many.
DEVICES = 1000
#: What is over, and of how many devices, in the rows about a long past.
FINISHED_COMMANDS, FLEET_DEVICES = 1_000_000, 100_000


@attrs.frozen(kw_only=True)
class TableRow:
    """
    One line of the table; without a *target* it only reports.

    *processor* is the server's processor time, with the baseline's after a comma.
    """

    what: str
    baseline: str = ""
    target: str = ""
    measured: str
    processor: str = ""
    is_met: bool = True


@attrs.frozen
class Bench:
    """Where the rows keep their databases, and how much they measure."""

    folder: Path
    effort: Effort

    def setup(
        self,
        kind: ServerKind,
        name: str = "",
        *,
        hold: int = 0,
        preload: Path | None = None,
    ) -> ServerSetup:
        """Say how to start a server over a new database."""
        database = self.folder / f"{name or kind.name.lower()}.db"
        for stale_file in self.folder.glob(f"{database.name}*"):
            stale_file.unlink()
        return ServerSetup(kind=kind, database=database, hold=hold, preload=preload)

    def compare(
        self,
        ours: RunningServer,
        theirs: RunningServer,
        scenario: str,
        **options: float,
    ) -> Ratio:
        """Run *scenario* on both in interleaved pairs."""
        options = {"seconds": self.effort.seconds, "devices": DEVICES} | options
        return interleaved(
            sample_run(ours, scenario, **options),
            sample_run(theirs, scenario, **options),
            self.effort.pairs,
        )


def at_least(target: float, ratio: Ratio, *, what: str, baseline: str) -> TableRow:
    """Return a line whose ratio has to be *target* or more."""
    return TableRow(
        what=what,
        baseline=baseline,
        target=f"≥ {target:g}",
        measured=str(ratio),
        processor=ratio.processor,
        is_met=ratio.median >= target,
    )


def reported(ratio: Ratio, *, what: str, baseline: str) -> TableRow:
    """Return a line that only reports its ratio."""
    return TableRow(
        what=what,
        baseline=baseline,
        measured=str(ratio),
        processor=ratio.processor,
    )
