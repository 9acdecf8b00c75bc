"""The fleet over the API."""

from collections.abc import Sequence
from typing import Annotated, Any

import attrs
from aiohttp import web
from msgspec import Meta

from pushserver.model.device import Device, DeviceIdentity
from pushserver.model.queue_status import EMPTY_QUEUE
from pushserver.model.token import Permission
from pushserver.model.unknown_request import UnknownRequest
from pushserver.services.off_loop import MAX_INLINE, in_pieces
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_fields import device_settings
from pushserver.web.api.device_import import CSV, MAX_FILE, NDJSON, parse_rows
from pushserver.web.api.device_query import (
    device_filter,
    device_order,
    read_cursor,
    write_cursor,
)
from pushserver.web.api.device_types import (
    DeviceImportOut,
    DeviceIn,
    DeviceOut,
    DevicesOut,
    DevicesQuery,
    ImportQuery,
)
from pushserver.web.api.device_views import device_out
from pushserver.web.api.once import Idempotency
from pushserver.web.api.query import cap_limit
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response, page_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.api.token_life import require_valid
from pushserver.web.json_body import take_body
from pushserver.web.response import make_response

routes = Routes(Tag.DEVICES, Permission.DEVICES_READ, Permission.DEVICES_WRITE)
_NdjsonText = Annotated[
    str,
    Meta(examples=['{"deviceId": "478435", "tags": {"site": "north"}}\n']),
]
_CsvText = Annotated[
    str, Meta(examples=["deviceId,name,tag:site\n478435,Front door,north\n"])
]
_DEVICE = "/devices/{device_id}"


@routes(
    "GET",
    "/devices",
    "listDevices",
    DevicesOut,
    needs_store=False,
    limits_itself=True,
)
async def list_devices(call: ApiCall[DevicesQuery, None]) -> web.StreamResponse:
    """List devices by their ids, or as the query says."""
    query, services = call.query, call.services

    limit = cap_limit(query.limit)
    found = await services.device_list.page(
        call.scope_id,
        device_filter(call, query),
        device_order(query),
        online=query.online,
        after=read_cursor(query.sort, query.cursor),
        limit=limit + 1,
    )
    devices = [device for _, device in found[:limit]]
    statuses = await services.store.queue_statuses(
        [device.device_id for device in devices], call.scope_id
    )
    items = [
        device_out(services, each, statuses.get(each.device_id, EMPTY_QUEUE))
        async for each in in_pieces(devices)
    ]
    next_cursor = None
    if len(found) > limit:
        next_cursor = write_cursor(query.sort, found[limit - 1][0])
    return page_response(call.request, DevicesOut, items, next_cursor=next_cursor)


@routes(
    "POST",
    "/devices/import",
    "importDevices",
    DeviceImportOut,
    raw_body_types={NDJSON: _NdjsonText, CSV: _CsvText},
    errors=(409,),
    max_body=MAX_FILE,
    idempotency=Idempotency.CLAIMED,
)
async def import_devices(call: ApiCall[ImportQuery, None]) -> web.StreamResponse:
    """Create or change many devices, from NDJSON or CSV; or tell what would be done."""
    if call.spool is None and len(call.raw_body) <= MAX_INLINE:
        return await _import(call, call.raw_body)
    async with call.services.device_import.turn():
        return await _import(call, await _text_of(call))


async def _text_of(call: ApiCall[Any, Any]) -> bytes:
    """Return the body, of which no other is in memory if it was in a file."""
    return call.raw_body if call.spool is None else await take_body(call.spool)


async def _import(call: ApiCall[ImportQuery, None], text: bytes) -> web.StreamResponse:
    rows = await parse_rows(text, call.media_type, call.services.protocols)
    await require_valid(call)
    count, dry_run = len(rows), call.query.dry_run
    imported = await call.services.device_import.run(
        call.scope_id, rows, call.actor, dry_run=dry_run
    )
    call.log_fields["devices"] = count
    return json_response(render(DeviceImportOut, imported, dry_run=dry_run))


@routes("GET", _DEVICE, "getDevice", DeviceOut)
async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show a device: settings, last poll, queue, odd requests."""
    services = call.services
    device = services.devices.get(call.scope_id, call.path_device().device_id)
    unknown_requests = await services.unknown_requests.list_newest(
        device.scope_id, device.device_id
    )
    if not call.token.has_permission(Permission.RESULTS_READ):
        # Among them are results that came without the device's key.
        unknown_requests = [attrs.evolve(each, body=b"") for each in unknown_requests]
    return await _device_response(call, device, unknown_requests)


async def _device_response(
    call: ApiCall[Any, Any],
    device: Device,
    unknown_requests: Sequence[UnknownRequest] | None = None,
    *,
    status: int = 200,
) -> web.StreamResponse:
    queue_statuses = await call.services.store.queue_statuses(
        [device.device_id], device.scope_id
    )
    queue_status = queue_statuses.get(device.device_id, EMPTY_QUEUE)
    body = device_out(call.services, device, queue_status, unknown_requests)
    return json_response(body, status=status)


def _changed_device(call: ApiCall[Any, Any]) -> DeviceIdentity:
    """Return the device in the path, and add it to the log line of the change."""
    identity = call.path_device()
    call.log_fields["device_id"] = identity.device_id
    return identity


@routes(
    "PUT",
    _DEVICE,
    "putDevice",
    DeviceOut,
    created_status=201,
    errors=(409,),
    path_must_exist=False,
    example={"name": "Front door", "tags": {"site": "north"}, "hold": 30},
)
async def put(call: ApiCall[None, DeviceIn]) -> web.StreamResponse:
    """Create or replace a device; 201 when it was created."""
    device, created = await call.services.fleet.put(
        call.scope_id, _changed_device(call), device_settings(call.body), call.actor
    )
    return await _device_response(call, device, status=201 if created else 200)


@routes(
    "PATCH",
    _DEVICE,
    "patchDevice",
    DeviceOut,
    example={"name": "Back door"},
)
async def patch(call: ApiCall[None, DeviceIn]) -> web.StreamResponse:
    """Change some of a device's settings."""
    device = await call.services.fleet.patch(
        call.scope_id,
        _changed_device(call).device_id,
        device_settings(call.body),
        call.actor,
    )
    return await _device_response(call, device)


@routes("DELETE", _DEVICE, "deleteDevice", status=204)
async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Forget a device and cancel what waits for it; its history stays."""
    device_id = _changed_device(call).device_id
    await call.services.device_removal.delete(call.scope_id, device_id, call.actor)
    return make_response(status=204)


@routes(
    "POST",
    _DEVICE + "/adopt",
    "adoptDevice",
    DeviceOut,
    errors=(409,),
    path_must_exist=False,
)
async def adopt(call: ApiCall[None, None]) -> web.StreamResponse:
    """
    Vouch for a device.

    It is served from its next poll on.
    """
    device, _ = await call.services.fleet.adopt(
        call.scope_id, _changed_device(call), call.actor
    )
    return await _device_response(call, device)
