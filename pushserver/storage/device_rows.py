"""Devices, tokens and scopes as rows: their columns and the two ways between."""

from collections.abc import Iterable

import msgspec

from pushserver.model.device import Device, DeviceState, UnknownRequest
from pushserver.model.scope import Scope
from pushserver.model.token import Permission, Token
from pushserver.storage.rows import Row, count_columns

DEVICE_COLUMNS = (
    "device_id, state, name, tags, hold, created_at, key_hash, old_key_hash,"
    " key_enforced, scope_id"
)
DEVICE_SEEN_COLUMNS = (
    "device_id, last_seen_at, address, poll_period, polled_without_key,"
    " unknown_request_count"
)
UNKNOWN_REQUEST_COLUMNS = "id, device_id, at, method, path, address, body"
TOKEN_COLUMNS = "id, hash, name, permissions, created_at, scope_id"  # noqa: S105 - columns
SCOPE_COLUMNS = "id, name, created_at"


def device_from_row(row: Row) -> Device:
    """Make a device of the columns DEVICE and, if it was seen, SEEN after them."""
    device = Device(
        device_id=row[0],
        state=DeviceState(row[1]),
        name=row[2],
        tags=msgspec.json.decode(row[3], type=dict[str, str]),
        hold=row[4],
        created_at=row[5],
        key_hash=row[6],
        old_key_hash=row[7],
        key_enforced=bool(row[8]),
        scope_id=row[9],
    )
    if len(row) > count_columns(DEVICE_COLUMNS) and row[10] is not None:
        device.last_seen_at, device.address, device.poll_period = row[11:14]
        device.polled_without_key, device.unknown_request_count = bool(row[14]), row[15]
    return device


def device_row(device: Device) -> Row:
    """Return the columns DEVICE."""
    return (
        device.device_id,
        device.state.value,
        device.name,
        msgspec.json.encode(device.tags).decode(),
        device.hold,
        device.created_at,
        device.key_hash,
        device.old_key_hash,
        int(device.key_enforced),
        device.scope_id,
    )


def device_seen_row(device: Device) -> Row:
    """Return the columns SEEN."""
    return (
        device.device_id,
        device.last_seen_at or 0,
        device.address,
        device.poll_period,
        int(device.polled_without_key),
        device.unknown_request_count,
    )


def unknown_request_from_row(row: Row) -> UnknownRequest:
    """Make a stray request of the columns STRAY."""
    return UnknownRequest(
        id=row[0],
        device_id=row[1],
        at=row[2],
        method=row[3],
        path=row[4],
        address=row[5],
        body=bytes(row[6] or b""),
    )


def unknown_request_row(request: UnknownRequest) -> Row:
    """Return the columns STRAY."""
    return (
        request.id,
        request.device_id,
        request.at,
        request.method,
        request.path,
        request.address,
        request.body,
    )


def token_from_row(row: Row) -> Token:
    """Make a token of the columns TOKEN."""
    return Token(
        id=row[0],
        hash=row[1],
        name=row[2],
        permissions=_permissions(row[3].split()),
        created_at=row[4],
        scope_id=row[5],
    )


def token_row(token: Token) -> Row:
    """Return the columns TOKEN."""
    names = " ".join(sorted(token.permissions))
    return (
        token.id,
        token.hash,
        token.name,
        names,
        token.created_at,
        token.scope_id,
    )


def scope_from_row(row: Row) -> Scope:
    """Make a scope of the columns SCOPE."""
    return Scope(id=row[0], name=row[1], created_at=row[2])


def scope_row(scope: Scope) -> Row:
    """Return the columns SCOPE."""
    return (scope.id, scope.name, scope.created_at)


def _permissions(names: Iterable[str]) -> frozenset[Permission]:
    return frozenset(Permission(name) for name in names)
