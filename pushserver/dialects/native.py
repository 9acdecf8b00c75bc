"""Events in the server's own form: `{type, timestamp, data}`, compact.

Fields are camelCase, ids are decimal strings, instants are RFC 3339 in UTC. What is
not known is left out. The form is thin: ids, states, times and the device's error. A
device's answer, which may carry personal data, is told only where it is asked for.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import SECOND, rfc3339
from pushserver.model.event import (
    CommandPayload,
    DevicePayload,
    Event,
    EventType,
    OperationPayload,
    ResultPayload,
    ShadowPayload,
    TaskPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.parsed_result import ParsedResult


class _Out(msgspec.Struct, rename="camel", omit_defaults=True):
    """What applications get."""


class _Command(_Out, kw_only=True):
    command_id: str
    device_id: str | None = None
    sequence: int
    state: str
    endpoint: str
    created_at: str
    sent_at: str | None = None
    delivered_at: str | None = None
    finished_at: str | None = None
    operation_id: str | None = None
    error: Raw | UnsetType = UNSET
    response: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET


class _Operation(_Out, kw_only=True):
    operation_id: str
    device_id: str | None = None
    status: str
    progress: int
    resource: str
    task_id: str | None = None
    message: str | None = None


class _Task(_Out, kw_only=True):
    task_id: str
    state: str
    completed: int
    failed: int
    stale: int
    name: str | None = None


class _Device(_Out, kw_only=True):
    device_id: str | None = None
    last_seen_at: str | None = None
    address: str | None = None
    reason: str | None = None


class _Result(_Out, kw_only=True):
    result_id: str
    device_id: str | None = None
    uuid: str | None = None
    endpoint: str | None = None


class _Shadow(_Out, kw_only=True):
    device_id: str | None = None
    service_id: str
    properties: Raw
    status: str
    version: int
    command_id: str
    error: str | None = None


class _UpgradeState(_Out, kw_only=True):
    upgrade_id: str
    operation_id: str
    device_id: str | None = None
    state: str


class _UpgradeResult(_Out, kw_only=True):
    upgrade_id: str
    operation_id: str
    device_id: str | None = None
    result: str
    target_version: str
    source_version: str = ""
    current_version: str = ""
    duration: float
    error_code: str = ""
    error: str = ""


class _Ping(_Out, kw_only=True):
    subscription_id: str


class _EnvelopeOut(_Out, kw_only=True):
    type: str
    timestamp: str
    data: _Out


_encode = msgspec.json.Encoder().encode
_decode_command = msgspec.json.Decoder(CommandPayload).decode
_decode_operation = msgspec.json.Decoder(OperationPayload).decode
_decode_task = msgspec.json.Decoder(TaskPayload).decode
_decode_device = msgspec.json.Decoder(DevicePayload).decode
_decode_result = msgspec.json.Decoder(ResultPayload).decode
_decode_shadow = msgspec.json.Decoder(ShadowPayload).decode
_decode_upgrade_state = msgspec.json.Decoder(UpgradeStatePayload).decode
_decode_upgrade_result = msgspec.json.Decoder(UpgradeResultPayload).decode


def native_body(
    event: Event, parsed_result: ParsedResult | None, *, include_result: bool
) -> bytes:
    """
    Return the body that tells of *event*.

    *parsed_result* is the result that ended a command, if one did. Its error is always
    told, its response and its code only with *include_result*.
    """
    data = _RENDERERS[event.type](event)
    if parsed_result is not None and isinstance(data, _Command):
        data.error = _raw(parsed_result.error)
        if include_result:
            data.response, data.code = (
                _raw(parsed_result.response),
                _raw(parsed_result.code),
            )
    return _encode(
        _EnvelopeOut(type=event.type, timestamp=rfc3339(event.at), data=data)
    )


def ping_body(subscription_id: int, at: int) -> bytes:
    """Return the body of a ping: no event, only somebody who wants to see it come."""
    data = _Ping(subscription_id=str(subscription_id))
    return _encode(_EnvelopeOut(type="ping", timestamp=rfc3339(at), data=data))


def _command(event: Event) -> _Command:
    payload = _decode_command(event.data)
    return _Command(
        command_id=str(payload.command_id),
        device_id=_id(event.device_id),
        sequence=payload.sequence,
        state=payload.state,
        endpoint=payload.endpoint,
        created_at=rfc3339(payload.created_at),
        sent_at=_at(payload.sent_at),
        delivered_at=_at(payload.delivered_at),
        finished_at=_at(payload.finished_at),
        operation_id=_id(payload.operation_id),
    )


def _operation(event: Event) -> _Operation:
    payload = _decode_operation(event.data)
    return _Operation(
        operation_id=str(payload.operation_id),
        device_id=_id(event.device_id),
        status=payload.status,
        progress=payload.progress,
        resource=payload.resource,
        task_id=_id(payload.task_id),
        message=payload.message,
    )


def _task(event: Event) -> _Task:
    payload = _decode_task(event.data)
    return _Task(
        task_id=str(payload.task_id),
        state=payload.state,
        completed=payload.completed,
        failed=payload.failed,
        stale=payload.stale,
        name=payload.name,
    )


def _device(event: Event) -> _Device:
    payload = _decode_device(event.data)
    return _Device(
        device_id=_id(event.device_id),
        last_seen_at=_at(payload.last_seen_at),
        address=payload.address,
        reason=payload.reason,
    )


def _result(event: Event) -> _Result:
    payload = _decode_result(event.data)
    return _Result(
        result_id=str(payload.result_id),
        device_id=_id(event.device_id),
        uuid=payload.uuid,
        endpoint=payload.endpoint,
    )


def _shadow(event: Event) -> _Shadow:
    payload = _decode_shadow(event.data)
    return _Shadow(
        device_id=_id(event.device_id),
        service_id=payload.service_id,
        properties=payload.properties,
        status="DELIVERED" if payload.delivered else "FAILED",
        version=payload.version,
        command_id=str(payload.command_id),
        error=payload.error,
    )


def _upgrade_state(event: Event) -> _UpgradeState:
    payload = _decode_upgrade_state(event.data)
    return _UpgradeState(
        upgrade_id=str(payload.task_id),
        operation_id=str(payload.operation_id),
        device_id=_id(event.device_id),
        state=payload.state,
    )


def _upgrade_result(event: Event) -> _UpgradeResult:
    payload = _decode_upgrade_result(event.data)
    return _UpgradeResult(
        upgrade_id=str(payload.task_id),
        operation_id=str(payload.operation_id),
        device_id=_id(event.device_id),
        result="SUCCESS" if payload.success else "FAIL",
        target_version=payload.target_version,
        source_version=payload.source_version,
        current_version=payload.current_version,
        duration=payload.duration / SECOND,
        error_code=payload.error_code,
        error=payload.error,
    )


_RENDERERS: Mapping[EventType, Callable[[Event], _Out]] = MappingProxyType(
    {
        EventType.COMMAND_STATUS: _command,
        EventType.DEVICE_ONLINE: _device,
        EventType.DEVICE_OFFLINE: _device,
        EventType.DEVICE_QUARANTINED: _device,
        EventType.DEVICE_IDENTITY_MISMATCH: _device,
        EventType.OPERATION_PROGRESS: _operation,
        EventType.OPERATION_FINISHED: _operation,
        EventType.TASK_FINISHED: _task,
        EventType.RESULT_ORPHANED: _result,
        EventType.SHADOW_STATUS: _shadow,
        EventType.UPGRADE_STATE: _upgrade_state,
        EventType.UPGRADE_RESULT: _upgrade_result,
    }
)


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _at(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _raw(text: bytes | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text)
