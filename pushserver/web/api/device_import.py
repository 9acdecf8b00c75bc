"""Parses device imports: NDJSON, one object a line, or CSV with a header."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pushserver.errors import LineError, Malformed, PushServerError
from pushserver.model.device import DeviceIdentity
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.off_loop import in_pieces
from pushserver.web.api.device_csv import COLUMNS, MAX_LINE, TAG_PREFIX, read_rows
from pushserver.web.api.device_fields import device_settings
from pushserver.web.api.device_types import DeviceImportRow
from pushserver.web.body_budget import MEBIBYTE
from pushserver.web.field_errors import invalid_from_msgspec
from pushserver.web.json_body import without_bom

NDJSON = "application/x-ndjson"
CSV = "text/csv"
#: So many lines are read of a file, empty ones among them, of so many devices: that a
#: file is done whole or not at all takes a kilobyte and more of memory for each.
MAX_LINES = 1_000_000
MAX_DEVICES = 100_000
#: So long may a file be, in bytes.
MAX_FILE = 32 * MEBIBYTE
#: So many wrong lines of a file are reported.
MAX_LINE_ERRORS = 100

#: A line as JSON, or its cells, or what is wrong with it.
Line = bytes | Mapping[str, str] | PushServerError
#: Empty lines come, too, so that whoever reads very many of them can give way.
NumberedLine = tuple[int, Line | None]

_decode = msgspec.json.Decoder(DeviceImportRow).decode


async def parse_rows(
    data: bytes, content_type: str, protocols: DeviceProtocols
) -> dict[DeviceIdentity, Mapping[str, Any]]:
    """
    Return each device's settings by its id; a later row replaces an earlier one.

    Raises:
        Malformed: a line cannot be parsed.
        Invalid: a field is wrong.

    Whichever is on the first wrong line; its `errors` are those of all lines.
    """
    lines: Iterator[NumberedLine] = (
        read_rows(data) if content_type == CSV else _json_lines(data)
    )
    settings: dict[DeviceIdentity, Mapping[str, Any]] = {}
    errors: list[tuple[int, PushServerError]] = []
    async for number, line in in_pieces(lines):
        if number > MAX_LINES:
            raise Malformed(f"A file may have at most {MAX_LINES} lines.")
        if line is None:
            continue
        try:
            row = _parse_line(line)
            identity = protocols.identify(str(row.device_id), "/deviceId")
            settings[identity] = device_settings(row)
        except PushServerError as error:
            errors.append((number, error))
            if len(errors) == MAX_LINE_ERRORS:
                break
        if len(settings) > MAX_DEVICES:
            raise Malformed(f"A file may have at most {MAX_DEVICES} devices.")
    if errors:
        raise _error_of_file(errors)
    return settings


def _json_lines(data: bytes) -> Iterator[NumberedLine]:
    number, source = 0, io.BytesIO(data)
    while line := source.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            yield number + 1, Malformed(f"A line may have at most {MAX_LINE} bytes.")
            return
        for part in line.splitlines():
            number += 1
            # Files that were put together have a mark in the middle, too.
            text = without_bom(part)
            yield number, text if text.strip() else None


def _parse_line(line: Line) -> DeviceImportRow:
    """
    Parse a line.

    Raises:
        Malformed: it cannot be parsed.
        Invalid: a field is wrong.
    """
    if isinstance(line, PushServerError):
        raise line
    try:
        return _decode(line) if isinstance(line, bytes) else _from_cells(line)
    except msgspec.ValidationError as error:
        raise invalid_from_msgspec(error, DeviceImportRow) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"This is not valid JSON: {error}.") from None


def _from_cells(cells: Mapping[str, str]) -> DeviceImportRow:
    """Return the row of these cells; columns `tag:key` are tags."""
    values: dict[str, Any] = {k: v for k, v in cells.items() if k in COLUMNS}
    tags = {
        key.removeprefix(TAG_PREFIX): value
        for key, value in cells.items()
        if key not in values
    }
    if tags:
        values["tags"] = tags
    if "hold" in values:
        # Where semicolons separate cells, a comma is in the middle of a number.
        values["hold"] = values["hold"].replace(",", ".")
    return msgspec.convert(values, DeviceImportRow, strict=False)


def _error_of_file(errors: Sequence[tuple[int, PushServerError]]) -> PushServerError:
    """Return the first error, with those of all lines."""
    number, first = errors[0]
    detail = f"Line {number}: {first.detail}"
    if len(errors) > 1:
        at_least = " at least" if len(errors) == MAX_LINE_ERRORS else ""
        detail = f"{len(errors)} lines are wrong{at_least}. {detail}"
    lines = [LineError(line, error.detail, error.pointer) for line, error in errors]
    return type(first)(detail, pointer=first.pointer, lines=lines)
