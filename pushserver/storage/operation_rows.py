"""Rows and values of operations, steps, notifications and tasks, for every store."""

from pushserver.model.catalogue import DeliveryGuarantee
from pushserver.model.command import Order
from pushserver.model.command_request import CommandRequest, Step
from pushserver.model.operation import (
    Notification,
    OnFailure,
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.model.task import FailureLimit, Task, TaskState
from pushserver.storage.rows import Row

OPERATION_COLUMNS = (
    "id, scope_id, device_id, task_id, created_at, created_by, resource, action,"
    " app_id, properties, on_failure, step_count, queued_steps, done_steps,"
    " failed_steps, unknown_steps, progress, status, canceled, retried,"
    " started_at, ended_at, modified_at, version"
)
STEP_COLUMNS = (
    "owner_id, number, resource, verb, endpoint, body, content_type, query_string,"
    " metadata, priority, guarantee, max_attempts, response_timeout, expires_in,"
    " not_before, service_id"
)
NOTIFICATION_COLUMNS = (
    "id, operation_id, scope_id, created_at, created_by, sent_at, status, resource,"
    " progress, message"
)
TASK_COLUMNS = (
    "id, scope_id, name, created_at, created_by, expires_at, state, resource, action,"
    " app_id, properties, on_failure, step_count, concurrency, stop_after,"
    " ignored_failures, ended_at, expires_in"
)

#: What may be absent, of what lists are sorted by.
_NULLABLE_SORT_COLUMNS = frozenset({"ended_at", "message", "resource"})


def order_by_term(column: str, *, descending: bool) -> str:
    """Return the SQL that sorts by *column*: what is absent comes first, or last."""
    direction = " DESC" if descending else ""
    nulls = f" NULLS {'LAST' if descending else 'FIRST'}"
    return f"{column}{direction}{nulls if column in _NULLABLE_SORT_COLUMNS else ''}"


def operation_from_row(row: Row) -> Operation:
    """Make an operation of the columns OPERATION."""
    return Operation(
        id=row[0],
        scope_id=row[1],
        device_id=row[2],
        task_id=row[3],
        created_at=row[4],
        created_by=row[5],
        descriptor=_label(row[6:10]),
        on_failure=OnFailure(row[10]),
        step_count=row[11],
        queued_steps=row[12],
        done_steps=row[13],
        failed_steps=row[14],
        unknown_steps=row[15],
        progress=row[16],
        status=OperationStatus(row[17]),
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
        *_label_row(operation.descriptor),
        operation.on_failure.value,
        operation.step_count,
        operation.queued_steps,
        operation.done_steps,
        operation.failed_steps,
        operation.unknown_steps,
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
    request = CommandRequest(
        order=order,
        resource=row[2],
        priority=row[9],
        guarantee=None if row[10] is None else DeliveryGuarantee(row[10]),
        max_attempts=row[11],
        response_timeout=row[12],
        expires_in=row[13],
        not_before=row[14],
        service_id=row[15],
    )
    return Step(owner_id=row[0], number=row[1], request=request)


def step_row(step: Step) -> Row:
    """Return the columns STEP."""
    request = step.request
    order = request.order
    return (
        step.owner_id,
        step.number,
        request.resource,
        order.verb,
        order.endpoint,
        order.body,
        order.content_type,
        order.query_string,
        order.metadata,
        request.priority,
        request.guarantee and request.guarantee.value,
        request.max_attempts,
        request.response_timeout,
        request.expires_in,
        request.not_before,
        request.service_id,
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
        status=OperationStatus(row[6]),
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
        descriptor=_label(row[7:11]),
        on_failure=OnFailure(row[11]),
        step_count=row[12],
        concurrency=row[13],
        stop_after=None if row[14] is None else FailureLimit.parse(row[14]),
        ignored_failures=row[15],
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
        *_label_row(task.descriptor),
        task.on_failure.value,
        task.step_count,
        task.concurrency,
        None if task.stop_after is None else str(task.stop_after),
        task.ignored_failures,
        task.ended_at,
        task.expires_in,
    )


def _label(row: Row) -> OperationDescriptor:
    return OperationDescriptor(
        resource=row[0],
        action=OperationAction(row[1]),
        app_id=row[2],
        properties=row[3],
    )


def _label_row(label: OperationDescriptor) -> Row:
    return (label.resource, label.action.value, label.app_id, label.properties)
