"""The five calls of Kapua's page, to the letter."""

import json
from typing import Any

import pytest

from tests.clock import ManualClock
from tests.web.kapua.client import Kapua, Work, begin, kapua_id
from tests.web.site import standing

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


@pytest.fixture(name="told")
async def _told(work: Work) -> list[str]:
    """Return the ids of the page's two notifications: a download at 0, then 5."""
    return [await work.tell(0), await work.tell(5)]


@pytest.fixture(name="expected")
def _expected(work: Work, told: list[str]) -> str:
    """Return what the page prints, with the ids and times that are ours."""
    text = json.dumps(json.loads(PRINTED), separators=(",", ":"))
    for theirs, ours in (
        ("RGoRWw9Pkhc", told[0]),
        ("f1Hu1T8iIRw", told[1]),
        ("cjmXXKvLUY8", work.id),
        ("2019-11-15T11:27:25.331Z", "2026-01-01T00:00:02.000Z"),
        ("2019-11-15T11:27:25.267Z", "2026-01-01T00:00:01.937Z"),
        ("2019-11-15T11:27:32.331Z", "2026-01-01T00:00:03.000Z"),
        ("2019-11-15T11:27:32.277Z", "2026-01-01T00:00:02.937Z"),
    ):
        text = text.replace(theirs, ours)
    return text


async def test_list(kapua: Kapua, work: Work, expected: str) -> None:
    """All notifications of an operation are listed as the page prints them."""
    answer = await kapua.ask("GET", work.notifications)

    assert (200, expected) == (answer.status, answer.body.decode())


async def test_query(kapua: Kapua, work: Work, expected: str) -> None:
    """The page's body finds the same list."""
    answer = await kapua.ask("POST", f"{work.notifications}/_query", BODY)

    assert (200, expected) == (answer.status, answer.body.decode())


async def test_one(kapua: Kapua, work: Work, told: list[str], expected: str) -> None:
    """One notification is as it is in the list."""
    items: list[Any] = json.loads(expected)["items"]

    for one, item in zip(told, items, strict=True):
        assert item == await kapua.get(f"{work.notifications}/{one}")


async def test_count(kapua: Kapua, work: Work, told: list[str]) -> None:
    """The page's body counts them, whatever page it asks for."""
    for body in (BODY, {"offset": 7, "limit": 1}, {}):
        answer = await kapua.ask("POST", f"{work.notifications}/_count", body)
        assert (200, b'{"count":2}') == (answer.status, answer.body)
    assert 2 == len(told)


async def test_delete(kapua: Kapua, work: Work, told: list[str]) -> None:
    """A notification is deleted with an empty 200, once."""
    answer = await kapua.ask("DELETE", f"{work.notifications}/{told[0]}")

    assert (200, b"") == (answer.status, answer.body)
    assert told[1:] == await kapua.ids(work.notifications)
    again = await kapua.error("DELETE", f"{work.notifications}/{told[0]}")
    assert "ENTITY_NOT_FOUND" == again["kapuaErrorCode"]


async def test_delete_as_newer_ones(database: str, clock: ManualClock) -> None:
    """A setting lets DELETE answer 204, as newer releases of Kapua do."""
    async with standing(database, clock, kapua_delete_status=204) as newer:
        kapua = Kapua(newer)
        work = await begin(newer)
        one = await work.tell(0)
        answers = [
            await kapua.ask("DELETE", path)
            for path in (f"{work.notifications}/{one}", work.path)
        ]

    assert [(204, b"")] * 2 == [(each.status, each.body) for each in answers]


async def test_own_scope(kapua: Kapua, work: Work, told: list[str]) -> None:
    """An underscore stands for the caller's scope, also where the id is padded."""
    for scope in ("_", "AQ", "AQ==", "%41Q"):
        path = work.notifications.replace("/AQ/", f"/{scope}/")
        assert told == await kapua.ids(path)


async def test_device_of_the_terminal(kapua: Kapua, work: Work) -> None:
    """A device's Kapua id is its deviceId, encoded."""
    shown = await kapua.get(work.path)

    assert kapua_id(work.device) == shown["deviceId"] == "D6nIAAN2xg"
