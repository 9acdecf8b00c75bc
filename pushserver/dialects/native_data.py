"""The data of each event in the server's own form: which fields, and how written."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import SECOND, rfc3339
from pushserver.model.actor import ActorPayload
from pushserver.model.event_payload import (
    CommandPayload,
    DevicePayload,
    EventPayload,
    OperationPayload,
    ResultPayload,
    ShadowPayload,
    TaskPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)


class EventData(msgspec.Struct, rename="camel", omit_defaults=True):
    """Base of everything that applications receive."""


class _Actor(EventData):
    token_id: str
    name: str | None = None


class CommandData(EventData, kw_only=True):
    """A command after a transition."""

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
    replaced_by: str | None = None
    created_by: _Actor | None = None
    canceled_by: _Actor | None = None
    error: Raw | UnsetType = UNSET
    response: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    refused: bool = False
    unreadable: bool = False


class _Operation(EventData, kw_only=True):
    operation_id: str
    device_id: str | None = None
    status: str
    progress: int
    resource: str
    task_id: str | None = None
    message: str | None = None
    created_by: _Actor | None = None
    canceled_by: _Actor | None = None


class _Task(EventData, kw_only=True):
    task_id: str
    state: str
    completed: int
    failed: int
    stale: int
    name: str | None = None
    created_by: _Actor | None = None
    canceled_by: _Actor | None = None


class _Device(EventData, kw_only=True):
    device_id: str | None = None
    last_seen_at: str | None = None
    address: str | None = None
    reason: str | None = None
    other_address: str | None = None
    shut_out_address: str | None = None


class _Result(EventData, kw_only=True):
    result_id: str
    device_id: str | None = None
    uuid: str | None = None
    endpoint: str | None = None


class ShadowData(EventData, kw_only=True):
    """A service whose desired properties were delivered, or failed."""

    device_id: str | None = None
    service_id: str
    properties: Raw
    status: str
    version: int
    command_id: str
    error: str | None = None


class _UpgradeState(EventData, kw_only=True):
    upgrade_id: str
    operation_id: str
    device_id: str | None = None
    state: str


class UpgradeResultData(EventData, kw_only=True):
    """How a device upgrade ended."""

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


def event_data(payload: EventPayload, device_id: str | None) -> EventData:
    """Return the data of an event; *device_id* is its device as programs write it."""
    return _RENDERERS[type(payload)](payload, device_id)


def _command(payload: CommandPayload, device_id: str | None) -> CommandData:
    return CommandData(
        command_id=str(payload.command_id),
        device_id=device_id,
        sequence=payload.sequence,
        state=payload.state,
        endpoint=payload.endpoint,
        created_at=rfc3339(payload.created_at),
        sent_at=_at(payload.sent_at),
        delivered_at=_at(payload.delivered_at),
        finished_at=_at(payload.finished_at),
        operation_id=_id(payload.operation_id),
        replaced_by=_id(payload.replaced_by),
        created_by=_actor(payload.created_by),
        canceled_by=_actor(payload.canceled_by),
    )


def _operation(payload: OperationPayload, device_id: str | None) -> _Operation:
    return _Operation(
        operation_id=str(payload.operation_id),
        device_id=device_id,
        status=payload.status,
        progress=payload.progress,
        resource=payload.resource,
        task_id=_id(payload.task_id),
        message=payload.message,
        created_by=_actor(payload.created_by),
        canceled_by=_actor(payload.canceled_by),
    )


def _task(payload: TaskPayload, _device_id: str | None) -> _Task:
    return _Task(
        task_id=str(payload.task_id),
        state=payload.state,
        completed=payload.completed,
        failed=payload.failed,
        stale=payload.stale,
        name=payload.name,
        created_by=_actor(payload.created_by),
        canceled_by=_actor(payload.canceled_by),
    )


def _device(payload: DevicePayload, device_id: str | None) -> _Device:
    return _Device(
        device_id=device_id,
        last_seen_at=_at(payload.last_seen_at),
        address=payload.address,
        reason=payload.reason,
        other_address=payload.other_address,
        shut_out_address=payload.shut_out_address,
    )


def _result(payload: ResultPayload, device_id: str | None) -> _Result:
    return _Result(
        result_id=str(payload.result_id),
        device_id=device_id,
        uuid=payload.uuid,
        endpoint=payload.endpoint,
    )


def _shadow(payload: ShadowPayload, device_id: str | None) -> ShadowData:
    return ShadowData(
        device_id=device_id,
        service_id=payload.service_id,
        properties=payload.properties,
        status="DELIVERED" if payload.delivered else "FAILED",
        version=payload.version,
        command_id=str(payload.command_id),
        error=payload.error,
    )


def _upgrade_state(
    payload: UpgradeStatePayload, device_id: str | None
) -> _UpgradeState:
    return _UpgradeState(
        upgrade_id=str(payload.task_id),
        operation_id=str(payload.operation_id),
        device_id=device_id,
        state=payload.state,
    )


def _upgrade_result(
    payload: UpgradeResultPayload, device_id: str | None
) -> UpgradeResultData:
    return UpgradeResultData(
        upgrade_id=str(payload.task_id),
        operation_id=str(payload.operation_id),
        device_id=device_id,
        result="SUCCESS" if payload.success else "FAIL",
        target_version=payload.target_version,
        source_version=payload.source_version,
        current_version=payload.current_version,
        duration=payload.duration / SECOND,
        error_code=payload.error_code,
        error=payload.error,
    )


_RENDERERS: Mapping[type[EventPayload], Callable[[Any, str | None], EventData]] = (
    MappingProxyType(
        {
            CommandPayload: _command,
            OperationPayload: _operation,
            TaskPayload: _task,
            DevicePayload: _device,
            ResultPayload: _result,
            ShadowPayload: _shadow,
            UpgradeStatePayload: _upgrade_state,
            UpgradeResultPayload: _upgrade_result,
        }
    )
)


def _actor(payload: ActorPayload | None) -> _Actor | None:
    return None if payload is None else _Actor(str(payload.token_id), payload.name)


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _at(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)
