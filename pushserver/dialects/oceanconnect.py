"""A device's shadow and its upgrades, as Huawei's OceanConnect pushes them.

Formats: IoT northbound API, "Pushing a Device Shadow Status Change Notification",
"Pushing a Software Upgrade Status Change Notification" and "Pushing a Software Upgrade
Result Notification": always every field of the pages, in the order of their
examples, as compact JSON: receivers search the raw text for `"notifyType":"…"`.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from pushserver.clock import SECOND
from pushserver.dialects.oceanconnect_types import (
    DeviceDesiredPropertiesModifyStatusChanged,
    Notify,
    SwUpgradeResultNotify,
    SwUpgradeStateChangeNotify,
)
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import (
    EventPayload,
    ShadowPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.upgrade import DeviceUpgradeState

#: The `notifyType` of each event type that the platform knows.
NOTIFY_TYPES: Mapping[EventType, str] = MappingProxyType(
    {
        EventType.SHADOW_STATUS: "deviceDesiredPropertiesModifyStatusChanged",
        EventType.UPGRADE_STATE: "swUpgradeStateChangeNotify",
        EventType.UPGRADE_RESULT: "swUpgradeResultNotify",
    }
)

#: The body of each of them.
NOTIFY_BODIES: Mapping[EventType, type[Notify]] = MappingProxyType(
    {
        EventType.SHADOW_STATUS: DeviceDesiredPropertiesModifyStatusChanged,
        EventType.UPGRADE_STATE: SwUpgradeStateChangeNotify,
        EventType.UPGRADE_RESULT: SwUpgradeResultNotify,
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
    common = {"notify_type": NOTIFY_TYPES[event.type], "device_id": device_id}
    body = _notify(event.payload, common, app_id)
    if (
        isinstance(body, DeviceDesiredPropertiesModifyStatusChanged)
        and not include_properties
    ):
        body = msgspec.structs.replace(body, properties=msgspec.Raw(b"{}"))
    return _encode(body)


def _notify(payload: EventPayload, common: Mapping[str, str], app_id: str) -> Notify:
    match payload:
        case ShadowPayload():
            return DeviceDesiredPropertiesModifyStatusChanged(
                **common,
                service_id=payload.service_id,
                properties=payload.properties,
                status="DELIVERED" if payload.delivered else "FAILED",
            )
        case UpgradeStatePayload():
            return SwUpgradeStateChangeNotify(
                **common,
                **_id_fields(payload, app_id),
                sw_upgrade_state=DeviceUpgradeState(payload.state),
            )
        case UpgradeResultPayload():
            return _result(payload, {**common, **_id_fields(payload, app_id)})
    raise TypeError(type(payload))


def _result(
    payload: UpgradeResultPayload, common: Mapping[str, str]
) -> SwUpgradeResultNotify:
    """Return the result's fields; `upgradeTime`, which has no unit, is in seconds."""
    return SwUpgradeResultNotify(
        **common,
        cur_version=payload.current_version,
        target_version=payload.target_version,
        source_version=payload.source_version,
        sw_upgrade_result="SUCCESS" if payload.success else "FAIL",
        upgrade_time=payload.duration // SECOND,
        result_desc=payload.error or "The device has the target version.",
        error_code=payload.error_code,
        description=payload.error,
    )


def _id_fields(
    payload: UpgradeStatePayload | UpgradeResultPayload, app_id: str
) -> dict[str, str]:
    return {
        "app_id": app_id,
        "operation_id": str(payload.task_id),
        "sub_operation_id": str(payload.operation_id),
    }
