"""Tables for a terminal: one line a row, and as many columns as there is room for."""

import re
from collections.abc import Iterable, Sequence

import attrs
from rich.text import Text

_GAP = 2
#: These columns are there however narrow the terminal is.
_ALWAYS = 2
#: The fields whose beginning says enough in a list, and how much of it at least.
_LEAST_WIDTHS = {
    **dict.fromkeys(("deviceId", "name", "endpoint", "resource", "tags", "actor"), 12),
    **dict.fromkeys(("events", "permissions", "deviceIds", "last"), 16),
    **dict.fromkeys(("url", "detail", "error", "data", "outcome"), 30),
}
#: What is said shorter than the field is called.
_HEADINGS = {"queueDepth": "queue"}


@attrs.frozen
class Column:
    """
    One column: the field of the API that it shows, and its cells.

    A cell with `no_wrap` is an id, which is of no use when it is cut.
    """

    name: str
    cells: Sequence[Text]

    @property
    def is_empty(self) -> bool:
        """Whether no row has anything in it."""
        return not any(self.cells)

    @property
    def width(self) -> int:
        """How wide it is if nothing is cut."""
        return max(len(heading(self.name)), *(cell.cell_len for cell in self.cells))

    @property
    def least_width(self) -> int:
        """How wide it has to be at least."""
        least = _LEAST_WIDTHS.get(self.name, self.width)
        ids = [cell.cell_len for cell in self.cells if cell.no_wrap]
        return max(len(heading(self.name)), min(least, self.width), *ids)


def heading(name: str) -> str:
    """Return a field's name for people: `device` for `deviceId`."""
    if name in _HEADINGS:
        return _HEADINGS[name]
    stem = re.sub(r"(?<=[a-z])(At|Id)$", "", name)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower()


def whole(columns: Sequence[Column]) -> list[tuple[Column, int]]:
    """Return the columns with the width of each, so that nothing is cut."""
    return [(column, column.width) for column in columns]


def fit(columns: Sequence[Column], room: int) -> list[tuple[Column, int]]:
    """
    Return the columns for which there is *room*, and the width of each.

    The first are the most important; one that does not fit is left out. What is left of
    the room goes to the narrowest of those that are cut.
    """
    chosen: list[Column] = []
    left = room + _GAP
    for column in columns:
        needed = column.least_width + _GAP
        if len(chosen) < _ALWAYS or needed <= left:
            chosen.append(column)
            left -= needed
    widths, full = [c.least_width for c in chosen], [c.width for c in chosen]
    for _ in range(left):
        cut = [i for i, width in enumerate(widths) if width < full[i]]
        if not cut:
            break
        widths[min(cut, key=widths.__getitem__)] += 1
    return list(zip(chosen, widths, strict=True))


def lines(columns: Sequence[tuple[Column, int]]) -> Iterable[Text]:
    """Yield the heading and the rows, each of them one line."""
    widths = [width for _, width in columns]
    yield _line([Text(heading(column.name), "bold") for column, _ in columns], widths)
    for cells in zip(*(column.cells for column, _ in columns), strict=True):
        yield _line(cells, widths)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for text, width in zip(cells, widths, strict=True):
        cell = shorten(text, width)
        cell.pad_right(width - cell.cell_len)
        line.append_text(cell).append(" " * _GAP)
    line.rstrip()
    return line


def shorten(text: Text, width: int) -> Text:
    """
    Return as much of *text* as fits, with an ellipsis if that is not all.

    A number in it is there whole or not at all, with its name (`commandId=7`): a part
    of an id would be taken for one.
    """
    if text.cell_len <= width:
        return text.copy()
    cut = text.copy()
    cut.truncate(width, overflow="ellipsis")
    kept = cut.plain.removesuffix("…")
    if text.plain[len(kept) : len(kept) + 1].isdigit():
        whole = kept.rstrip("0123456789")
        if whole.endswith("="):
            whole = whole.rpartition(" ")[0]
        cut = text[: len(whole)].append("…")
    return cut
