"""Operations, notifications and tasks as programs read them."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pushserver.clock import rfc3339
from pushserver.model.command import Command
from pushserver.model.draft import Draft
from pushserver.model.operation import Label, Notification, Operation
from pushserver.model.target import Expected
from pushserver.model.task import Counts, FailureLimit, Task
from pushserver.storage.tracking import StepRecord
from pushserver.web.api.tracking_types import (
    CountsOut,
    DryRunOut,
    ExpectedOut,
    NotificationOut,
    OperationOut,
    StepOut,
    TaskOut,
)
from pushserver.web.api.views import at

#: Of so many devices a dry run tells when to expect them.
SHOWN = 1000


def operation_out(
    operation: Operation, steps: list[StepOut] | UnsetType = UNSET
) -> OperationOut:
    """Show an operation."""
    label = operation.label
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
        started_at=at(operation.started_at),
        ended_at=at(operation.ended_at),
        modified_at=rfc3339(operation.modified_at),
        step_count=operation.steps,
        steps_done=operation.done,
        canceled=operation.canceled or UNSET,
        retried=operation.retried or UNSET,
        steps=steps,
    )


def begun_out(
    operation: Operation, drafts: Sequence[Draft], first: Command | None
) -> OperationOut:
    """Show an operation that has just begun, with its *first* command."""
    steps = [_step_out(draft) for draft in drafts]
    if first is not None:
        steps[0].command_id, steps[0].state = str(first.id), first.state
    return operation_out(operation, steps)


def steps_out(records: Iterable[StepRecord]) -> list[StepOut]:
    """Show steps and what became of them."""
    shown = []
    for record in records:
        step = _step_out(record.step.draft)
        if record.command_id is not None:
            step.command_id, step.state = str(record.command_id), record.state
        shown.append(step)
    return shown


def _step_out(draft: Draft) -> StepOut:
    return StepOut(
        resource=draft.resource,
        verb=draft.order.verb,
        endpoint=draft.order.endpoint,
        query_string=draft.order.query_string,
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


def task_out(task: Task, counts: Counts) -> TaskOut:
    """Show a task."""
    return TaskOut(
        id=str(task.id),
        name=task.name,
        state=task.state,
        devices=counts.total,
        waiting=counts.waiting,
        counts=counts_out(counts),
        done=share_done(counts),
        on_failure=task.on_failure,
        resource=task.label.resource,
        action=task.label.action,
        app_id=task.label.app_id,
        properties=_properties(task.label),
        step_count=task.steps,
        concurrency=task.concurrency,
        stop_after_failures=limit_out(task.stop_after),
        created_at=rfc3339(task.created_at),
        expires_at=rfc3339(task.expires_at),
        ended_at=at(task.ended_at),
    )


def counts_out(counts: Counts) -> CountsOut:
    """Show how operations stand; what waits has the status RUNNING, too."""
    return CountsOut(
        RUNNING=counts.waiting + counts.running,
        COMPLETED=counts.completed,
        FAILED=counts.failed,
        STALE=counts.stale,
    )


def share_done(counts: Counts) -> float:
    """Return the share of the devices whose operations have ended."""
    return round(counts.over / max(1, counts.total), 4)


def limit_out(limit: FailureLimit | None) -> int | str | None:
    """Show a limit of failures as it was given."""
    if limit is None:
        return None
    return str(limit) if limit.percent else int(limit.number)


def dry_run_out(expected: Sequence[Expected]) -> DryRunOut:
    """Show who would be hit, and when to expect the first of them."""
    return DryRunOut(
        dry_run=True,
        devices=len(expected),
        online=sum(each.online for each in expected),
        device_ids=[str(each.device.device_id) for each in expected],
        items=[
            ExpectedOut(
                device_id=str(each.device.device_id),
                name=each.device.name,
                online=each.online,
                last_seen_at=at(each.device.last_seen_at),
                expected_at=at(each.expected_at),
            )
            for each in expected[:SHOWN]
        ],
    )


def _properties(label: Label) -> dict[str, str] | UnsetType:
    if label.properties is None:
        return UNSET
    return msgspec.json.decode(label.properties, type=dict[str, str])
