"""The table, and the page that keeps it."""

import pytest

from bench.measure import Effort, Ratio
from bench.page import page, table
from bench.row import TableRow, at_least, reported

pytestmark = pytest.mark.proof

RATIO = Ratio([2.0, 3.0, 4.0], [(1e-5, 2e-5), (1e-5, 3e-5), (1e-5, 4e-5)])


def test_a_row_says_the_processor_time_beside_the_rate() -> None:
    """
    A row has its target, what was measured, both sides' processor time, and if it met.
    """
    met = at_least(3, RATIO, what="polls", baseline="bare")
    missed = at_least(3.5, RATIO, what="polls", baseline="bare")
    only_reported = reported(RATIO, what="polls", baseline="bare")

    expected = [
        "polls | bare | ≥ 3 | 3 (2 to 4) | 10 µs, 30 µs | met",
        "polls | bare | ≥ 3.5 | 3 (2 to 4) | 10 µs, 30 µs | MISSED",
        "polls | bare |  | 3 (2 to 4) | 10 µs, 30 µs |",
    ]
    assert expected == _cells(met, missed, only_reported)


def _cells(*rows: TableRow) -> list[str]:
    lines = table(rows).splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [" | ".join(row).strip() for row in cells]


def test_the_page_says_how_long_the_run_took() -> None:
    """
    The page has the run's minutes, and how often each thing was measured.
    """
    text = page(
        [],
        {"cores": "2"},
        command="scripts/bench",
        date="2026-01-02",
        minutes=8.25,
        effort=Effort(pairs=7, processor_rounds=9),
    )

    assert "on 2026-01-02; the run took 8.2 minutes" in text
    assert "of 7 interleaved pairs of short runs (of 9 rounds" in text
