"""Operations, notifications and tasks as programs read them."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pushserver.clock import rfc3339
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest
from pushserver.model.operation import Notification, Operation, OperationDescriptor
from pushserver.model.target import TargetDevice
from pushserver.model.task import FailureLimit, OperationCounts, Task
from pushserver.storage.operations import StepRecord
from pushserver.web.api.operation_types import (
    DryRunDeviceOut,
    DryRunOut,
    NotificationOut,
    OperationCountsOut,
    OperationOut,
    StepOut,
    TaskOut,
)
from pushserver.web.api.views import optional_instant

#: Of so many devices a dry run tells when to expect them.
MAX_DRY_RUN_ITEMS = 1000


def operation_out(
    operation: Operation, steps: list[StepOut] | UnsetType = UNSET
) -> OperationOut:
    """Show an operation."""
    label = operation.descriptor
    return OperationOut(
        id=str(operation.id),
        device_id=str(operation.device_id),
        task_id=None if operation.task_id is None else str(operation.task_id),
        status=operation.status,
        progress=operation.progress,
        on_failure=operation.on_failure,
        resource=label.resource,
        action=label.action,
        app_id=label.app_id,
        properties=_properties(label),
        created_at=rfc3339(operation.created_at),
        started_at=optional_instant(operation.started_at),
        ended_at=optional_instant(operation.ended_at),
        modified_at=rfc3339(operation.modified_at),
        step_count=operation.step_count,
        steps_done=operation.done_steps,
        canceled=operation.canceled or UNSET,
        retried=operation.retried or UNSET,
        steps=steps,
    )


def created_operation_out(
    operation: Operation,
    requests: Sequence[CommandRequest],
    first_command: Command | None,
) -> OperationOut:
    """Show an operation that has just begun, with its *first_command* command."""
    steps = [_step_out(draft) for draft in requests]
    if first_command is not None:
        steps[0].command_id, steps[0].state = str(first_command.id), first_command.state
    return operation_out(operation, steps)


def steps_out(records: Iterable[StepRecord]) -> list[StepOut]:
    """Show steps and what became of them."""
    steps = []
    for record in records:
        step = _step_out(record.step.request)
        if record.command_id is not None:
            step.command_id, step.state = str(record.command_id), record.state
        steps.append(step)
    return steps


def _step_out(request: CommandRequest) -> StepOut:
    return StepOut(
        resource=request.resource,
        verb=request.order.verb,
        endpoint=request.order.endpoint,
        query_string=request.order.query_string,
    )


def notification_out(notification: Notification) -> NotificationOut:
    """Show a notification."""
    return NotificationOut(
        id=str(notification.id),
        operation_id=str(notification.operation_id),
        created_on=rfc3339(notification.created_at),
        created_by=str(notification.created_by),
        sent_on=rfc3339(notification.sent_at),
        status=notification.status,
        resource=notification.resource,
        progress=notification.progress,
        message=notification.message,
    )


def task_out(task: Task, counts: OperationCounts) -> TaskOut:
    """Show a task."""
    return TaskOut(
        id=str(task.id),
        name=task.name,
        state=task.state,
        devices=counts.total,
        waiting=counts.waiting,
        counts=operation_counts_out(counts),
        done=done_fraction(counts),
        on_failure=task.on_failure,
        resource=task.descriptor.resource,
        action=task.descriptor.action,
        app_id=task.descriptor.app_id,
        properties=_properties(task.descriptor),
        step_count=task.step_count,
        concurrency=task.concurrency,
        stop_after_failures=failure_limit_out(task.stop_after),
        created_at=rfc3339(task.created_at),
        expires_at=rfc3339(task.expires_at),
        ended_at=optional_instant(task.ended_at),
    )


def operation_counts_out(counts: OperationCounts) -> OperationCountsOut:
    """Show how operations stand; what waits has the status RUNNING, too."""
    return OperationCountsOut(
        RUNNING=counts.waiting + counts.running,
        COMPLETED=counts.completed,
        FAILED=counts.failed,
        STALE=counts.stale,
    )


def done_fraction(counts: OperationCounts) -> float:
    """Return the share of the devices whose operations have ended."""
    return round(counts.finished / max(1, counts.total), 4)


def failure_limit_out(limit: FailureLimit | None) -> int | str | None:
    """Show a limit of failures as it was given."""
    if limit is None:
        return None
    return str(limit) if limit.percent else int(limit.value)


def dry_run_out(target_devices: Sequence[TargetDevice]) -> DryRunOut:
    """Show who would be hit, and when to expect the first of them."""
    return DryRunOut(
        dry_run=True,
        devices=len(target_devices),
        online=sum(each.online for each in target_devices),
        device_ids=[str(each.device.device_id) for each in target_devices],
        items=[
            DryRunDeviceOut(
                device_id=str(each.device.device_id),
                name=each.device.name,
                online=each.online,
                last_seen_at=optional_instant(each.device.last_seen_at),
                expected_at=optional_instant(each.next_poll_at),
            )
            for each in target_devices[:MAX_DRY_RUN_ITEMS]
        ],
    )


def _properties(label: OperationDescriptor) -> dict[str, str] | UnsetType:
    if label.properties is None:
        return UNSET
    return msgspec.json.decode(label.properties, type=dict[str, str])
