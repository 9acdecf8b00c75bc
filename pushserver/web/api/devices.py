"""The fleet over the API."""

from collections.abc import Sequence

from aiohttp import web

from pushserver.model.device import Device, UnknownRequest
from pushserver.model.ids import parse_int64
from pushserver.model.queue_status import EMPTY_QUEUE
from pushserver.model.token import Permission
from pushserver.web.api.device_fields import device_settings, parse_tag
from pushserver.web.api.device_import import CSV, NDJSON, parse_rows
from pushserver.web.api.device_types import (
    DeviceIn,
    DeviceKeyIn,
    DeviceKeyOut,
    DeviceOut,
    DevicesOut,
    DevicesQuery,
    ImportOut,
)
from pushserver.web.api.route import (
    ApiCall,
    ApiRoute,
    cap_limit,
    json_response,
    media_type,
    next_link,
    read_whole_body,
    unsupported_media_type,
)
from pushserver.web.api.views import device_out
from pushserver.web.middleware import add_log_fields
from pushserver.web.response import make_response
from pushserver.web.services import Services


async def list_devices(call: ApiCall[DevicesQuery, None]) -> web.StreamResponse:
    """List devices by their ids."""
    query, limit = call.query, cap_limit(call.query.limit)
    devices = call.services.fleet.list_page(
        call.scope_id,
        after=_cursor_id(query.cursor),
        limit=limit + 1,
        state=query.state,
        tag=None if query.tag is None else parse_tag(query.tag),
    )
    ids = [device.device_id for device in devices[:limit]]
    queue_statuses = await call.services.store.queue_statuses(ids, call.scope_id)
    items = [
        device_out(d, queue_statuses.get(d.device_id, EMPTY_QUEUE))
        for d in devices[:limit]
    ]
    page = DevicesOut(items=items)
    if len(devices) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].device_id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


def _cursor_id(cursor: str | None) -> int:
    """Return the id to go on after; a device's may be 0."""
    if cursor is None:
        return -1
    return parse_int64(cursor, field_name="cursor", pointer="/cursor")


async def _load_device_out(
    services: Services, device: Device, unknown_requests: Sequence[UnknownRequest] = ()
) -> DeviceOut:
    queue_statuses = await services.store.queue_statuses(
        [device.device_id], device.scope_id
    )
    return device_out(
        device, queue_statuses.get(device.device_id, EMPTY_QUEUE), unknown_requests
    )


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show a device, with the last of its requests that nobody understood."""
    fleet = call.services.fleet
    device = fleet.get(call.scope_id, call.path_int64("device_id"))
    unknown_requests = await fleet.unknown_requests(device.scope_id, device.device_id)
    return json_response(
        await _load_device_out(call.services, device, unknown_requests)
    )


async def put(call: ApiCall[None, DeviceIn]) -> web.StreamResponse:
    """Create or replace a device; it is adopted then."""
    device_id = call.path_int64("device_id")
    add_log_fields(call.request, device_id=device_id)
    settings = device_settings(call.body)
    fleet = call.services.fleet
    device, created = await fleet.put(call.scope_id, device_id, settings)
    return json_response(
        await _load_device_out(call.services, device), status=201 if created else 200
    )


async def patch(call: ApiCall[None, DeviceIn]) -> web.StreamResponse:
    """Change some of a device's settings."""
    device_id = call.path_int64("device_id")
    add_log_fields(call.request, device_id=device_id)
    settings = device_settings(call.body)
    device = await call.services.fleet.patch(call.scope_id, device_id, settings)
    return json_response(await _load_device_out(call.services, device))


