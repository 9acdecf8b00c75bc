"""Runs the benchmarks and prints their table: `python -m bench [--quick] [row ...]`."""

import argparse
import datetime
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import machine
from bench.measure import QUICK, Effort, say
from bench.page import page, table
from bench.row import Bench, Line
from bench.rows import ROWS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def _told(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument(
        "--quick", action="store_true", help="a look, not a measurement"
    )
    told = parser.parse_args(argv)
    if unknown := set(told.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return told


def main(argv: Sequence[str]) -> int:
    """Run the rows, print the table, keep it if it is whole; 1 if one was missed."""
    told = _told(argv)
    effort = QUICK if told.quick else Effort()
    machine.allow_open_files()
    lines: list[Line] = []
    with machine.folder_on_disk() as folder:
        bench = Bench(folder, effort)
        for name in told.rows or ROWS:
            say(f"{name}: {ROWS[name].__doc__}")
            lines += ROWS[name](bench)
        facts = machine.facts(folder)
    sys.stdout.write(table(lines) + "\n")
    if facts[machine.FILE_SYSTEM] == "tmpfs":
        say("not on a disk, so commits cost nothing: set TMPDIR to a folder on one")
    elif not (told.rows or told.quick):
        _keep(lines, facts, effort)
    return 0 if all(line.met for line in lines) else 1


def _keep(lines: Sequence[Line], facts: Mapping[str, str], effort: Effort) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(
        page(lines, facts, command="scripts/bench", date=today, pairs=effort.pairs)
    )
    say(f"kept in {PAGE.relative_to(PAGE.parents[1])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
