"""Events in the server's own form: `{type, timestamp, data}`, compact.

Fields are camelCase, ids are decimal strings, instants are RFC 3339 in UTC. What is
not known is left out. The form is thin: ids, states, times and the device's error, or
that it refused, or that its answer cannot be read. The answer itself, which may carry
personal data, is included only on request.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import rfc3339
from pushserver.dialects.native_data import event_data
from pushserver.dialects.native_types import (
    CommandData,
    DeviceEventData,
    Envelope,
    EventData,
    PingData,
    ShadowData,
    UpgradeResultData,
)
from pushserver.model.event import Event
from pushserver.model.parsed_result import ParsedResult

_encode = msgspec.json.Encoder().encode


def native_body(
    event: Event,
    parsed_result: ParsedResult | None,
    *,
    device_id: str | None,
    device_name: str | None = None,
    metadata: str | None = None,
    include_result: bool,
    include_error: bool = True,
    include_properties: bool = True,
) -> bytes:
    """
    Return the body that announces *event*.

    *device_id* is its device as programs write it, *device_name* what people call it,
    and *metadata* the JSON that came with its command. *parsed_result* is the result
    that ended a command, if one did. Its error is included unless the reader may read
    no result at all (*include_error*), its response and its code with *include_result*.
    The values of a shadow are part of a command (*include_properties*).
    """
    data = event_data(event.payload, device_id)
    if isinstance(data, DeviceEventData):
        data.device_name = device_name
    if isinstance(data, CommandData) and metadata is not None:
        data.metadata = Raw(metadata.encode())
    if isinstance(data, ShadowData) and not include_properties:
        data.properties = Raw(b"{}")
    if not include_error:
        _leave_out_error(data)
    elif parsed_result is not None and isinstance(data, CommandData):
        data.error = _raw(parsed_result.error)
        data.refused, data.unreadable = parsed_result.refused, parsed_result.unreadable
        if include_result:
            data.response, data.code = (
                _raw(parsed_result.response),
                _raw(parsed_result.code),
            )
    return _encode(Envelope(type=event.type, timestamp=rfc3339(event.at), data=data))


def _leave_out_error(data: EventData) -> None:
    """Leave out what the device answered."""
    if isinstance(data, ShadowData):
        data.error = None
    elif isinstance(data, UpgradeResultData):
        data.error = data.error_code = ""


def ping_body(subscription_id: int, at: int) -> bytes:
    """Return the body of a ping, which tests a subscription without an event."""
    data = PingData(subscription_id=str(subscription_id))
    return _encode(Envelope(type="ping", timestamp=rfc3339(at), data=data))


def _raw(text: bytes | memoryview | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text)
