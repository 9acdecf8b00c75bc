"""A command's status as Huawei's IoTDA pushes it to applications.

Format: IoTDA API reference, "Push an Asynchronous Device Command Status Change
Notification": the page's keys in the order of its example, compact. Absent values are
left out, never null. The page misspells `resource`; a subscription may ask for that
spelling.
"""

import uuid
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from pushserver.clock import rfc3339
from pushserver.dialects.iotda_types import (
    IotdaBody,
    IotdaCommandStatus,
    IotdaHeader,
    IotdaNotifyData,
    IotdaTag,
)
from pushserver.dialects.samples import SAMPLE_ID
from pushserver.model.event import Event
from pushserver.model.event_payload import CommandPayload
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState

RESOURCE = "device.command.status"
MAX_TAGS = 10
#: Device tags that supply the header fields of the same names.
PRODUCT_ID_TAG = "product_id"
NODE_ID_TAG = "node_id"
#: Namespace of request ids. They are derived from the event: a retry is identical.
_REQUEST_ID_NAMESPACE = uuid.UUID("5b0a6f3c-5d0f-4f0e-9c39-6f4ad1d7f0a1")
_ANSWERED_STATES = (CommandState.SUCCESSFUL, CommandState.FAILED)

_encode = msgspec.json.Encoder().encode


def iotda_body(
    event: Event,
    *,
    device_id: str,
    app_id: str,
    tags: Mapping[str, str],
    parsed_result: ParsedResult | None,
    resource_name: str | None,
) -> bytes:
    """
    Return the body that announces a command's transition.

    *tags* are the device's; *parsed_result* is the result that ended the command, if
    one did.
    """
    payload = event.payload
    assert isinstance(payload, CommandPayload)  # noqa: S101 - no other has this format
    return _encode(
        IotdaCommandStatus(
            resource=resource_name or RESOURCE,
            event="update",
            event_time=_basic_iso8601(event.at),
            event_time_ms=rfc3339(event.at)[:23] + "Z",
            request_id=_request_id(event.id),
            notify_data=IotdaNotifyData(
                header=_header(device_id, app_id, tags),
                body=_body(payload, parsed_result),
            ),
        )
    )


def _request_id(event_id: int) -> str:
    """Return a UUID of the event; of a sample it is all zeros, as its other ids are."""
    if event_id == SAMPLE_ID:
        return str(uuid.UUID(int=0))
    return str(uuid.uuid5(_REQUEST_ID_NAMESPACE, str(event_id)))


def _header(device_id: str, app_id: str, tags: Mapping[str, str]) -> IotdaHeader:
    """Return the header; a directly connected device is its own gateway."""
    return IotdaHeader(
        device_id=device_id,
        product_id=tags.get(PRODUCT_ID_TAG),
        app_id=app_id,
        gateway_id=device_id,
        node_id=tags.get(NODE_ID_TAG),
        tags=_tags(tags) or None,
    )


def _tags(tags: Mapping[str, str]) -> list[IotdaTag]:
    """Return the first ten tags by key, without those that the header has already."""
    remaining = sorted(
        item for item in tags.items() if item[0] not in (PRODUCT_ID_TAG, NODE_ID_TAG)
    )
    return [
        IotdaTag(tag_value=value, tag_key=key) for key, value in remaining[:MAX_TAGS]
    ]


def _body(payload: CommandPayload, parsed_result: ParsedResult | None) -> IotdaBody:
    """Return the command's outcome; a canceled one was never sent, so it is EXPIRED."""
    state = payload.state
    canceled = state is CommandState.CANCELED
    answered = state in _ANSWERED_STATES
    result = _result(parsed_result) if answered and parsed_result is not None else None
    return IotdaBody(
        result=result,
        created_time=_basic_iso8601(payload.created_at),
        sent_time=_optional_iso8601(payload.sent_at),
        command_id=str(payload.command_id),
        delivered_time=_optional_iso8601(payload.delivered_at),
        response_time=_optional_iso8601(payload.finished_at) if answered else None,
        status=CommandState.EXPIRED if canceled else state,
    )


def _result(parsed_result: ParsedResult) -> Raw | None:
    """
    Return the result as an object, as the format requires.

    A response that is an object is passed on as it is. An error, or any other response,
    is wrapped as the device posted it: `{"error": …, "code": …}`, `{"response": …}`.
    """
    response = _non_empty_json(parsed_result.response)
    if response is not None and response[:1] == b"{":
        return Raw(response)
    fields = {
        "error": _non_empty_json(parsed_result.error),
        "response": response,
        "code": _non_empty_json(parsed_result.code),
    }
    given = {name: Raw(text) for name, text in fields.items() if text is not None}
    return Raw(_encode(given)) if given else None


def _non_empty_json(text: bytes | memoryview | None) -> bytes | None:
    """Return the JSON text, None if it is empty or null."""
    stripped = bytes(text or b"").strip()
    return None if stripped in (b"", b"null") else stripped


def _optional_iso8601(instant: int | None) -> str | None:
    return None if instant is None else _basic_iso8601(instant)


def _basic_iso8601(instant: int) -> str:
    """Return an instant as yyyyMMdd'T'HHmmss'Z'."""
    return rfc3339(instant)[:19].replace("-", "").replace(":", "") + "Z"
