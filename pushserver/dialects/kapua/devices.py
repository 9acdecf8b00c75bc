"""Devices as Kapua's clients read them; what is not known is left out."""

import enum
from collections.abc import Sequence

import attrs
import msgspec

from pushserver.dialects.kapua.entity import Body, format_date, to_json
from pushserver.dialects.kapua.ids import encode_id
from pushserver.dialects.kapua.lists import Page, render_page
from pushserver.model.device import Device

#: The entity's name, as it appears in `type` and in errors.
DEVICE = "device"
#: The group of the properties that show a device's tags.
_TAGS = "tags"


class ConnectionStatus(enum.StrEnum):
    """Kapua's words for how a device is connected; NULL: it never was."""

    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    MISSING = "MISSING"  # no device here ever is
    NULL = "NULL"


@attrs.frozen
class ConnectedDevice:
    """A device, how programs call it, and how it is connected."""

    device: Device
    client_id: str
    connection_status: ConnectionStatus


class _Connection(Body, tag="deviceConnection", kw_only=True):
    scope_id: str
    modified_on: str
    status: str
    client_id: str
    protocol: str
    client_ip: str | None = None


class _ExtendedProperty(msgspec.Struct, rename="camel"):
    group_name: str
    name: str
    value: str


class _Device(Body, tag=DEVICE, kw_only=True):
    id: str
    scope_id: str
    created_on: str
    created_by: str | None = None
    client_id: str
    status: str
    display_name: str | None = None
    connection: _Connection | None = None
    extended_properties: Sequence[_ExtendedProperty] = ()


class _Devices(Page[_Device], tag=f"{DEVICE}ListResult", kw_only=True):
    """A page of devices."""


def render_device(one: ConnectedDevice) -> bytes:
    """Render one device."""
    return to_json(_device(one))


def render_device_list(
    found: Sequence[ConnectedDevice], limit: int, total: int | None
) -> bytes:
    """Render at most *limit* of *found*; if it holds more, there is a next page."""
    return render_page(_Devices, _device, found, limit, total)


def _device(one: ConnectedDevice) -> _Device:
    device, adopter = one.device, one.device.adopted_by.token_id
    return _Device(
        id=encode_id(device.device_id),
        scope_id=encode_id(device.scope_id),
        created_on=format_date(device.created_at),
        created_by=None if adopter is None else encode_id(adopter),
        client_id=one.client_id,
        status="ENABLED" if device.is_adopted else "DISABLED",
        display_name=device.name,
        connection=_connection(one),
        # An empty tuple is the default, and left out.
        extended_properties=tuple(
            _ExtendedProperty(_TAGS, name, value)
            for name, value in sorted(device.tags.items())
        ),
    )


def _connection(one: ConnectedDevice) -> _Connection | None:
    device = one.device
    if device.last_seen_at is None:
        return None
    return _Connection(
        scope_id=encode_id(device.scope_id),
        modified_on=format_date(device.last_seen_at),
        status=one.connection_status.value,
        client_id=one.client_id,
        protocol=device.protocol,
        client_ip=device.address,
    )
