"""Operations, their steps and their notifications as rows."""

from typing import Any

from pushserver.model.command_request import CommandRequest, Step
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.operation import (
    Notification,
    OnFailure,
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.model.order import Order
from pushserver.storage.actor_rows import (
    actor_columns,
    request_columns,
    take_actors,
    take_request,
)
from pushserver.storage.command_rows import ORDERS
from pushserver.storage.table import FLAG, Column, Table, enum_codec

DESCRIPTOR_COLUMNS = [
    Column("resource", "descriptor.resource"),
    Column("action", "descriptor.action", enum_codec(OperationAction)),
    Column("app_id", "descriptor.app_id"),
    Column("properties", "descriptor.properties"),
]


def read_descriptor(fields: dict[str, Any]) -> OperationDescriptor:
    """Take the descriptor's fields out of *fields*, and return it."""
    return OperationDescriptor(
        **{each.argument: fields.pop(each.argument) for each in DESCRIPTOR_COLUMNS}
    )


def _stored_operation(**fields: Any) -> Operation:
    take_actors(fields, "created_by", "canceled_by")
    take_request(fields, "created_by")
    return Operation(descriptor=read_descriptor(fields), stored=True, **fields)


def _step(owner_id: int, number: int, **fields: Any) -> Step:
    order = Order(
        **{each.argument: fields.pop(each.argument) for each in ORDERS.columns}
    )
    return Step(
        owner_id=owner_id,
        number=number,
        request=CommandRequest(order=order, **fields),
    )


OPERATIONS = Table(
    "operation",
    _stored_operation,
    [
        "id, scope_id, device_id, task_id, created_at",
        *actor_columns("created_by"),
        *DESCRIPTOR_COLUMNS,
        Column("on_failure", codec=enum_codec(OnFailure)),
        "step_count, queued_steps, done_steps, failed_steps, unknown_steps, progress",
        Column("status", codec=enum_codec(OperationStatus)),
        Column("canceled", codec=FLAG),
        Column("retried", codec=FLAG),
        "started_at, ended_at, modified_at, version",
        *actor_columns("canceled_by"),
        *request_columns("created_by"),
    ],
)
STEPS = Table(
    "step",
    _step,
    [
        "owner_id, number",
        *(Column(each.name, f"request.order.{each.field}") for each in ORDERS.columns),
        Column("resource", "request.resource"),
        Column("priority", "request.priority"),
        Column("guarantee", "request.guarantee", enum_codec(DeliveryGuarantee)),
        Column("max_attempts", "request.max_attempts"),
        Column("response_timeout", "request.response_timeout"),
        Column("expires_in", "request.expires_in"),
        Column("not_before", "request.not_before"),
        Column("service_id", "request.service_id"),
    ],
)
NOTIFICATIONS = Table(
    "notification",
    Notification,
    [
        "id, operation_id, scope_id, created_at, created_by, sent_at",
        Column("status", codec=enum_codec(OperationStatus)),
        "resource, progress, message",
    ],
)
