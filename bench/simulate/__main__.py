"""Draws docs/scaling.md's pictures and makes its tables, from what was measured.

    python -m bench.simulate              # a minute or two
    python -m bench.simulate --measure    # measures anew before, for ten minutes

The same service times always make the same pictures and tables.
"""

import argparse
import sys
from collections.abc import Sequence

from bench.measure import print_progress
from bench.simulate import measuring, page, pictures, times
from bench.simulate.plan import SimulationPlan
from bench.simulate.sweeps import LARGE_SIZES, SIZES, sweeps

PLANS = {
    SimulationPlan(devices=1, period=pictures.SHORT): SIZES,
    SimulationPlan(devices=1, period=pictures.LONG): LARGE_SIZES,
    SimulationPlan(devices=1, period=pictures.HOLD, holds_polls=True): SIZES,
}


def main(argv: Sequence[str]) -> int:
    """Measure if asked to; simulate, draw, and write the outcome."""
    parser = argparse.ArgumentParser(prog="bench.simulate", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure anew before")
    parser.add_argument("--rounds", type=int, default=measuring.ROUNDS)
    options = parser.parse_args(argv)
    if options.measure:
        times.write(measuring.measure(options.rounds))
        print_progress(f"kept in {times.FILE.name}")
    _make(times.read())
    return 0


def _make(stored_times: times.MeasuredTimes) -> None:
    found = sweeps(stored_times.times, list(PLANS.items()))
    answers = dict(zip(PLANS, found, strict=True))
    polled, _, held = answers.values()
    folder = page.PAGE.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, drawn in pictures.pictures(stored_times.times, polled, held).items():
        (folder / name).write_text(drawn, "utf-8")
    text = page.PAGE.read_text("utf-8")
    for name, table in page.tables(stored_times, answers).items():
        text = page.replace_section(text, name, table)
    page.PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
