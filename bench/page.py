"""The table, as it is printed and as `docs/benchmarks.md` keeps it."""

from collections.abc import Iterable, Mapping, Sequence

from bench.measure import Effort
from bench.row import TableRow

HEADINGS = ("what", "against", "target", "measured", "processor", "")

_PAGE = """\
# Benchmarks

What `{command}` measured last, on {date}; the run took {minutes:.1f} minutes. Every
ratio compares two servers that were measured in turn inside one run: it is the median
of {pairs} interleaved pairs of short runs (of {rounds} rounds, where processor time is
compared), and in brackets stand the lowest and the highest pair. The server has one
core, the load client another, and every commit is synced (`synchronous=FULL`) to the
file system named below.

{table}

*processor* is the processor time, user and system, that one operation takes of all the
server's threads: first ours, then the one it is compared with; the median of the runs.
Rates on a shared machine swing from minute to minute; processor time hardly does. A row
without a target only reports.

The machine:

{facts}

To run it again: `scripts/bench`; some rows only: `scripts/bench idle cycles`; a quick
look that keeps nothing: `scripts/bench --quick`. What each row does, and what the bare
handler and the obvious server are, is said in `bench/README.md`.
"""


def table(lines: Iterable[TableRow]) -> str:
    """Return the lines as a Markdown table with columns of equal width."""
    rows = [HEADINGS, *map(_cells, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rules = tuple("-" * max(width, 3) for width in widths)
    return "\n".join(_format_row(row, widths) for row in (HEADINGS, rules, *rows[1:]))


def _cells(line: TableRow) -> tuple[str, ...]:
    met = "met" if line.is_met else "MISSED"
    verdict = met if line.target else ""
    return (
        line.what,
        line.baseline,
        line.target,
        line.measured,
        line.processor,
        verdict,
    )


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def page(
    lines: Iterable[TableRow],
    facts: Mapping[str, str],
    *,
    command: str,
    date: str,
    minutes: float,
    effort: Effort,
) -> str:
    """Return the page that is kept; the run took *minutes*."""
    return _PAGE.format(
        command=command,
        date=date,
        minutes=minutes,
        pairs=effort.pairs,
        rounds=effort.processor_rounds,
        table=table(lines),
        facts="\n".join(f"- {name}: {value}" for name, value in facts.items()),
    )
