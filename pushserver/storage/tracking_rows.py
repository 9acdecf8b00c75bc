"""Rows and values of operations, steps, notifications and tasks, for every store."""

from pushserver.model.catalogue import Delivery
from pushserver.model.command import Order
from pushserver.model.draft import Draft, Step
from pushserver.model.operation import (
    Action,
    Label,
    Notification,
    OnFailure,
    Operation,
    Status,
)
from pushserver.model.task import FailureLimit, Task, TaskState
from pushserver.storage.rows import Row

OPERATION = (
    "id, scope_id, device_id, task_id, created_at, created_by, resource, action,"
    " app_id, properties, on_failure, steps, queued, done, failed, unknown, progress,"
    " status, canceled, retried, started_at, ended_at, modified_at, version"
)
STEP = (
    "owner_id, number, resource, verb, endpoint, body, content_type, query_string,"
    " metadata, priority, delivery, max_attempts, response_timeout, expires_in,"
    " not_before, service_id"
)
NOTIFICATION = (
    "id, operation_id, scope_id, created_at, created_by, sent_at, status, resource,"
    " progress, message"
)
TASK = (
    "id, scope_id, name, created_at, created_by, expires_at, state, resource, action,"
    " app_id, properties, on_failure, steps, concurrency, stop_after, forgiven,"
    " ended_at, expires_in"
)

#: What may be absent, of what lists are sorted by.
_NULLABLE = frozenset({"ended_at", "message", "resource"})


def sorted_by(name: str, *, descending: bool) -> str:
    """Return the SQL that sorts by *name*: what is absent comes first, or last."""
    way = " DESC" if descending else ""
    absent = f" NULLS {'LAST' if descending else 'FIRST'}"
    return f"{name}{way}{absent if name in _NULLABLE else ''}"


def operation_from_row(row: Row) -> Operation:
    """Make an operation of the columns OPERATION."""
    return Operation(
        id=row[0],
        scope_id=row[1],
        device_id=row[2],
        task_id=row[3],
        created_at=row[4],
        created_by=row[5],
        label=_label(row[6:10]),
        on_failure=OnFailure(row[10]),
        steps=row[11],
        queued=row[12],
        done=row[13],
        failed=row[14],
        unknown=row[15],
        progress=row[16],
        status=Status(row[17]),
        canceled=bool(row[18]),
        retried=bool(row[19]),
        started_at=row[20],
        ended_at=row[21],
        modified_at=row[22],
        version=row[23],
        stored=True,
    )


def operation_row(operation: Operation) -> Row:
    """Return the columns OPERATION."""
    return (
        operation.id,
        operation.scope_id,
        operation.device_id,
        operation.task_id,
        operation.created_at,
        operation.created_by,
        *_label_row(operation.label),
        operation.on_failure.value,
        operation.steps,
        operation.queued,
        operation.done,
        operation.failed,
        operation.unknown,
        operation.progress,
        operation.status.value,
        int(operation.canceled),
        int(operation.retried),
        operation.started_at,
        operation.ended_at,
        operation.modified_at,
        operation.version,
    )


def step_from_row(row: Row) -> Step:
    """Make a step of the columns STEP."""
    order = Order(
        verb=row[3],
        endpoint=row[4],
        body=row[5],
        content_type=row[6],
        query_string=row[7],
        metadata=row[8],
    )
    draft = Draft(
        order=order,
        resource=row[2],
        priority=row[9],
        delivery=None if row[10] is None else Delivery(row[10]),
        max_attempts=row[11],
        response_timeout=row[12],
        expires_in=row[13],
        not_before=row[14],
        service_id=row[15],
    )
    return Step(owner_id=row[0], number=row[1], draft=draft)


def step_row(step: Step) -> Row:
    """Return the columns STEP."""
    draft = step.draft
    order = draft.order
    return (
        step.owner_id,
        step.number,
        draft.resource,
        order.verb,
        order.endpoint,
        order.body,
        order.content_type,
        order.query_string,
        order.metadata,
        draft.priority,
        draft.delivery and draft.delivery.value,
        draft.max_attempts,
        draft.response_timeout,
        draft.expires_in,
        draft.not_before,
        draft.service_id,
    )


def notification_from_row(row: Row) -> Notification:
    """Make a notification of the columns NOTIFICATION."""
    return Notification(
        id=row[0],
        operation_id=row[1],
        scope_id=row[2],
        created_at=row[3],
        created_by=row[4],
        sent_at=row[5],
        status=Status(row[6]),
        resource=row[7],
        progress=row[8],
        message=row[9],
    )


def notification_row(notification: Notification) -> Row:
    """Return the columns NOTIFICATION."""
    return (
        notification.id,
        notification.operation_id,
        notification.scope_id,
        notification.created_at,
        notification.created_by,
        notification.sent_at,
        notification.status.value,
        notification.resource,
        notification.progress,
        notification.message,
    )


def task_from_row(row: Row) -> Task:
    """Make a task of the columns TASK."""
    return Task(
        id=row[0],
        scope_id=row[1],
        name=row[2],
        created_at=row[3],
        created_by=row[4],
        expires_at=row[5],
        state=TaskState(row[6]),
        label=_label(row[7:11]),
        on_failure=OnFailure(row[11]),
        steps=row[12],
        concurrency=row[13],
        stop_after=None if row[14] is None else FailureLimit.read(row[14]),
        forgiven=row[15],
        ended_at=row[16],
        expires_in=row[17],
    )


def task_row(task: Task) -> Row:
    """Return the columns TASK."""
    return (
        task.id,
        task.scope_id,
        task.name,
        task.created_at,
        task.created_by,
        task.expires_at,
        task.state.value,
        *_label_row(task.label),
        task.on_failure.value,
        task.steps,
        task.concurrency,
        None if task.stop_after is None else str(task.stop_after),
        task.forgiven,
        task.ended_at,
        task.expires_in,
    )


def _label(row: Row) -> Label:
    return Label(
        resource=row[0], action=Action(row[1]), app_id=row[2], properties=row[3]
    )


def _label_row(label: Label) -> Row:
    return (label.resource, label.action.value, label.app_id, label.properties)
