"""What OceanConnect pushes, as types: the fields of its pages, in their order."""

from typing import Literal

import msgspec

from pushserver.dialects.wire_types import RawObject
from pushserver.model.upgrade import DeviceUpgradeState


class Notify(msgspec.Struct, rename="camel", kw_only=True):
    """Base of everything that the platform pushes."""

    notify_type: str
    """What this is about."""
    device_id: str
    """The device."""


class DeviceDesiredPropertiesModifyStatusChanged(Notify, kw_only=True):
    """A service whose desired properties were delivered, or failed."""

    service_id: str
    """The service."""
    properties: RawObject
    """The desired properties, by name."""
    status: Literal["DELIVERED", "FAILED"]
    """What came of writing them."""


class UpgradeNotify(Notify, kw_only=True):
    """Base of what the platform pushes of upgrades."""

    app_id: str
    """The subscription's `appId`."""
    operation_id: str
    """The upgrade's id."""
    sub_operation_id: str
    """The operation on this device."""


class SwUpgradeStateChangeNotify(UpgradeNotify, kw_only=True):
    """A device upgrade that changed its state."""

    sw_upgrade_state: DeviceUpgradeState
    """Where the device is now."""


class SwUpgradeResultNotify(UpgradeNotify, kw_only=True):
    """How a device upgrade ended."""

    cur_version: str
    """What the device reported last."""
    target_version: str
    """The version that it should report."""
    source_version: str
    """What it reported before."""
    sw_upgrade_result: Literal["SUCCESS", "FAIL"]
    """How it ended."""
    upgrade_time: int
    """Seconds since the first command."""
    result_desc: str
    """How it ended, in words."""
    error_code: str
    """The error's code; empty after a success."""
    description: str
    """What went wrong; empty after a success."""
