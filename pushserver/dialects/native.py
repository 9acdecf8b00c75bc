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
    CommandTold,
    DeviceTold,
    Event,
    EventType,
    OperationTold,
    ResultTold,
    ShadowTold,
    TaskTold,
    UpgradeResultTold,
    UpgradeStateTold,
)
from pushserver.model.reading import Reading


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


class _Body(_Out, kw_only=True):
    type: str
    timestamp: str
    data: _Out


_encode = msgspec.json.Encoder().encode
_command_told = msgspec.json.Decoder(CommandTold).decode
_operation_told = msgspec.json.Decoder(OperationTold).decode
_task_told = msgspec.json.Decoder(TaskTold).decode
_device_told = msgspec.json.Decoder(DeviceTold).decode
_result_told = msgspec.json.Decoder(ResultTold).decode
_shadow_told = msgspec.json.Decoder(ShadowTold).decode
_upgrade_state_told = msgspec.json.Decoder(UpgradeStateTold).decode
_upgrade_result_told = msgspec.json.Decoder(UpgradeResultTold).decode


def native_body(
    event: Event, reading: Reading | None, *, include_result: bool
) -> bytes:
    """
    Return the body that tells of *event*.

    *reading* is the result that ended a command, if one did. Its error is always told,
    its response and its code only with *include_result*.
    """
    data = _DATA[event.type](event)
    if reading is not None and isinstance(data, _Command):
        data.error = _raw(reading.error)
        if include_result:
            data.response, data.code = _raw(reading.response), _raw(reading.code)
    return _encode(_Body(type=event.type, timestamp=rfc3339(event.at), data=data))


def ping_body(subscription_id: int, at: int) -> bytes:
    """Return the body of a ping: no event, only somebody who wants to see it come."""
    data = _Ping(subscription_id=str(subscription_id))
    return _encode(_Body(type="ping", timestamp=rfc3339(at), data=data))


def _command(event: Event) -> _Command:
    told = _command_told(event.data)
    return _Command(
        command_id=str(told.command_id),
        device_id=_id(event.device_id),
        sequence=told.sequence,
        state=told.state,
        endpoint=told.endpoint,
        created_at=rfc3339(told.created_at),
        sent_at=_at(told.sent_at),
        delivered_at=_at(told.delivered_at),
        finished_at=_at(told.finished_at),
        operation_id=_id(told.operation_id),
    )


def _operation(event: Event) -> _Operation:
    told = _operation_told(event.data)
    return _Operation(
        operation_id=str(told.operation_id),
        device_id=_id(event.device_id),
        status=told.status,
        progress=told.progress,
        resource=told.resource,
        task_id=_id(told.task_id),
        message=told.message,
    )


def _task(event: Event) -> _Task:
    told = _task_told(event.data)
    return _Task(
        task_id=str(told.task_id),
        state=told.state,
        completed=told.completed,
        failed=told.failed,
        stale=told.stale,
        name=told.name,
    )


def _device(event: Event) -> _Device:
    told = _device_told(event.data)
    return _Device(
        device_id=_id(event.device_id),
        last_seen_at=_at(told.last_seen_at),
        address=told.address,
        reason=told.reason,
    )


def _result(event: Event) -> _Result:
    told = _result_told(event.data)
    return _Result(
        result_id=str(told.result_id),
        device_id=_id(event.device_id),
        uuid=told.uuid,
        endpoint=told.endpoint,
    )


def _shadow(event: Event) -> _Shadow:
    told = _shadow_told(event.data)
    return _Shadow(
        device_id=_id(event.device_id),
        service_id=told.service_id,
        properties=told.properties,
        status="DELIVERED" if told.delivered else "FAILED",
        version=told.version,
        command_id=str(told.command_id),
        error=told.error,
    )


def _upgrade_state(event: Event) -> _UpgradeState:
    told = _upgrade_state_told(event.data)
    return _UpgradeState(
        upgrade_id=str(told.task_id),
        operation_id=str(told.operation_id),
        device_id=_id(event.device_id),
        state=told.state,
    )


def _upgrade_result(event: Event) -> _UpgradeResult:
    told = _upgrade_result_told(event.data)
    return _UpgradeResult(
        upgrade_id=str(told.task_id),
        operation_id=str(told.operation_id),
        device_id=_id(event.device_id),
        result="SUCCESS" if told.success else "FAIL",
        target_version=told.target_version,
        source_version=told.source_version,
        current_version=told.current_version,
        duration=told.duration / SECOND,
        error_code=told.error_code,
        error=told.error,
    )


_DATA: Mapping[EventType, Callable[[Event], _Out]] = MappingProxyType(
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
