"""Runs the benchmarks and prints their table: `python -m bench [--quick] [row ...]`."""

import argparse
import datetime
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import machine
from bench.measure import QUICK, Effort, print_progress
from bench.page import page, table
from bench.row import Bench, TableRow
from bench.rows import ROWS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def _parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument(
        "--quick", action="store_true", help="a look, not a measurement"
    )
    parsed = parser.parse_args(argv)
    if unknown := set(parsed.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return parsed


def main(argv: Sequence[str]) -> int:
    """Run the rows, print the table, keep it if it is whole; 1 if one was missed."""
    parsed = _parse_arguments(argv)
    effort = QUICK if parsed.quick else Effort()
    machine.allow_open_files()
    began, lines = time.monotonic(), list[TableRow]()
    with machine.folder_on_disk() as folder:
        bench = Bench(folder, effort)
        for name in parsed.rows or ROWS:
            print_progress(f"{name}: {ROWS[name].__doc__}")
            lines += ROWS[name](bench)
        facts = machine.describe(folder)
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(table(lines) + "\n")
    print_progress(f"the run took {minutes:.1f} minutes")
    if facts[machine.FILE_SYSTEM] == "tmpfs":
        print_progress(
            "not on a disk, so commits cost nothing: set TMPDIR to a folder on one"
        )
    elif not (parsed.rows or parsed.quick):
        _write_page(lines, facts, effort, minutes)
    return 0 if all(line.is_met for line in lines) else 1


def _write_page(
    lines: Sequence[TableRow],
    facts: Mapping[str, str],
    effort: Effort,
    minutes: float,
) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(
        page(
            lines,
            facts,
            command="scripts/bench",
            date=today,
            minutes=minutes,
            effort=effort,
        )
    )
    print_progress(f"kept in {PAGE.relative_to(PAGE.parents[1])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
