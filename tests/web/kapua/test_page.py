"""The five calls of Kapua's page, to the letter."""

import json
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.kapua.client import (
    KapuaClient,
    KapuaOperation,
    create_operation,
    kapua_id,
)
from tests.web.local_server import running_server

#: What the page prints for a list, but for ids and times.
PRINTED = """{
  "type": "managementOperationNotificationListResult",
  "limitExceeded": false,
  "size": 2,
  "items": [
    {
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
    },
    {
      "type": "managementOperationNotification",
      "id": "f1Hu1T8iIRw",
      "scopeId": "AQ",
      "createdOn": "2019-11-15T11:27:32.331Z",
      "createdBy": "Ag",
      "operationId": "cjmXXKvLUY8",
      "progress": 5,
      "resource": "download",
      "sentOn": "2019-11-15T11:27:32.277Z",
      "status": "RUNNING"
    }
  ]
}"""
BODY = {"offset": 0, "limit": 50}


@pytest.fixture(name="notification_ids")
async def _notification_ids(operation: KapuaOperation) -> list[str]:
    """Return the ids of the page's two notifications: a download at 0, then 5."""
    return [await operation.post_notification(0), await operation.post_notification(5)]


@pytest.fixture(name="expected")
def _expected(operation: KapuaOperation, notification_ids: list[str]) -> str:
    """Return what the page prints, with the ids and times that are ours."""
    text = json.dumps(json.loads(PRINTED), separators=(",", ":"))
    for theirs, ours in (
        ("RGoRWw9Pkhc", notification_ids[0]),
        ("f1Hu1T8iIRw", notification_ids[1]),
        ("cjmXXKvLUY8", operation.id),
        ("2019-11-15T11:27:25.331Z", "2026-01-01T00:00:02.000Z"),
        ("2019-11-15T11:27:25.267Z", "2026-01-01T00:00:01.937Z"),
        ("2019-11-15T11:27:32.331Z", "2026-01-01T00:00:03.000Z"),
        ("2019-11-15T11:27:32.277Z", "2026-01-01T00:00:02.937Z"),
    ):
        text = text.replace(theirs, ours)
    return text


async def test_list(
    kapua: KapuaClient, operation: KapuaOperation, expected: str
) -> None:
    """All notifications of an operation are listed as the page prints them."""
    answer = await kapua.request("GET", operation.notifications)

    assert (200, expected) == (answer.status, answer.body.decode())


async def test_query(
    kapua: KapuaClient, operation: KapuaOperation, expected: str
) -> None:
    """The page's body finds the same list."""
    answer = await kapua.request("POST", f"{operation.notifications}/_query", BODY)

    assert (200, expected) == (answer.status, answer.body.decode())


async def test_one(
    kapua: KapuaClient,
    operation: KapuaOperation,
    notification_ids: list[str],
    expected: str,
) -> None:
    """One notification is as it is in the list."""
    items: list[Any] = json.loads(expected)["items"]

    for one, item in zip(notification_ids, items, strict=True):
        assert item == await kapua.get(f"{operation.notifications}/{one}")


async def test_count(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """The page's body counts them, whatever page it asks for."""
    for body in (BODY, {"offset": 7, "limit": 1}, {}):
        answer = await kapua.request("POST", f"{operation.notifications}/_count", body)
        assert (200, b'{"count":2}') == (answer.status, answer.body)
    assert 2 == len(notification_ids)


async def test_delete(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """A notification is deleted with an empty 200, once."""
    answer = await kapua.request(
        "DELETE", f"{operation.notifications}/{notification_ids[0]}"
    )

    assert (200, b"") == (answer.status, answer.body)
    assert notification_ids[1:] == await kapua.ids(operation.notifications)
    again = await kapua.error(
        "DELETE", f"{operation.notifications}/{notification_ids[0]}"
    )
    assert "ENTITY_NOT_FOUND" == again["kapuaErrorCode"]


async def test_delete_as_newer_ones(database: str, clock: ManualClock) -> None:
    """A setting lets DELETE answer 204, as newer releases of Kapua do."""
    async with running_server(database, clock, kapua_delete_status=204) as newer:
        kapua = KapuaClient(newer)
        operation = await create_operation(newer)
        one = await operation.post_notification(0)
        answers = [
            await kapua.request("DELETE", path)
            for path in (f"{operation.notifications}/{one}", operation.path)
        ]

    assert [(204, b"")] * 2 == [(each.status, each.body) for each in answers]


async def test_own_scope(
    kapua: KapuaClient, operation: KapuaOperation, notification_ids: list[str]
) -> None:
    """An underscore stands for the caller's scope, also where the id is padded."""
    for scope in ("_", "AQ", "AQ==", "%41Q"):
        path = operation.notifications.replace("/AQ/", f"/{scope}/")
        assert notification_ids == await kapua.ids(path)


async def test_device_of_the_terminal(
    kapua: KapuaClient, operation: KapuaOperation
) -> None:
    """A device's Kapua id is its deviceId, encoded."""
    shown = await kapua.get(operation.path)

    assert kapua_id(operation.device) == shown["deviceId"] == "D6nIAAN2xg"
