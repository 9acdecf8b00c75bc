"""What Kapua's clients read: entities, lists and counts."""

from collections.abc import Sequence

import msgspec

from pushserver.clock import rfc3339
from pushserver.dialects.kapua.ids import encode as encode_id
from pushserver.model.operation import Notification, Operation
from pushserver.model.token import Token

#: The names of the entities, in `type` and in errors.
NOTIFICATION = "managementOperationNotification"
OPERATION = "deviceManagementOperation"

_to_json = msgspec.json.Encoder().encode


class _Body(
    msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True, tag_field="type"
):
    """Begins with its type; what is absent is left out."""


class _Notification(_Body, tag=NOTIFICATION, kw_only=True):
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


class _Operation(_Body, tag=OPERATION, kw_only=True):
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


class _Notifications(_Body, tag=f"{NOTIFICATION}ListResult", kw_only=True):
    limit_exceeded: bool
    size: int
    items: Sequence[_Notification]
    total_count: int | None = None


class _Operations(_Body, tag=f"{OPERATION}ListResult", kw_only=True):
    limit_exceeded: bool
    size: int
    items: Sequence[_Operation]
    total_count: int | None = None


class _Count(msgspec.Struct):
    count: int


class _AccessToken(_Body, tag="accessToken", kw_only=True):
    id: str
    scope_id: str
    created_on: str
    created_by: str
    modified_on: str
    modified_by: str
    token_id: str
    user_id: str


def date(instant: int) -> str:
    """Return an instant in UTC with three digits of milliseconds, cut off."""
    return rfc3339(instant)[:-4] + "Z"


def notification(one: Notification) -> bytes:
    """Render one notification."""
    return _to_json(_notification(one))


def notifications(
    found: Sequence[Notification], limit: int, total: int | None
) -> bytes:
    """Render *found*, at most *limit* of it: one more tells that others follow."""
    items = [_notification(one) for one in found[:limit]]
    more = len(found) > limit
    page = _Notifications(
        limit_exceeded=more, size=len(items), items=items, total_count=total
    )
    return _to_json(page)


def operation(one: Operation) -> bytes:
    """Render one operation."""
    return _to_json(_operation(one))


def operations(found: Sequence[Operation], limit: int, total: int | None) -> bytes:
    """Render *found*, at most *limit* of it: one more tells that others follow."""
    items = [_operation(one) for one in found[:limit]]
    more = len(found) > limit
    page = _Operations(
        limit_exceeded=more, size=len(items), items=items, total_count=total
    )
    return _to_json(page)


def count(number: int) -> bytes:
    """Render a count."""
    return _to_json(_Count(number))


def access_token(token: Token, secret: str) -> bytes:
    """Render a token as the session that Kapua's clients ask for; it has no expiry."""
    own, created = encode_id(token.id), date(token.created_at)
    session = _AccessToken(
        id=own,
        scope_id=encode_id(token.scope_id),
        created_on=created,
        created_by=own,
        modified_on=created,
        modified_by=own,
        token_id=secret,
        user_id=own,
    )
    return _to_json(session)


def _notification(one: Notification) -> _Notification:
    return _Notification(
        id=encode_id(one.id),
        scope_id=encode_id(one.scope_id),
        created_on=date(one.created_at),
        created_by=encode_id(one.created_by),
        message=one.message,
        operation_id=encode_id(one.operation_id),
        progress=one.progress,
        resource=one.resource,
        sent_on=date(one.sent_at),
        status=one.status.value,
    )


def _operation(one: Operation) -> _Operation:
    own, created_by = encode_id(one.id), encode_id(one.created_by)
    started = one.created_at if one.started_at is None else one.started_at
    return _Operation(
        id=own,
        scope_id=encode_id(one.scope_id),
        created_on=date(one.created_at),
        created_by=created_by,
        modified_on=date(one.modified_at),
        modified_by=created_by,
        optlock=one.version,
        action=one.label.action.value,
        app_id=one.label.app_id,
        device_id=encode_id(one.device_id),
        ended_on=None if one.ended_at is None else date(one.ended_at),
        operation_id=own,
        operation_properties=_properties(one.label.properties),
        resource=one.label.resource,
        started_on=date(started),
        status=one.status.value,
    )


def _properties(text: str | None) -> list[_Property]:
    pairs = msgspec.json.decode(text or "{}", type=dict[str, str])
    return [_Property(name, "string", value) for name, value in pairs.items()]
