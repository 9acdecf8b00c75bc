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
from pushserver.services.off_loop import in_pieces
from pushserver.web.api.device_fields import device_settings, parse_tag
from pushserver.web.api.device_import import CSV, NDJSON, parse_rows
from pushserver.web.api.device_types import (
    DeviceImportOut,
    DeviceIn,
    DeviceKeyIn,
    DeviceKeyOut,
    DeviceOut,
    DevicesOut,
    DevicesQuery,
    ImportQuery,
)
from pushserver.web.api.device_views import device_out, keyless_out
from pushserver.web.api.once import Idempotency
from pushserver.web.api.rendering import render
from pushserver.web.api.responses import json_response, list_response
from pushserver.web.api.route import ApiCall
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.request import device_base
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
    """List devices by their ids."""
    query, services = call.query, call.services

    async def fetch(*, after: int, limit: int) -> list[tuple[int, DeviceOut]]:
        devices = services.devices.list_page(
            call.scope_id,
            after=after,
            limit=limit,
            state=query.state,
            tag=None if query.tag is None else parse_tag(query.tag),
            among=services.token_reach.device_ids(call.token),
        )
        ids = [device.device_id for device in devices]
        statuses = await services.store.queue_statuses(ids, call.scope_id)
        protocols = services.protocols
        return [
            (i, device_out(protocols, device, statuses.get(i, EMPTY_QUEUE)))
            async for i, device in in_pieces(zip(ids, devices, strict=True))
        ]

    return await list_response(
        call,
        DevicesOut,
        fetch,
        lambda row: row[1],
        cursor="after",
        start=-1,  # a device's id may be 0
        cursor_of=lambda row: row[0],
    )


@routes(
    "POST",
    "/devices/import",
    "importDevices",
    DeviceImportOut,
    raw_body_types={NDJSON: _NdjsonText, CSV: _CsvText},
    errors=(409,),
    idempotency=Idempotency.CLAIMED,
)
async def import_devices(call: ApiCall[ImportQuery, None]) -> web.StreamResponse:
    """Create or change many devices, from NDJSON or CSV; or tell what would be done."""
    rows = await parse_rows(call.raw_body, call.media_type, call.services.protocols)
    dry_run = call.query.dry_run
    imported = await call.services.device_import.run(
        call.scope_id, rows, call.actor, dry_run=dry_run
    )
    call.log_fields["devices"] = len(rows)
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
    body = device_out(call.services.protocols, device, queue_status, unknown_requests)
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


@routes(
    "POST",
    _DEVICE + "/key",
    "makeDeviceKey",
    DeviceKeyOut,
    status=201,
    body_required=False,
    idempotency=Idempotency.CLAIMED,
    example={"enforce": True},
)
async def create_key(call: ApiCall[None, DeviceKeyIn]) -> web.StreamResponse:
    """Give a device a new key, shown once."""
    key, device = await call.services.fleet.make_key(
        call.scope_id,
        _changed_device(call).device_id,
        call.actor,
        enforce=call.body.enforce,
    )
    path = f"/d/{key}"
    base = device_base(call.request)
    url = None if base is None else base + path
    key_out = DeviceKeyOut(key, path, device.key_enforced, url, keyless_out(device))
    return json_response(key_out, status=201)