async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Forget a device and cancel what waits for it; its history stays."""
    device_id = call.path_int64("device_id")
    add_log_fields(call.request, device_id=device_id)
    await call.services.fleet.delete(call.scope_id, device_id)
    return make_response(status=204)


async def adopt(call: ApiCall[None, None]) -> web.StreamResponse:
    """Vouch for a device: it is served from its next poll on."""
    device_id = call.path_int64("device_id")
    add_log_fields(call.request, device_id=device_id)
    device, _ = await call.services.fleet.adopt(call.scope_id, device_id)
    return json_response(await _load_device_out(call.services, device))


async def create_key(call: ApiCall[None, DeviceKeyIn]) -> web.StreamResponse:
    """Give a device a new key; it is shown here and never again."""
    device_id = call.path_int64("device_id")
    add_log_fields(call.request, device_id=device_id)
    fleet, enforce = call.services.fleet, call.body.enforce
    key = await fleet.make_key(call.scope_id, device_id, enforce=enforce)
    path = f"/d/{key}"
    url = str(call.request.url.origin()) + path
    return json_response(DeviceKeyOut(key, path, url), status=201)


async def import_devices(call: ApiCall[None, None]) -> web.StreamResponse:
    """Create or change many devices at once."""
    content_type = media_type(call.request)
    if content_type not in (NDJSON, CSV):
        raise unsupported_media_type(call.request, NDJSON, CSV)
    rows = parse_rows(await read_whole_body(call.request), content_type)
    imported = await call.services.fleet.import_devices(call.scope_id, rows)
    add_log_fields(call.request, devices=len(rows))
    return json_response(
        ImportOut(imported.created, imported.updated, imported.unchanged)
    )


_DEVICE = "/devices/{device_id}"

ROUTES = (
    ApiRoute(
        method="GET",
        path="/devices",
        name="listDevices",
        summary="List devices by their ids",
        handler=list_devices,
        permission=Permission.DEVICES_READ,
        query_type=DevicesQuery,
        response_type=DevicesOut,
        error_statuses=(422,),
    ),
    ApiRoute(
        method="POST",
        path="/devices/import",
        name="importDevices",
        summary="Create or change many devices, from NDJSON or CSV",
        handler=import_devices,
        permission=Permission.DEVICES_WRITE,
        raw_body_types={NDJSON: str, CSV: str},
        response_type=ImportOut,
        error_statuses=(400, 409, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="GET",
        path=_DEVICE,
        name="getDevice",
        summary="Show a device: settings, last poll, queue, odd requests",
        handler=get,
        permission=Permission.DEVICES_READ,
        response_type=DeviceOut,
        error_statuses=(404, 422, 503),
    ),
    ApiRoute(
        method="PUT",
        path=_DEVICE,
        name="putDevice",
        summary="Create or replace a device; 201 when it was created",
        handler=put,
        permission=Permission.DEVICES_WRITE,
        body_type=DeviceIn,
        response_type=DeviceOut,
        created_status=201,
        error_statuses=(400, 409, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="PATCH",
        path=_DEVICE,
        name="patchDevice",
        summary="Change some of a device's settings",
        handler=patch,
        permission=Permission.DEVICES_WRITE,
        body_type=DeviceIn,
        response_type=DeviceOut,
        error_statuses=(400, 404, 413, 415, 422, 503),
    ),
    ApiRoute(
        method="DELETE",
        path=_DEVICE,
        name="deleteDevice",
        summary="Forget a device and cancel what waits for it; its history stays",
        handler=delete,
        permission=Permission.DEVICES_WRITE,
        status=204,
        error_statuses=(404, 422, 503),
    ),
    ApiRoute(
        method="POST",
        path=_DEVICE + "/adopt",
        name="adoptDevice",
        summary="Vouch for a device",
        handler=adopt,
        permission=Permission.DEVICES_WRITE,
        response_type=DeviceOut,
        error_statuses=(409, 422, 503),
    ),
    ApiRoute(
        method="POST",
        path=_DEVICE + "/key",
        name="makeDeviceKey",
        summary="Give a device a new key, shown once",
        handler=create_key,
        permission=Permission.DEVICES_WRITE,
        body_type=DeviceKeyIn,
        body_required=False,
        response_type=DeviceKeyOut,
        status=201,
        error_statuses=(400, 404, 413, 415, 422, 503),
    ),
)
