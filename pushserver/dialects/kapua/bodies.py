"""Operations and their notifications, as Kapua's clients read them."""

from collections.abc import Sequence

import msgspec

from pushserver.dialects.kapua.entity import Body, format_date, to_json
from pushserver.dialects.kapua.ids import encode_id
from pushserver.dialects.kapua.lists import Page, render_page
from pushserver.model.operation import Notification, Operation

#: Entity names, as they appear in `type` and in errors.
NOTIFICATION = "managementOperationNotification"
OPERATION = "deviceManagementOperation"


class _Notification(Body, tag=NOTIFICATION, kw_only=True):
    id: str
    scope_id: str
    created_on: str
    created_by: str
    message: str | None = None
    operation_id: str
    progress: int
    resource: str | None = None
    sent_on: str
    status: str


class _Property(msgspec.Struct, rename="camel"):
    name: str
    property_type: str
    property_value: str


class _Operation(Body, tag=OPERATION, kw_only=True):
    id: str
    scope_id: str
    created_on: str
    created_by: str
    modified_on: str
    modified_by: str
    optlock: int
    action: str
    app_id: str
    device_id: str
    ended_on: str | None = None
    operation_id: str
    operation_properties: Sequence[_Property]
    resource: str
    started_on: str
    status: str


class _Notifications(
    Page[_Notification], tag=f"{NOTIFICATION}ListResult", kw_only=True
):
    """A page of notifications."""


class _Operations(Page[_Operation], tag=f"{OPERATION}ListResult", kw_only=True):
    """A page of operations."""


def render_notification(one: Notification) -> bytes:
    """Render one notification."""
    return to_json(_notification(one))


def render_notification_list(
    found: Sequence[Notification], limit: int, total: int | None
) -> bytes:
    """Render at most *limit* of *found*; if it holds more, there is a next page."""
    return render_page(_Notifications, _notification, found, limit, total)


def render_operation(one: Operation) -> bytes:
    """Render one operation."""
    return to_json(_operation(one))


def render_operation_list(
    found: Sequence[Operation], limit: int, total: int | None
) -> bytes:
    """Render at most *limit* of *found*; if it holds more, there is a next page."""
    return render_page(_Operations, _operation, found, limit, total)


def _notification(notification: Notification) -> _Notification:
    return _Notification(
        id=encode_id(notification.id),
        scope_id=encode_id(notification.scope_id),
        created_on=format_date(notification.created_at),
        created_by=encode_id(notification.created_by),
        message=notification.message,
        operation_id=encode_id(notification.operation_id),
        progress=notification.progress,
        resource=notification.resource,
        sent_on=format_date(notification.sent_at),
        status=notification.status.value,
    )


def _operation(operation: Operation) -> _Operation:
    operation_id, created_by = (
        encode_id(operation.id),
        encode_id(operation.created_by.token_id or 0),
    )
    started = (
        operation.created_at if operation.started_at is None else operation.started_at
    )
    return _Operation(
        id=operation_id,
        scope_id=encode_id(operation.scope_id),
        created_on=format_date(operation.created_at),
        created_by=created_by,
        modified_on=format_date(operation.modified_at),
        modified_by=created_by,
        optlock=operation.version,
        action=operation.descriptor.action.value,
        app_id=operation.descriptor.app_id,
        device_id=encode_id(operation.device_id),
        ended_on=None
        if operation.ended_at is None
        else format_date(operation.ended_at),
        operation_id=operation_id,
        operation_properties=_properties(operation.descriptor.properties),
        resource=operation.descriptor.resource,
        started_on=format_date(started),
        status=operation.status.value,
    )


def _properties(text: str | None) -> list[_Property]:
    pairs = msgspec.json.decode(text or "{}", type=dict[str, str])
    return [_Property(name, "string", value) for name, value in pairs.items()]
