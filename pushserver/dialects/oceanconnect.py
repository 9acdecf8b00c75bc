"""A device's shadow and its upgrades, as Huawei's OceanConnect pushes them.

Formats: IoT northbound API, "Pushing a Device Shadow Status Change Notification",
"Pushing a Software Upgrade Status Change Notification" and "Pushing a Software Upgrade
Result Notification": exactly the pages' fields in the order of their examples, all of
them always, compact: receivers look for `"notifyType":"…"` in the raw text.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from pushserver.clock import SECOND
from pushserver.model.event import (
    Event,
    EventType,
    ShadowTold,
    UpgradeResultTold,
    UpgradeStateTold,
)

#: What the platform calls each kind of event: its `notifyType`.
NOTIFY_TYPES: Mapping[EventType, str] = MappingProxyType(
    {
        EventType.SHADOW_STATUS: "deviceDesiredPropertiesModifyStatusChanged",
        EventType.UPGRADE_STATE: "swUpgradeStateChangeNotify",
        EventType.UPGRADE_RESULT: "swUpgradeResultNotify",
    }
)

_encode = msgspec.json.Encoder().encode
_shadow_told = msgspec.json.Decoder(ShadowTold).decode
_state_told = msgspec.json.Decoder(UpgradeStateTold).decode
_result_told = msgspec.json.Decoder(UpgradeResultTold).decode


def oceanconnect_body(event: Event, *, app_id: str) -> bytes:
    """Return the body that tells of *event*, which is of one of NOTIFY_TYPES."""
    fields = {
        "notifyType": NOTIFY_TYPES[event.type],
        "deviceId": str(event.device_id),
        **_FIELDS[event.type](event.data, app_id),
    }
    return _encode(fields)


def _shadow(data: bytes, _app_id: str) -> dict[str, Any]:
    told = _shadow_told(data)
    return {
        "serviceId": told.service_id,
        "properties": told.properties,
        "status": "DELIVERED" if told.delivered else "FAILED",
    }


def _state(data: bytes, app_id: str) -> dict[str, Any]:
    told = _state_told(data)
    return {
        **_part(told, app_id),
        "swUpgradeState": told.state,
    }


def _result(data: bytes, app_id: str) -> dict[str, Any]:
    """The page's `upgradeTime` is a number without a unit: whole seconds here."""
    told = _result_told(data)
    return {
        **_part(told, app_id),
        "curVersion": told.current_version,
        "targetVersion": told.target_version,
        "sourceVersion": told.source_version,
        "swUpgradeResult": "SUCCESS" if told.success else "FAIL",
        "upgradeTime": told.duration // SECOND,
        "resultDesc": told.error or "The device has the target version.",
        "errorCode": told.error_code,
        "description": told.error,
    }


def _part(told: UpgradeStateTold | UpgradeResultTold, app_id: str) -> dict[str, str]:
    return {
        "appId": app_id,
        "operationId": str(told.task_id),
        "subOperationId": str(told.operation_id),
    }


_FIELDS: Mapping[EventType, Callable[[bytes, str], dict[str, Any]]] = MappingProxyType(
    {
        EventType.SHADOW_STATUS: _shadow,
        EventType.UPGRADE_STATE: _state,
        EventType.UPGRADE_RESULT: _result,
    }
)
