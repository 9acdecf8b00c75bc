"""Devices as CSV, as people and their spreadsheets write it.

The delimiter is a comma, a semicolon or a tab, whichever the header has. Lines are
counted as an editor counts them. An apostrophe stands before a cell that a spreadsheet
would take for a formula, and in one that is given, but empty.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pushserver.errors import Invalid, Malformed, PushServerError
from pushserver.web.json_body import without_bom

ID_COLUMN = "deviceId"
COLUMNS = (ID_COLUMN, "name", "hold")
TAG_PREFIX = "tag:"
#: The most characters of a line, and lines of a record.
MAX_LINE = 64 * 1024
MAX_RECORD_LINES = 1000
_DELIMITERS = ",;\t"
_APOSTROPHE = "'"
#: The line by which a file tells Excel what separates its cells.
_SEPARATOR_LINE = re.compile(rb"\A[\r\n]*sep=[^\r\n](?=[\r\n])", re.IGNORECASE)
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA_STARTS = tuple("=+-@\t\r\n")


def read_rows(
    data: bytes,
) -> Iterator[tuple[int, Mapping[str, str] | PushServerError | None]]:
    """
    Return the cells of each row by their columns, or what is wrong with the row.

    Of an empty row there is None.

    With it comes the line on which the row begins. Empty cells count as left out.
    """
    # What is not UTF-8 is found in its row.
    records = _records(_SEPARATOR_LINE.sub(b"", without_bom(data)))
    header: Sequence[str] | None = None
    for line, cells in records:
        if cells is None or isinstance(cells, PushServerError):
            yield line, cells
        elif header is not None:
            yield line, _row(header, cells)
        else:
            header = cells
            if (error := _header_error(header)) is not None:
                yield line, error
                return


class _Lines:
    """
    The lines of a file, as a CSV reader takes them.

    It takes one record after the other: how long one may be is bounded.
    """

    def __init__(self, data: bytes) -> None:
        source = io.BytesIO(data)
        self._source = io.TextIOWrapper(source, "utf-8", "surrogateescape", newline="")
        self._of_record = 0

    def begin_record(self) -> None:
        """Count the lines of a record from here on."""
        self._of_record = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._source.readline(MAX_LINE + 1):
            self._of_record += 1
            if len(line) > MAX_LINE or self._of_record > MAX_RECORD_LINES:
                raise csv.Error("it is too long")
            yield line


def _records(data: bytes) -> Iterator[tuple[int, Sequence[str] | Malformed | None]]:
    """Return the cells of each record, if any, with the line it begins on."""
    lines = _Lines(data)
    reader = csv.reader(lines, delimiter=_delimiter(data), strict=True)
    line = 1
    while True:
        lines.begin_record()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Malformed(f"This is not valid CSV: {error}.")
        else:
            yield line, _checked(cells)
        line = reader.line_num + 1


def _delimiter(data: bytes) -> str:
    """Return what separates the id's column from the others in the header."""
    for delimiter in _DELIMITERS:
        try:
            rows = csv.reader(_Lines(data), delimiter=delimiter)
            # `_Lines` bounds how many empty ones may come first.
            header = next(filter(None, rows), [])
        except csv.Error:
            continue
        if ID_COLUMN in header:
            return delimiter
    return _DELIMITERS[0]


def _checked(cells: Sequence[str]) -> Sequence[str] | Malformed | None:
    # A spreadsheet leaves delimiters where rows were cleared.
    text = "".join(cells)
    if not text:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return Malformed("This is not UTF-8; save the file as CSV UTF-8.")
    return cells


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
            return Invalid(
                f"There is no such column; there are {', '.join(COLUMNS)}, and one"
                f" for each tag, such as {TAG_PREFIX}site.",
                pointer=f"/{name}",
            )
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
