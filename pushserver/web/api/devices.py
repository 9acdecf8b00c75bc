"""The fleet over the API."""

from collections.abc import Sequence

from aiohttp import web

from pushserver.model.device import Device, Stray
from pushserver.model.ids import parse_int64
from pushserver.model.load import NOTHING
from pushserver.model.token import Permission
from pushserver.web.answer import respond
from pushserver.web.api.device_types import (
    DeviceIn,
    DeviceOut,
    DevicesOut,
    DevicesQuery,
    ImportOut,
    KeyIn,
    KeyOut,
)
from pushserver.web.api.fields import read_tag, settings_of
from pushserver.web.api.importing import CSV, NDJSON, rows_of
from pushserver.web.api.route import (
    Call,
    Route,
    answer,
    capped,
    media_type,
    next_link,
    read_data,
    unsupported,
)
from pushserver.web.api.views import device_out
from pushserver.web.around import note
from pushserver.web.services import Services


async def list_devices(call: Call[DevicesQuery, None]) -> web.StreamResponse:
    """List devices by their ids."""
    query, limit = call.query, capped(call.query.limit)
    found = call.services.fleet.page(
        call.scope_id,
        after=_after(query.cursor),
        limit=limit + 1,
        state=query.state,
        tag=None if query.tag is None else read_tag(query.tag),
    )
    ids = [device.device_id for device in found[:limit]]
    loads = await call.services.store.loads(ids, call.scope_id)
    items = [device_out(d, loads.get(d.device_id, NOTHING)) for d in found[:limit]]
    page = DevicesOut(items=items)
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].device_id
    return answer(page, headers=next_link(call.request, page.next_cursor))


def _after(cursor: str | None) -> int:
    """Return the id to go on after; a device's may be 0."""
    if cursor is None:
        return -1
    return parse_int64(cursor, what="cursor", pointer="/cursor")


async def _shown(
    services: Services, device: Device, strays: Sequence[Stray] = ()
) -> DeviceOut:
    loads = await services.store.loads([device.device_id], device.scope_id)
    return device_out(device, loads.get(device.device_id, NOTHING), strays)


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show a device, with the last of its requests that nobody understood."""
    fleet = call.services.fleet
    device = fleet.get(call.scope_id, call.int64("device_id"))
    strays = await fleet.strays(device.scope_id, device.device_id)
    return answer(await _shown(call.services, device, strays))


async def put(call: Call[None, DeviceIn]) -> web.StreamResponse:
    """Create or replace a device; it is adopted then."""
    device_id = call.int64("device_id")
    note(call.request, device_id=device_id)
    settings = settings_of(call.body)
    fleet = call.services.fleet
    device, created = await fleet.put(call.scope_id, device_id, settings)
    return answer(await _shown(call.services, device), status=201 if created else 200)


async def patch(call: Call[None, DeviceIn]) -> web.StreamResponse:
    """Change some of a device's settings."""
    device_id = call.int64("device_id")
    note(call.request, device_id=device_id)
    settings = settings_of(call.body)
    device = await call.services.fleet.patch(call.scope_id, device_id, settings)
    return answer(await _shown(call.services, device))


async def delete(call: Call[None, None]) -> web.StreamResponse:
    """Forget a device and cancel what waits for it; its history stays."""
    device_id = call.int64("device_id")
    note(call.request, device_id=device_id)
    await call.services.fleet.delete(call.scope_id, device_id)
    return respond(status=204)


async def adopt(call: Call[None, None]) -> web.StreamResponse:
    """Vouch for a device: it is served from its next poll on."""
    device_id = call.int64("device_id")
    note(call.request, device_id=device_id)
    device, _ = await call.services.fleet.adopt(call.scope_id, device_id)
    return answer(await _shown(call.services, device))


async def make_key(call: Call[None, KeyIn]) -> web.StreamResponse:
    """Give a device a new key; it is shown here and never again."""
    device_id = call.int64("device_id")
    note(call.request, device_id=device_id)
    fleet, enforce = call.services.fleet, call.body.enforce
    key = await fleet.make_key(call.scope_id, device_id, enforce=enforce)
    path = f"/d/{key}"
    url = str(call.request.url.origin()) + path
    return answer(KeyOut(key, path, url), status=201)


async def import_devices(call: Call[None, None]) -> web.StreamResponse:
    """Create or change many devices at once."""
    kind = media_type(call.request)
    if kind not in (NDJSON, CSV):
        raise unsupported(call.request, NDJSON, CSV)
    rows = rows_of(await read_data(call.request), kind)
    done = await call.services.fleet.import_devices(call.scope_id, rows)
    note(call.request, devices=len(rows))
    return answer(ImportOut(done.created, done.updated, done.unchanged))


_DEVICE = "/devices/{device_id}"

ROUTES = (
    Route(
        method="GET",
        path="/devices",
        name="listDevices",
        summary="List devices by their ids",
        handler=list_devices,
        permission=Permission.DEVICES_READ,
        query=DevicesQuery,
        answer=DevicesOut,
        problems=(422,),
    ),
    Route(
        method="POST",
        path="/devices/import",
        name="importDevices",
        summary="Create or change many devices, from NDJSON or CSV",
        handler=import_devices,
        permission=Permission.DEVICES_WRITE,
        media={NDJSON: str, CSV: str},
        answer=ImportOut,
        problems=(400, 409, 413, 415, 422, 503),
    ),
    Route(
        method="GET",
        path=_DEVICE,
        name="getDevice",
        summary="Show a device: settings, last poll, queue, odd requests",
        handler=get,
        permission=Permission.DEVICES_READ,
        answer=DeviceOut,
        problems=(404, 422, 503),
    ),
    Route(
        method="PUT",
        path=_DEVICE,
        name="putDevice",
        summary="Create or replace a device; 201 when it was created",
        handler=put,
        permission=Permission.DEVICES_WRITE,
        body=DeviceIn,
        answer=DeviceOut,
        created=201,
        problems=(400, 409, 413, 415, 422, 503),
    ),
    Route(
        method="PATCH",
        path=_DEVICE,
        name="patchDevice",
        summary="Change some of a device's settings",
        handler=patch,
        permission=Permission.DEVICES_WRITE,
        body=DeviceIn,
        answer=DeviceOut,
        problems=(400, 404, 413, 415, 422, 503),
    ),
    Route(
        method="DELETE",
        path=_DEVICE,
        name="deleteDevice",
        summary="Forget a device and cancel what waits for it; its history stays",
        handler=delete,
        permission=Permission.DEVICES_WRITE,
        status=204,
        problems=(404, 422, 503),
    ),
    Route(
        method="POST",
        path=_DEVICE + "/adopt",
        name="adoptDevice",
        summary="Vouch for a device",
        handler=adopt,
        permission=Permission.DEVICES_WRITE,
        answer=DeviceOut,
        problems=(409, 422, 503),
    ),
    Route(
        method="POST",
        path=_DEVICE + "/key",
        name="makeDeviceKey",
        summary="Give a device a new key, shown once",
        handler=make_key,
        permission=Permission.DEVICES_WRITE,
        body=KeyIn,
        body_required=False,
        answer=KeyOut,
        status=201,
        problems=(400, 404, 413, 415, 422, 503),
    ),
)
