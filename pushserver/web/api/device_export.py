"""The fleet as a file, page by page: what an import takes."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial

from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.device import Device
from pushserver.model.token import Permission
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.web.api.accept import preferred_media_type
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_csv import (
    COLUMNS,
    TAG_PREFIX,
    with_apostrophe,
    write_rows,
)
from pushserver.web.api.device_import import CSV, NDJSON
from pushserver.web.api.device_query import device_filter
from pushserver.web.api.device_types import DeviceImportRow, ExportFormat, ExportQuery
from pushserver.web.api.rendering import as_seconds
from pushserver.web.api.responses import encode_json
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import require_valid
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head

#: So many bytes are written at once, at least.
PAGE_SIZE = 32 * 1024
#: With more columns, each line would take long, and be longer than an import takes.
MAX_TAG_COLUMNS = 500

routes = Routes(Tag.DEVICES, Permission.DEVICES_READ, Permission.DEVICES_WRITE)


@routes(
    "GET",
    "/devices/export",
    "exportDevices",
    (NDJSON, CSV),
    response_headers=("Content-Disposition",),
    needs_store=False,
    limits_itself=True,
)
async def export_devices(call: ApiCall[ExportQuery, None]) -> web.StreamResponse:
    """
    Send what is set of all adopted devices, as NDJSON or CSV.

    It breaks off when its token is revoked.
    """
    format_, query = _format(call), call.query
    criteria = device_filter(call, query)
    devices = partial(call.services.devices.iter_matching, call.scope_id, criteria)
    if format_ is ExportFormat.CSV:
        lines = _csv_lines(devices, call.services.protocols, await _tag_keys(devices))
    else:
        lines = _json_lines(devices, call.services.protocols)
    response = web.StreamResponse(
        headers={
            "Content-Type": CSV + "; charset=utf-8" if format_ == "csv" else NDJSON,
            "Content-Disposition": f'attachment; filename="devices.{format_}"',
        }
    )
    await response.prepare(call.request)
    if is_head(call.request):
        return response
    async for page in pages_of(lines):
        await require_valid(call)
        await write_and_drain(call.request, response, page)
    await response.write_eof()
    return response


def _format(call: ApiCall[ExportQuery, None]) -> ExportFormat:
    if call.query.format is not None:
        return call.query.format
    accept = call.request.headers.get("Accept", "")
    is_csv = preferred_media_type(accept, (NDJSON, CSV)) == CSV
    return ExportFormat.CSV if is_csv else ExportFormat.NDJSON


async def pages_of(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join what is short: each page is written by itself."""
    page = bytearray()
    async for line in lines:
        page += line
        if len(page) >= PAGE_SIZE:
            yield bytes(page)
            page.clear()
    if page:
        yield bytes(page)


async def _json_lines(
    devices: Callable[[], AsyncIterator[Device]], protocols: DeviceProtocols
) -> AsyncIterator[bytes]:
    async for device in devices():
        yield _json_line(protocols, device)


async def _csv_lines(
    devices: Callable[[], AsyncIterator[Device]],
    protocols: DeviceProtocols,
    tag_keys: Sequence[str],
) -> AsyncIterator[bytes]:
    # A tag that is new by the time its device is written has no column.
    yield write_rows([[*COLUMNS, *(TAG_PREFIX + key for key in tag_keys)]])
    async for device in devices():
        yield write_rows([_cells(protocols, device, tag_keys)])


async def _tag_keys(devices: Callable[[], AsyncIterator[Device]]) -> Sequence[str]:
    """
    Return the keys of all tags of *devices*.

    Raises:
        Invalid: a table with a column for each would be too wide.
    """
    keys: set[str] = set()
    async for device in devices():
        keys.update(device.tags)
        if len(keys) > MAX_TAG_COLUMNS:
            raise Invalid(
                f"Their tags have more than {MAX_TAG_COLUMNS} keys, too many for the"
                " columns of a table: export NDJSON, or fewer devices.",
                pointer="/format",
            )
    return sorted(keys)


def _json_line(protocols: DeviceProtocols, device: Device) -> bytes:
    """Return a line that says all, so that an import removes what is not there."""
    row = DeviceImportRow(
        device_id=protocols.display_id(device.device_id),
        name=device.name,
        tags=dict(device.tags),
        hold=None if device.hold is None else as_seconds(device.hold),
    )
    return encode_json(row) + b"\n"


def _cells(
    protocols: DeviceProtocols, device: Device, tag_keys: Iterable[str]
) -> list[str]:
    hold = None if device.hold is None else str(as_seconds(device.hold))
    given = (protocols.display_id(device.device_id), device.name, hold)
    tags = (device.tags.get(key) for key in tag_keys)
    return ["" if text is None else with_apostrophe(text) for text in (*given, *tags)]
