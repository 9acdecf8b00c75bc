"""What is posted to subscriptions is what the API's description says."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import Raw
from openapi_schema_validator import OAS31Validator

from pushserver.dialects.iotda import iotda_body
from pushserver.dialects.native import native_body, ping_body
from pushserver.dialects.oceanconnect import NOTIFY_TYPES, oceanconnect_body
from pushserver.dialects.samples import SAMPLE_RESULT, sample_event
from pushserver.model.event import PAYLOAD_TYPES, EventType
from pushserver.model.event_payload import (
    CommandPayload,
    DevicePayload,
    EventPayload,
    OperationPayload,
    ResultPayload,
    ShadowPayload,
    TaskPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.state import CommandState
from tests.clock import START
from tests.dialects.events import event
from tests.web.api.test_openapi import DOCUMENT

PAYLOADS: Mapping[type[EventPayload], EventPayload] = {
    CommandPayload: CommandPayload(
        command_id=3,
        sequence=1,
        state=CommandState.SENT,
        endpoint="reboot",
        created_at=START,
        sent_at=START,
    ),
    OperationPayload: OperationPayload(
        operation_id=5, status="RUNNING", progress=50, resource="users"
    ),
    TaskPayload: TaskPayload(
        task_id=9, state="COMPLETED", completed=1, failed=0, stale=0
    ),
    DevicePayload: DevicePayload(last_seen_at=START, address="192.0.2.7"),
    ResultPayload: ResultPayload(result_id=7),
    ShadowPayload: ShadowPayload(
        service_id="general",
        properties=Raw(b'{"language":"en_US"}'),
        delivered=True,
        version=2,
        command_id=3,
    ),
    UpgradeStatePayload: UpgradeStatePayload(
        task_id=9, operation_id=5, state="downloading"
    ),
    UpgradeResultPayload: UpgradeResultPayload(
        task_id=9, operation_id=5, success=True, target_version="2.0", duration=1_500
    ),
}


def validate(webhook: str, body: bytes) -> None:
    """Compare a body with its description, which knows each of its fields."""
    operation = DOCUMENT["webhooks"][webhook]["post"]
    schema: Any = operation["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    decoded = json.loads(body)
    OAS31Validator({**schema, "components": DOCUMENT["components"]}).validate(decoded)
    assert set(decoded) <= set(DOCUMENT["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize("event_type", EventType)
def test_native(event_type: EventType) -> None:
    """
    Every event in the server's own form is as described.
    """
    one_event = event(event_type, PAYLOADS[PAYLOAD_TYPES[event_type]])

    validate(
        event_type,
        native_body(one_event, None, device_id="478435", include_result=False),
    )


def test_ping() -> None:
    """
    A ping is as described.
    """
    validate("ping", ping_body(8, START))


def test_iotda() -> None:
    """
    A command's status for IoTDA is as described.
    """
    body = iotda_body(
        sample_event(EventType.COMMAND_STATUS, START),
        device_id="478435",
        app_id="1",
        tags={"product_id": "p", "site": "north"},
        parsed_result=SAMPLE_RESULT,
        resource_name=None,
    )

    validate("iotda.command.status", body)


@pytest.mark.parametrize("event_type", NOTIFY_TYPES)
def test_oceanconnect(event_type: EventType) -> None:
    """
    Every event for OceanConnect is as described.
    """
    one_event = sample_event(event_type, START)

    body = oceanconnect_body(one_event, device_id="478435", app_id="1")
    validate(f"oceanconnect.{event_type}", body)
