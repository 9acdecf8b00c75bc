"""The fleet as a file, page by page: what an import takes."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from aiohttp import web

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
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head

#: So many devices are written at once.
PAGE_SIZE = 500

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
    """Send what is set of all adopted devices, as NDJSON or CSV."""
    format_, query = _format(call), call.query
    devices = partial(
        call.services.devices.iter_matching, call.scope_id, device_filter(call, query)
    )
    response = web.StreamResponse(
        headers={
            "Content-Type": CSV + "; charset=utf-8" if format_ == "csv" else NDJSON,
            "Content-Disposition": f'attachment; filename="devices.{format_}"',
        }
    )
    await response.prepare(call.request)
    if is_head(call.request):
        return response
    try:
        for page in _pages(devices, call.services.protocols, format_):
            await write_and_drain(call.request, response, page)
        await response.write_eof()
    except ConnectionError:
        pass
    return response


def _format(call: ApiCall[ExportQuery, None]) -> ExportFormat:
    if call.query.format is not None:
        return call.query.format
    accept = call.request.headers.get("Accept", "")
    is_csv = preferred_media_type(accept, (NDJSON, CSV)) == CSV
    return ExportFormat.CSV if is_csv else ExportFormat.NDJSON


def _pages(
    devices: Callable[[], Iterator[Device]],
    protocols: DeviceProtocols,
    format_: ExportFormat,
) -> Iterator[bytes]:
    if format_ is ExportFormat.NDJSON:
        for page in _pages_of(devices()):
            yield b"".join(_json_line(protocols, device) for device in page)
        return
    # A tag that is new by the time its device is written has no column.
    tag_keys = sorted({key for device in devices() for key in device.tags})
    yield write_rows([[*COLUMNS, *(TAG_PREFIX + key for key in tag_keys)]])
    for page in _pages_of(devices()):
        yield write_rows(_cells(protocols, device, tag_keys) for device in page)


def _pages_of(devices: Iterator[Device]) -> Iterator[list[Device]]:
    while page := list(islice(devices, PAGE_SIZE)):
        yield page


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
