"""What a row of the table is, and what rows measure with."""

from pathlib import Path

import attrs

from bench.measure import Effort, Ratio, interleaved, rate
from bench.servers import Kind, Server, Setup

#: Devices of the rows that are not about many.
DEVICES = 1000
#: What is over, and of how many devices, in the rows about a long past.
FINISHED, FLEET = 1_000_000, 100_000


@attrs.frozen(kw_only=True)
class Line:
    """One line of the table."""

    what: str
    against: str = ""
    wanted: str
    measured: str
    met: bool


@attrs.frozen
class Bench:
    """Where the rows keep their databases, and how much they measure."""

    folder: Path
    effort: Effort

    def setup(
        self,
        kind: Kind,
        name: str = "",
        *,
        hold: int = 0,
        preload: Path | None = None,
    ) -> Setup:
        """Say how to start a server over a new database."""
        database = self.folder / f"{name or kind.name.lower()}.db"
        for old in self.folder.glob(f"{database.name}*"):
            old.unlink()
        return Setup(kind=kind, database=database, hold=hold, preload=preload)

    def compare(
        self, ours: Server, theirs: Server, scenario: str, **options: float
    ) -> Ratio:
        """Run *scenario* on both in interleaved pairs."""
        options = {"seconds": self.effort.seconds, "devices": DEVICES} | options
        return interleaved(
            rate(ours, scenario, **options),
            rate(theirs, scenario, **options),
            self.effort.pairs,
        )


def at_least(wanted: float, ratio: Ratio, *, what: str, against: str) -> Line:
    """Return a line whose ratio has to be *wanted* or more."""
    return Line(
        what=what,
        against=against,
        wanted=f"≥ {wanted:g}",
        measured=str(ratio),
        met=ratio.median >= wanted,
    )
