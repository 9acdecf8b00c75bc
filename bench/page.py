"""The table, as it is printed and as `docs/benchmarks.md` keeps it."""

from collections.abc import Iterable, Mapping, Sequence

from bench.row import TableRow

HEADINGS = ("what", "against", "target", "measured", "")

_PAGE = """\
# Benchmarks

What `{command}` said last, on {date}. Every ratio is of two servers measured in turn
inside one run: the median of {pairs} interleaved pairs of short runs, and in brackets
the lowest and the highest pair. The server has one core, the load client another, and
every commit is synced (`synchronous=FULL`) to the file system named below.

{table}

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
    return line.what, line.baseline, line.target, line.measured, met


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def page(
    lines: Iterable[TableRow],
    facts: Mapping[str, str],
    *,
    command: str,
    date: str,
    pairs: int,
) -> str:
    """Return the page that is kept."""
    return _PAGE.format(
        command=command,
        date=date,
        pairs=pairs,
        table=table(lines),
        facts="\n".join(f"- {name}: {value}" for name, value in facts.items()),
    )
