"""Devices as CSV, as people and their spreadsheets write it.

The delimiter is a comma, a semicolon or a tab, whichever the header has. Lines are
counted as an editor counts them. An apostrophe stands before a cell that a spreadsheet
would take for a formula, and in one that is given, but empty.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pushserver.errors import Invalid, Malformed, PushServerError
from pushserver.web.json_body import without_bom

ID_COLUMN = "deviceId"
COLUMNS = (ID_COLUMN, "name", "hold")
TAG_PREFIX = "tag:"
_DELIMITERS = ",;\t"
_APOSTROPHE = "'"
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA_STARTS = tuple("=+-@\t\r\n")


def read_rows(data: bytes) -> Iterator[tuple[int, Mapping[str, str] | PushServerError]]:
    """
    Return the cells of each row by their columns, or what is wrong with the row.

    With it comes the line on which the row begins. Empty cells count as left out.
    """
    # What is not UTF-8 is found in its row.
    records = _records(without_bom(data).decode("utf-8", "surrogateescape"))
    header: Sequence[str] | None = None
    for line, cells in records:
        if isinstance(cells, PushServerError):
            yield line, cells
        elif header is not None:
            yield line, _row(header, cells)
        else:
            header = cells
            if (error := _header_error(header)) is not None:
                yield line, error
                return


def _records(text: str) -> Iterator[tuple[int, Sequence[str] | Malformed]]:
    """Return the cells of each record that has any, with the line it begins on."""
    source = io.StringIO(text, newline="")
    delimiter = _delimiter(source)
    source.seek(0)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Malformed(f"This is not valid CSV: {error}.")
        else:
            # A spreadsheet leaves delimiters where rows were cleared.
            if any(cells):
                yield line, cells if _is_utf8(cells) else Malformed("This is no UTF-8.")
        line = reader.line_num + 1


def _delimiter(source: io.StringIO) -> str:
    """Return what separates the id's column from the others in the header."""
    for delimiter in _DELIMITERS:
        source.seek(0)
        try:
            header = next(filter(None, csv.reader(source, delimiter=delimiter)), [])
        except csv.Error:
            continue
        if ID_COLUMN in header:
            return delimiter
    return _DELIMITERS[0]


def _is_utf8(cells: Iterable[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _header_error(header: Sequence[str]) -> Invalid | None:
    """Return what is wrong with the columns, so that not every row is reported."""
    if ID_COLUMN not in header:
        return Invalid(
            f"There is no column {ID_COLUMN}; a comma, a semicolon or a tab separates"
            " columns.",
            pointer=f"/{ID_COLUMN}",
        )
    seen = set()
    for name in filter(None, header):
        if name not in COLUMNS and not name.startswith(TAG_PREFIX):
            return Invalid("There is an unknown column.", pointer=f"/{name}")
        if name in seen:
            return Invalid("This column is there twice.", pointer=f"/{name}")
        seen.add(name)
    return None


def _row(
    header: Sequence[str], cells: Sequence[str]
) -> Mapping[str, str] | PushServerError:
    named = list(zip(header, cells, strict=False))
    nameless = [cell for name, cell in named if not name] + list(cells[len(header) :])
    if any(nameless):
        return Malformed("There are more cells than the header names.")
    return {name: without_apostrophe(cell) for name, cell in named if name and cell}


def write_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV; an empty cell means that something is not given."""
    target = io.StringIO(newline="")
    csv.writer(target).writerows(rows)
    return target.getvalue().encode()


def with_apostrophe(text: str) -> str:
    """Return a given text as a cell that no spreadsheet runs, and that is not empty."""
    return _APOSTROPHE + text if _needs_apostrophe(text) else text


def without_apostrophe(cell: str) -> str:
    """Return the text of a cell; the inverse of `with_apostrophe`."""
    text = cell.removeprefix(_APOSTROPHE)
    return text if _needs_apostrophe(text) else cell


def _needs_apostrophe(text: str) -> bool:
    """Tell of a text; one that looks as if it had an apostrophe gets another."""
    plain = text.lstrip(_APOSTROPHE)
    return not plain or plain.startswith(_FORMULA_STARTS)
