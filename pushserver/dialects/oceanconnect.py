"""A device's shadow and its upgrades, as Huawei's OceanConnect pushes them.

Formats: IoT northbound API, "Pushing a Device Shadow Status Change Notification",
"Pushing a Software Upgrade Status Change Notification" and "Pushing a Software Upgrade
Result Notification": always every field of the pages, in the order of their
examples, as compact JSON: receivers search the raw text for `"notifyType":"…"`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from pushserver.clock import SECOND
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import (
    EventPayload,
    ShadowPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)

#: The `notifyType` of each event type that the platform knows.
NOTIFY_TYPES: Mapping[EventType, str] = MappingProxyType(
    {
        EventType.SHADOW_STATUS: "deviceDesiredPropertiesModifyStatusChanged",
        EventType.UPGRADE_STATE: "swUpgradeStateChangeNotify",
        EventType.UPGRADE_RESULT: "swUpgradeResultNotify",
    }
)

_encode = msgspec.json.Encoder().encode


def oceanconnect_body(
    event: Event, *, device_id: str, app_id: str, include_properties: bool = True
) -> bytes:
    """
    Return the body that announces *event*, whose type is one of NOTIFY_TYPES.

    With the values of a shadow only if *include_properties*.
    """
    fields = {
        "notifyType": NOTIFY_TYPES[event.type],
        "deviceId": device_id,
        **_payload_fields(event.payload, app_id),
    }
    if "properties" in fields and not include_properties:
        fields["properties"] = {}
    return _encode(fields)


def _payload_fields(payload: EventPayload, app_id: str) -> dict[str, Any]:
    match payload:
        case ShadowPayload():
            return _shadow(payload)
        case UpgradeStatePayload():
            return _state(payload, app_id)
        case UpgradeResultPayload():
            return _result(payload, app_id)
    raise TypeError(type(payload))


def _shadow(payload: ShadowPayload) -> dict[str, Any]:
    return {
        "serviceId": payload.service_id,
        "properties": payload.properties,
        "status": "DELIVERED" if payload.delivered else "FAILED",
    }


def _state(payload: UpgradeStatePayload, app_id: str) -> dict[str, Any]:
    return {
        **_id_fields(payload, app_id),
        "swUpgradeState": payload.state,
    }


def _result(payload: UpgradeResultPayload, app_id: str) -> dict[str, Any]:
    """Return the result's fields; `upgradeTime`, which has no unit, is in seconds."""
    return {
        **_id_fields(payload, app_id),
        "curVersion": payload.current_version,
        "targetVersion": payload.target_version,
        "sourceVersion": payload.source_version,
        "swUpgradeResult": "SUCCESS" if payload.success else "FAIL",
        "upgradeTime": payload.duration // SECOND,
        "resultDesc": payload.error or "The device has the target version.",
        "errorCode": payload.error_code,
        "description": payload.error,
    }


def _id_fields(
    payload: UpgradeStatePayload | UpgradeResultPayload, app_id: str
) -> dict[str, str]:
    return {
        "appId": app_id,
        "operationId": str(payload.task_id),
        "subOperationId": str(payload.operation_id),
    }
