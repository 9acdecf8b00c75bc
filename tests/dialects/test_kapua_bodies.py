"""What Kapua's clients read, to the letter."""

import json
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.dialects.kapua import bodies, errors, lists
from pushserver.dialects.kapua.entity import format_date
from pushserver.dialects.kapua.ids import decode_id
from pushserver.model.actor import Actor
from pushserver.model.operation import (
    Notification,
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)

#: 2019-11-15T11:27:25Z
THEN = 1_573_817_245 * SECOND


def first_notification(**fields: Any) -> Notification:
    """Return the first notification of Kapua's page."""
    usual: dict[str, Any] = {
        "id": decode_id("RGoRWw9Pkhc"),
        "operation_id": decode_id("cjmXXKvLUY8"),
        "scope_id": 1,
        "created_at": THEN + 331_999,
        "created_by": 2,
        "sent_at": THEN + 267_000,
        "status": OperationStatus.RUNNING,
        "progress": 0,
        "resource": "download",
    }
    return Notification(**usual | fields)


#: As it is printed on Kapua's page.
PRINTED = """{
      "type": "managementOperationNotification",
      "id": "RGoRWw9Pkhc",
      "scopeId": "AQ",
      "createdOn": "2019-11-15T11:27:25.331Z",
      "createdBy": "Ag",
      "operationId": "cjmXXKvLUY8",
      "progress": 0,
      "resource": "download",
      "sentOn": "2019-11-15T11:27:25.267Z",
      "status": "RUNNING"
    }"""


def compact(text: str) -> str:
    """Return JSON without its spaces, its fields in their order."""
    return json.dumps(json.loads(text), separators=(",", ":"))


def test_notification() -> None:
    """A notification is what Kapua's page prints, field by field, in that order."""
    assert compact(PRINTED) == bodies.render_notification(first_notification()).decode()


def test_message() -> None:
    """A message is there where there is one, and what is absent is left out."""
    whole = json.loads(
        bodies.render_notification(first_notification(message="half", resource=None))
    )

    assert "half" == whole["message"]
    assert "resource" not in whole


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999, "1970-01-01T00:00:00.000Z"),
        (1_000, "1970-01-01T00:00:00.001Z"),
        (999_999, "1970-01-01T00:00:00.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (THEN + 120_000, "2019-11-15T11:27:25.120Z"),
    ],
)
def test_dates(instant: int, text: str) -> None:
    """A date has three digits of milliseconds, always, and is cut off."""
    assert text == format_date(instant)


def operation(**fields: Any) -> Operation:
    """Return an operation that has ended."""
    label = OperationDescriptor(
        resource="DOWNLOAD",
        action=OperationAction.EXECUTE,
        app_id="DEPLOY",
        properties='{"kapua.package.download.name": "heater", "é": ""}',
    )
    usual: dict[str, Any] = {
        "id": decode_id("cjmXXKvLUY8"),
        "scope_id": 1,
        "device_id": decode_id("Psx7WSjzxGU"),
        "created_at": THEN,
        "created_by": Actor(2, "two"),
        "modified_at": THEN + 3 * SECOND,
        "descriptor": label,
        "status": OperationStatus.COMPLETED,
        "started_at": THEN + SECOND,
        "ended_at": THEN + 2 * SECOND,
        "version": 3,
    }
    return Operation(**usual | fields)


def test_operation() -> None:
    """An operation has Kapua's fields, in the order of Kapua's description."""
    name = {"propertyType": "string"}
    expected = {
        "type": "deviceManagementOperation",
        "id": "cjmXXKvLUY8",
        "scopeId": "AQ",
        "createdOn": "2019-11-15T11:27:25.000Z",
        "createdBy": "Ag",
        "modifiedOn": "2019-11-15T11:27:28.000Z",
        "modifiedBy": "Ag",
        "optlock": 3,
        "action": "EXECUTE",
        "appId": "DEPLOY",
        "deviceId": "Psx7WSjzxGU",
        "endedOn": "2019-11-15T11:27:27.000Z",
        "operationId": "cjmXXKvLUY8",
        "operationProperties": [
            {"name": "kapua.package.download.name", **name, "propertyValue": "heater"},
            {"name": "é", **name, "propertyValue": ""},
        ],
        "resource": "DOWNLOAD",
        "startedOn": "2019-11-15T11:27:26.000Z",
        "status": "COMPLETED",
    }

    shown = json.loads(bodies.render_operation(operation()))

    assert (expected, list(expected)) == (shown, list(shown))


def test_operation_that_waits() -> None:
    """
    A waiting operation started when it was created, and has no end and no properties.
    """
    waits = operation(
        started_at=None,
        ended_at=None,
        descriptor=OperationDescriptor(resource="DOWNLOAD"),
    )

    shown = json.loads(bodies.render_operation(waits))

    assert "2019-11-15T11:27:25.000Z" == shown["startedOn"]
    assert [] == shown["operationProperties"]
    assert "endedOn" not in shown


def test_lists() -> None:
    """A list says its size and whether others follow; the total only if asked."""
    one, two = first_notification(), first_notification(progress=5)
    page = json.loads(bodies.render_notification_list([one, two], 1, None))
    whole = json.loads(bodies.render_notification_list([one, two], 2, 7))

    assert {
        "type": "managementOperationNotificationListResult",
        "limitExceeded": True,
        "size": 1,
        "items": [json.loads(PRINTED)],
    } == page
    assert ["type", "limitExceeded", "size", "items"] == list(page)
    assert (False, 2, 7) == (
        whole["limitExceeded"],
        whole["size"],
        whole["totalCount"],
    )


def test_list_of_operations() -> None:
    """A list of operations is called Kapua's name for it."""
    assert {
        "type": "deviceManagementOperationListResult",
        "limitExceeded": False,
        "size": 0,
        "items": [],
        "totalCount": 0,
    } == json.loads(bodies.render_operation_list([], 50, 0))


def test_count() -> None:
    """A count is one number."""
    assert b'{"count":3}' == lists.render_count(3)


def test_errors() -> None:
    """Errors have Kapua's names, and their status as a number."""
    assert [
        {
            "type": "exceptionInfo",
            "httpErrorCode": 503,
            "message": "m",
            "kapuaErrorCode": "UNAVAILABLE",
        },
        {
            "type": "illegalArgumentExceptionInfo",
            "httpErrorCode": 400,
            "message": "m",
            "kapuaErrorCode": "ILLEGAL_ARGUMENT",
            "argumentName": "limit",
            "argumentValue": "-1",
        },
        {
            "type": "subjectUnauthorizedExceptionInfo",
            "httpErrorCode": 403,
            "message": "m",
            "kapuaErrorCode": "SUBJECT_UNAUTHORIZED",
        },
        {
            "type": "entityNotFoundExceptionInfo",
            "httpErrorCode": 404,
            "message": "m",
            "kapuaErrorCode": "ENTITY_NOT_FOUND",
            "entityType": "t",
            "entityId": "AQ",
        },
    ] == [
        json.loads(body)
        for body in (
            errors.render_error(503, "m", "UNAVAILABLE"),
            errors.render_illegal_argument("m", "limit", "-1"),
            errors.render_subject_unauthorized("m"),
            errors.render_entity_not_found("m", "t", "AQ"),
        )
    ]
