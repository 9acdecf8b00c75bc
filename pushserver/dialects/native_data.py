"""The data of each event in the server's own form: how its fields are written."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, get_type_hints

from pushserver.clock import SECOND, rfc3339
from pushserver.dialects.native_types import (
    CommandData,
    DeviceData,
    EventActor,
    EventData,
    OperationData,
    ResultData,
    ShadowData,
    TaskData,
    UpgradeResultData,
    UpgradeStateData,
)
from pushserver.model.actor import ActorPayload
from pushserver.model.event import PAYLOAD_TYPES, EventType
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
from pushserver.model.operation import OperationStatus
from pushserver.model.task import TaskState
from pushserver.model.trace import trace_id_of
from pushserver.model.upgrade import DeviceUpgradeState


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
        request_id=payload.request_id,
        trace_id=payload.traceparent and trace_id_of(payload.traceparent),
    )


def _operation(payload: OperationPayload, device_id: str | None) -> OperationData:
    return OperationData(
        operation_id=str(payload.operation_id),
        device_id=device_id,
        status=OperationStatus(payload.status),
        progress=payload.progress,
        resource=payload.resource,
        task_id=_id(payload.task_id),
        message=payload.message,
        created_by=_actor(payload.created_by),
        canceled_by=_actor(payload.canceled_by),
    )


def _task(payload: TaskPayload, _device_id: str | None) -> TaskData:
    return TaskData(
        task_id=str(payload.task_id),
        state=TaskState(payload.state),
        completed=payload.completed,
        failed=payload.failed,
        stale=payload.stale,
        name=payload.name,
        created_by=_actor(payload.created_by),
        canceled_by=_actor(payload.canceled_by),
    )


def _device(payload: DevicePayload, device_id: str | None) -> DeviceData:
    return DeviceData(
        device_id=device_id,
        last_seen_at=_at(payload.last_seen_at),
        address=payload.address,
        reason=payload.reason,
        other_address=payload.other_address,
        shut_out_address=payload.shut_out_address,
    )


def _result(payload: ResultPayload, device_id: str | None) -> ResultData:
    return ResultData(
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
) -> UpgradeStateData:
    return UpgradeStateData(
        upgrade_id=str(payload.task_id),
        operation_id=str(payload.operation_id),
        device_id=device_id,
        state=DeviceUpgradeState(payload.state),
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
#: What the data of each event is.
DATA_TYPES: Mapping[EventType, type[EventData]] = {
    event_type: get_type_hints(_RENDERERS[payload_type])["return"]
    for event_type, payload_type in PAYLOAD_TYPES.items()
}


def _actor(payload: ActorPayload | None) -> EventActor | None:
    return None if payload is None else EventActor(str(payload.token_id), payload.name)


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _at(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)
