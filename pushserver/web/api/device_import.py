"""Parses device imports: NDJSON, one object a line, or CSV with a header."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from pushserver.errors import Invalid, Malformed, PushServerError
from pushserver.model.device import DeviceIdentity
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.api.device_fields import device_settings
from pushserver.web.api.device_types import DeviceImportRow
from pushserver.web.json_body import invalid_from_msgspec

NDJSON = "application/x-ndjson"
CSV = "text/csv"

_row = msgspec.json.Decoder(DeviceImportRow).decode


def parse_rows(
    data: bytes, content_type: str, protocols: DeviceProtocols
) -> dict[DeviceIdentity, Mapping[str, Any]]:
    """
    Return each device's settings by its id; a later row replaces an earlier one.

    Raises:
        Malformed: a line cannot be parsed; the message names it.
        Invalid: a field is wrong; the pointer names line and field.
    """
    numbered_rows = _csv_rows(data) if content_type == CSV else _json_rows(data)
    return {
        _identify(row, line, protocols): device_settings(row)
        for line, row in numbered_rows
    }


def _json_rows(data: bytes) -> Iterator[tuple[int, DeviceImportRow]]:
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield number, _json_row(line, number)


def _json_row(line: bytes, number: int) -> DeviceImportRow:
    try:
        return _row(line)
    except msgspec.ValidationError as error:
        raise _at_line(invalid_from_msgspec(error), number) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"Line {number} is not valid JSON: {error}.") from None


def _csv_rows(data: bytes) -> Iterator[tuple[int, DeviceImportRow]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        for cells in reader:
            yield reader.line_num, _csv_row(cells, reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Malformed(f"The file is not valid CSV in UTF-8: {error}.") from None


def _csv_row(cells: Mapping[str | None, Any], number: int) -> DeviceImportRow:
    """Parse a row; empty cells count as left out, columns `tag:key` are tags."""
    if None in cells:
        raise Malformed(f"Line {number} has more cells than the header.")
    given = {k: v for k, v in cells.items() if k is not None and v not in (None, "")}
    tags = {k[4:]: given.pop(k) for k in list(given) if k.startswith("tag:")}
    values = {**given, "tags": tags} if tags else given
    try:
        return msgspec.convert(values, DeviceImportRow, strict=False)
    except msgspec.ValidationError as error:
        raise _at_line(invalid_from_msgspec(error), number) from None


def _identify(
    row: DeviceImportRow, line: int, protocols: DeviceProtocols
) -> DeviceIdentity:
    try:
        return protocols.identify(str(row.device_id), "/deviceId")
    except Invalid as error:
        raise _at_line(error, line) from None


def _at_line(error: PushServerError, number: int) -> Invalid:
    return Invalid(f"Line {number}: {error.detail}", pointer=error.pointer)
