"""What IoTDA pushes, as types: the keys of its page in the order of its example."""

from typing import Literal

import msgspec

from pushserver.dialects.wire_types import RawObject
from pushserver.model.state import CommandState


class _Part(msgspec.Struct, omit_defaults=True):
    """Base of every object of the page."""


class IotdaTag(_Part, kw_only=True):
    """A tag of a device."""

    tag_value: str
    """The tag's value."""
    tag_key: str
    """The tag's key."""


class IotdaHeader(_Part, kw_only=True):
    """Whose command it is; a directly connected device is its own gateway."""

    device_id: str
    """The device."""
    product_id: str | None = None
    """The device's tag `product_id`; for who may read devices."""
    app_id: str
    """The subscription's `appId`."""
    gateway_id: str
    """The device, too."""
    node_id: str | None = None
    """The device's tag `node_id`; for who may read devices."""
    tags: list[IotdaTag] | None = None
    """The first ten of its other tags, by key; for who may read devices."""


class IotdaBody(_Part, kw_only=True):
    """The command's outcome; a canceled one was never sent, so it is `EXPIRED`."""

    result: RawObject | None = None
    """What the device answered, as an object."""
    created_time: str
    """When it was enqueued, as `yyyyMMdd'T'HHmmss'Z'`; so are all other times."""
    sent_time: str | None = None
    """When it was handed out last."""
    command_id: str
    """The command's id."""
    delivered_time: str | None = None
    """When its last byte was written."""
    response_time: str | None = None
    """When the device answered."""
    status: CommandState
    """How far it is; never `CANCELED`."""


class IotdaNotifyData(_Part, kw_only=True):
    """Whose command it is, and what became of it."""

    header: IotdaHeader
    """Whose command it is."""
    body: IotdaBody
    """What became of it."""


class IotdaCommandStatus(_Part, kw_only=True):
    """A command's status as Huawei's IoTDA pushes it."""

    resource: str
    """`device.command.status`, or the subscription's `resourceName`."""
    event: Literal["update"]
    """Always the same."""
    event_time: str
    """When it happened."""
    event_time_ms: str
    """The same with milliseconds, as `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`."""
    request_id: str
    """A UUID of the event."""
    notify_data: IotdaNotifyData
    """What happened."""
