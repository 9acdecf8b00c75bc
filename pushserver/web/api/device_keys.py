"""Keys of devices over the API: made, and shown once."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from pushserver.model.device import Device
from pushserver.model.token import Permission
from pushserver.services.off_loop import in_pieces
from pushserver.web.api.accept import preferred_media_type
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_csv import with_apostrophe, write_rows
from pushserver.web.api.device_export import pages_of
from pushserver.web.api.device_import import CSV
from pushserver.web.api.device_key_types import (
    DeviceKeyIn,
    DeviceKeyOut,
    DeviceKeyRowOut,
    DeviceKeysIn,
    DeviceKeysOut,
)
from pushserver.web.api.device_views import keyless_out
from pushserver.web.api.once import Idempotency
from pushserver.web.api.operation_parsing import parse_target_selector
from pushserver.web.api.responses import encode_json, json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.tags import Tag
from pushserver.web.body import MAX_BODY_SIZE
from pushserver.web.json_body import JSON_MEDIA_TYPE
from pushserver.web.request import device_base
from pushserver.web.spooled_response import LongResponse

routes = Routes(Tag.DEVICES, Permission.DEVICES_READ, Permission.DEVICES_WRITE)
_ANSWER_TYPES = (JSON_MEDIA_TYPE, CSV)
_COLUMNS = ("deviceId", "name", "key", "path", "url", "enforced")


@routes(
    "POST",
    "/devices/{device_id}/key",
    "makeDeviceKey",
    DeviceKeyOut,
    status=201,
    body_required=False,
    idempotency=Idempotency.CLAIMED,
    example={"enforce": True},
)
async def create_key(call: ApiCall[None, DeviceKeyIn]) -> web.StreamResponse:
    """Give a device a new key, shown once."""
    device_id = call.path_device().device_id
    call.log_fields["device_id"] = device_id
    key, device = await call.services.key_issuer.make_key(
        call.scope_id, device_id, call.actor, enforce=call.body.enforce
    )
    path, url = _address(call, key)
    key_out = DeviceKeyOut(key, path, device.key_enforced, url, keyless_out(device))
    return json_response(key_out, status=201)


@routes(
    "POST",
    "/devices/keys",
    "makeDeviceKeys",
    DeviceKeysOut,
    status=201,
    answer_types=_ANSWER_TYPES,
    idempotency=Idempotency.CLAIMED,
    max_body=MAX_BODY_SIZE,
    limits_itself=True,
    example={"targets": {"all": True}},
)
async def create_keys(call: ApiCall[None, DeviceKeysIn]) -> web.StreamResponse:
    """
    Give many devices new keys, shown once.

    With `Accept: text/csv` the answer is a file with the same columns.
    """
    services, body = call.services, call.body
    targets = await parse_target_selector(body.targets, services.protocols)
    await services.cluster_sync.catch_up()
    targets = await services.token_reach.narrow_targets(call.token, targets)
    async with services.devices.resolve_targets(call.scope_id, targets) as devices:
        ids = [device.device_id async for device in in_pieces(devices)]
        made = await services.key_issuer.make_keys(
            call.scope_id, ids, call.actor, enforce=body.enforce
        )
    call.log_fields["devices"] = len(made)
    # Each is freed at its turn: to free those of a fleet at once takes long, too.
    made.reverse()
    rows = in_pieces(_key_row(call, *made.pop()) for _ in range(len(made)))
    accept = call.request.headers.get("Accept", "")
    media_type = preferred_media_type(accept, _ANSWER_TYPES)
    pieces = _csv_pieces(rows) if media_type == CSV else _json_pieces(rows)
    pages = [page async for page in pages_of(pieces)]
    return LongResponse(pages, status=201, content_type=media_type)


def _address(call: ApiCall[Any, Any], key: str) -> tuple[str, str | None]:
    """Return the path of a device with *key*, and its URL if that is known."""
    path, base = f"/d/{key}", device_base(call.request)
    return path, None if base is None else base + path


def _key_row(call: ApiCall[Any, Any], key: str, device: Device) -> DeviceKeyRowOut:
    path, url = _address(call, key)
    return DeviceKeyRowOut(
        device_id=call.services.protocols.display_id(device.device_id),
        name=device.name,
        key=key,
        path=path,
        url=url,
        enforced=device.key_enforced,
    )


async def _json_pieces(rows: AsyncIterator[DeviceKeyRowOut]) -> AsyncIterator[bytes]:
    """Yield the JSON of `DeviceKeysOut`; of a whole fleet it is not made at once."""
    before = b'{"items":['
    async for row in rows:
        yield before
        yield encode_json(row)
        before = b","
    yield b"]}"


async def _csv_pieces(rows: AsyncIterator[DeviceKeyRowOut]) -> AsyncIterator[bytes]:
    yield write_rows([_COLUMNS])
    async for row in rows:
        yield _csv_line(row)


def _csv_line(row: DeviceKeyRowOut) -> bytes:
    """Return a row as a spreadsheet takes it; a key may begin like a formula."""
    cells = [
        with_apostrophe(row.device_id),
        "" if row.name is None else with_apostrophe(row.name),
        with_apostrophe(row.key),
        row.path,
        row.url or "",
        str(row.enforced).lower(),
    ]
    return write_rows([cells])
