"""Events: what happened, for subscriptions, streams and the console.

An event is written in the same transaction as the change itself, and only if its type
is recorded in its scope: `EventTypesByScope`.
"""

import enum
from collections.abc import Collection, Mapping
from functools import cached_property
from types import MappingProxyType

import attrs
import msgspec

from pushserver.model.actor import ActorPayload
from pushserver.model.command import Command
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
from pushserver.model.operation import Operation
from pushserver.model.task import OperationCounts, Task, TaskState


class EventType(enum.StrEnum):
    """The types of events."""

    COMMAND_STATUS = "command.status"
    DEVICE_ONLINE = "device.online"
    DEVICE_OFFLINE = "device.offline"
    DEVICE_QUARANTINED = "device.quarantined"
    DEVICE_IDENTITY_MISMATCH = "device.identityMismatch"
    DEVICE_IDENTITY_CONFLICT = "device.identityConflict"
    OPERATION_PROGRESS = "operation.progress"
    OPERATION_FINISHED = "operation.finished"
    TASK_FINISHED = "task.finished"
    RESULT_ORPHANED = "result.orphaned"
    SHADOW_STATUS = "shadow.status"
    UPGRADE_STATE = "upgrade.state"
    UPGRADE_RESULT = "upgrade.result"


#: The event types to record, by scope.
EventTypesByScope = Mapping[int, Collection[EventType]]


#: What events of each type are about.
PAYLOAD_TYPES: Mapping[EventType, type[EventPayload]] = MappingProxyType(
    {
        EventType.COMMAND_STATUS: CommandPayload,
        EventType.DEVICE_ONLINE: DevicePayload,
        EventType.DEVICE_OFFLINE: DevicePayload,
        EventType.DEVICE_QUARANTINED: DevicePayload,
        EventType.DEVICE_IDENTITY_MISMATCH: DevicePayload,
        EventType.DEVICE_IDENTITY_CONFLICT: DevicePayload,
        EventType.OPERATION_PROGRESS: OperationPayload,
        EventType.OPERATION_FINISHED: OperationPayload,
        EventType.TASK_FINISHED: TaskPayload,
        EventType.RESULT_ORPHANED: ResultPayload,
        EventType.SHADOW_STATUS: ShadowPayload,
        EventType.UPGRADE_STATE: UpgradeStatePayload,
        EventType.UPGRADE_RESULT: UpgradeResultPayload,
    }
)
_DECODERS = {
    event_type: msgspec.json.Decoder(payload_type)
    for event_type, payload_type in PAYLOAD_TYPES.items()
}


@attrs.frozen(kw_only=True)
class Event:
    """
    Something that happened in a scope, at `at` (microseconds UTC).

    Ids grow in the order of events. `data` is the payload as JSON; None, if it is long
    and was left in the store. `device_id` is None for an event that concerns no single
    device.
    """

    id: int
    scope_id: int
    type: EventType
    at: int
    device_id: int | None
    data: bytes | None

    @cached_property
    def payload(self) -> EventPayload:
        """Decode the payload, once; it was not left in the store."""
        assert self.data is not None  # noqa: S101 - whoever needs it has read it
        return _DECODERS[self.type].decode(self.data)


_encode = msgspec.json.Encoder().encode


def command_status_event(event_id: int, command: Command, at: int) -> Event:
    """Return the event of a transition that *command* just made."""
    payload = CommandPayload(
        command_id=command.id,
        sequence=command.transition_count,
        state=command.state,
        endpoint=command.endpoint,
        created_at=command.created_at,
        sent_at=command.sent_at,
        delivered_at=command.delivered_at,
        finished_at=command.finished_at,
        operation_id=command.operation_id,
        result_id=command.result_id,
        replaced_by=command.replaced_by,
        created_by=ActorPayload.of(command.created_by),
        canceled_by=ActorPayload.of(command.canceled_by),
        request_id=command.request_id,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
    )
    return Event(
        id=event_id,
        scope_id=command.scope_id,
        type=EventType.COMMAND_STATUS,
        at=at,
        device_id=command.device_id,
        data=_encode(payload),
    )


def operation_event(
    event_id: int,
    operation: Operation,
    event_type: EventType,
    at: int,
    message: str | None,
) -> Event:
    """Return the event of an operation that progressed or ended."""
    payload = OperationPayload(
        operation_id=operation.id,
        status=operation.status,
        progress=operation.progress,
        resource=operation.descriptor.resource,
        task_id=operation.task_id,
        message=message,
        created_by=ActorPayload.of(operation.created_by),
        canceled_by=ActorPayload.of(operation.canceled_by),
    )
    return Event(
        id=event_id,
        scope_id=operation.scope_id,
        type=event_type,
        at=at,
        device_id=operation.device_id,
        data=_encode(payload),
    )


def task_finished_event(
    event_id: int, task: Task, counts: OperationCounts, at: int
) -> Event:
    """Return the event of a task that has ended."""
    canceled = task.state is TaskState.CANCELED
    payload = TaskPayload(
        task_id=task.id,
        state=TaskState.CANCELED if canceled else TaskState.COMPLETED,
        completed=counts.completed,
        failed=counts.failed,
        stale=counts.stale,
        name=task.name,
        created_by=ActorPayload.of(task.created_by),
        canceled_by=ActorPayload.of(task.canceled_by),
    )
    return new_event(event_id, task.scope_id, EventType.TASK_FINISHED, at, payload)


def new_event(
    event_id: int,
    scope_id: int,
    event_type: EventType,
    at: int,
    payload: EventPayload,
    device_id: int | None = None,
) -> Event:
    """Return an event with *payload*."""
    return Event(
        id=event_id,
        scope_id=scope_id,
        type=event_type,
        at=at,
        device_id=device_id,
        data=_encode(payload),
    )
