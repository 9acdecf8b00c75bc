"""Upgrades as Huawei's OceanConnect pushes them, key by key; and in our own form."""

import json

import pytest

from pushserver.clock import SECOND
from pushserver.dialects.native import native_body
from pushserver.dialects.oceanconnect import oceanconnect_body
from pushserver.model.event import EventType
from pushserver.model.event_payload import UpgradeResultPayload, UpgradeStatePayload
from pushserver.model.upgrade import DeviceUpgradeState
from tests.dialects.events import OPERATION, event
from tests.model.factories import DEVICE

TASK = 265_000_000_000_000_007
#: Northbound API, "Pushing a Software Upgrade Status Change Notification".
STATE_PAGE = """{
"notifyType":"swUpgradeStateChangeNotify",
"deviceId":"******",
"appId":"***********",
"operationId":"***********",
"subOperationId":"***********",
"swUpgradeState":"downloading"
}"""
#: "Pushing a Software Upgrade Result Notification": its fields, in order.
RESULT_PAGE = [
    *("notifyType", "deviceId", "appId", "operationId", "subOperationId"),
    *("curVersion", "targetVersion", "sourceVersion", "swUpgradeResult"),
    *("upgradeTime", "resultDesc", "errorCode", "description"),
]


def state(name: str) -> bytes:
    """Return the body of a state notification."""
    payload = UpgradeStatePayload(TASK, OPERATION, name)
    return oceanconnect_body(
        event(EventType.UPGRADE_STATE, payload), device_id=str(DEVICE), app_id="the-app"
    )


def result_payload(*, success: bool) -> UpgradeResultPayload:
    """Return a result, after 61.9 seconds."""
    words = {} if success else {"error_code": "17", "error": "Step 2: disk full"}
    return UpgradeResultPayload(
        task_id=TASK,
        operation_id=OPERATION,
        success=success,
        target_version="2.0",
        source_version="1.0",
        current_version="2.0" if success else "1.0",
        duration=61_900_000,
        **words,
    )


def result(*, success: bool) -> bytes:
    """Return the body of a result notification."""
    about = event(EventType.UPGRADE_RESULT, result_payload(success=success))
    return oceanconnect_body(about, device_id=str(DEVICE), app_id="the-app")


def test_the_page_of_states() -> None:
    """The body has the keys of the page's example, no other, in their order."""
    body = json.loads(state("downloading"))

    assert list(json.loads(STATE_PAGE)) == list(body)
    assert {
        "notifyType": "swUpgradeStateChangeNotify",
        "deviceId": str(DEVICE),
        "appId": "the-app",
        "operationId": str(TASK),
        "subOperationId": str(OPERATION),
        "swUpgradeState": "downloading",
    } == body


@pytest.mark.parametrize("name", DeviceUpgradeState)
def test_every_state(name: DeviceUpgradeState) -> None:
    """Each state has the platform's word for it, in compact JSON."""
    body = state(name)

    assert f'"swUpgradeState":"{name.value}"}}'.encode() in body
    assert b'"notifyType":"swUpgradeStateChangeNotify"' in body
    assert b" " not in body


def test_the_page_of_results() -> None:
    """A success has every field, none empty but those of an error."""
    body = json.loads(result(success=True))

    assert RESULT_PAGE == list(body)
    assert {
        "notifyType": "swUpgradeResultNotify",
        "deviceId": str(DEVICE),
        "appId": "the-app",
        "operationId": str(TASK),
        "subOperationId": str(OPERATION),
        "curVersion": "2.0",
        "targetVersion": "2.0",
        "sourceVersion": "1.0",
        "swUpgradeResult": "SUCCESS",
        "upgradeTime": 61,
        "resultDesc": "The device has the target version.",
        "errorCode": "",
        "description": "",
    } == body


def test_failure() -> None:
    """A failure says why, with its code."""
    body = result(success=False)
    payload = json.loads(body)

    assert RESULT_PAGE == list(payload)
    assert ("FAIL", "17") == (payload["swUpgradeResult"], payload["errorCode"])
    assert ["Step 2: disk full"] * 2 == [payload["resultDesc"], payload["description"]]
    assert b'"notifyType":"swUpgradeResultNotify"' in body


def test_our_own_form() -> None:
    """The native format sends the same in our words; seconds are exact."""
    about = event(EventType.UPGRADE_RESULT, result_payload(success=False))
    payload = json.loads(
        native_body(about, None, device_id=str(DEVICE), include_result=False)
    )["data"]

    assert {
        "upgradeId": str(TASK),
        "operationId": str(OPERATION),
        "deviceId": str(DEVICE),
        "result": "FAIL",
        "targetVersion": "2.0",
        "sourceVersion": "1.0",
        "currentVersion": "1.0",
        "duration": 61_900_000 / SECOND,
        "errorCode": "17",
        "error": "Step 2: disk full",
    } == payload
