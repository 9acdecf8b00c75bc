"""Events in the server's own form: `{type, timestamp, data}`, compact.

Fields are camelCase, ids are decimal strings, instants are RFC 3339 in UTC. What is
not known is left out. The form is thin: ids, states, times and the device's error, or
that it refused, or that its answer cannot be read. The answer itself, which may carry
personal data, is included only on request.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import rfc3339
from pushserver.dialects.native_data import event_data
from pushserver.dialects.native_types import (
    CommandData,
    DeviceData,
    DeviceEventData,
    Envelope,
    EventData,
    OperationData,
    PingData,
    ShadowData,
    TaskData,
    UpgradeResultData,
)
from pushserver.model.event import Event
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.subscription import READABLE
from pushserver.model.token import Permission

#: What each permission lets one read of an event's data, and what others get instead.
_WITHHELD: Mapping[Permission, Mapping[type[EventData], Mapping[str, Any]]] = (
    MappingProxyType(
        {
            Permission.RESULTS_READ: {
                ShadowData: {"error": None},
                UpgradeResultData: {"error": "", "error_code": ""},
            },
            Permission.COMMANDS_READ: {ShadowData: {"properties": Raw(b"{}")}},
            Permission.OPERATIONS_READ: {
                OperationData: {"resource": "", "message": None},
                TaskData: {"name": None},
            },
            Permission.DEVICES_READ: {
                DeviceData: {
                    "address": None,
                    "other_address": None,
                    "shut_out_address": None,
                },
            },
        }
    )
)

_encode = msgspec.json.Encoder().encode


def native_body(
    event: Event,
    parsed_result: ParsedResult | None,
    *,
    device_id: str | None,
    device_name: str | None = None,
    metadata: str | None = None,
    include_result: bool,
    may_read: Collection[Permission] = READABLE,
) -> bytes:
    """
    Return the body that announces *event*.

    *device_id* is its device as programs write it, *device_name* what people call it,
    and *metadata* the JSON that came with its command. *parsed_result* is the result
    that ended a command, if one did; its response and its code are included with
    *include_result*. What takes a permission that is not in *may_read* is left out, a
    device's error too.
    """
    data = event_data(event.payload, device_id)
    if isinstance(data, DeviceEventData):
        data.device_name = device_name
    if isinstance(data, CommandData) and metadata is not None:
        data.metadata = Raw(metadata.encode())
    _leave_out(data, may_read)
    if (
        parsed_result is not None
        and isinstance(data, CommandData)
        and Permission.RESULTS_READ in may_read
    ):
        data.error = _raw(parsed_result.error)
        data.refused, data.unreadable = parsed_result.refused, parsed_result.unreadable
        if include_result:
            data.response, data.code = (
                _raw(parsed_result.response),
                _raw(parsed_result.code),
            )
    return _encode(Envelope(type=event.type, timestamp=rfc3339(event.at), data=data))


def _leave_out(data: EventData, may_read: Collection[Permission]) -> None:
    """Leave out what takes another permission; what cannot be absent is empty."""
    for permission in READABLE.difference(may_read):
        for name, empty in _WITHHELD[permission].get(type(data), {}).items():
            setattr(data, name, empty)


def ping_body(subscription_id: int, at: int) -> bytes:
    """Return the body of a ping, which tests a subscription without an event."""
    data = PingData(subscription_id=str(subscription_id))
    return _encode(Envelope(type="ping", timestamp=rfc3339(at), data=data))


def _raw(text: bytes | memoryview | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text)
