"""Upgrades and device upgrades as rows."""

from collections.abc import Mapping
from typing import Any

from pushserver.model.upgrade import DeviceUpgrade, DeviceUpgradeState, Upgrade
from pushserver.storage.table import FLAG, Column, Table, enum_codec


def _upgrade(id: int, scope_id: int, **terms: Any) -> Upgrade:  # noqa: A002, ARG001 - the task has them
    return Upgrade(**terms)


def _progress(id: int, **fields: Any) -> Mapping[str, Any]:  # noqa: A002, ARG001 - the operation has it
    return fields


#: Written from an `UpgradeRecord`, read as an `Upgrade`.
UPGRADES = Table(
    "upgrade",
    _upgrade,
    [
        Column("task_id", "task.id"),
        Column("scope_id", "task.scope_id"),
        Column("target_version", "upgrade.target_version"),
        Column("version_pointer", "upgrade.version_pointer"),
        Column("download_steps", "upgrade.download_steps"),
        Column("apply_steps", "upgrade.apply_steps"),
        Column("max_retries", "upgrade.max_retries"),
        Column("apply_timeout", "upgrade.apply_timeout"),
    ],
)
#: Written from an operation with a `device_upgrade`, read as a dict of its fields.
DEVICE_UPGRADES = Table(
    "device_upgrade",
    _progress,
    [
        Column("operation_id", "id"),
        Column("state", "device_upgrade.state", enum_codec(DeviceUpgradeState)),
        Column("source_version", "device_upgrade.source_version"),
        Column("current_version", "device_upgrade.current_version"),
        Column("apply_unanswered", "device_upgrade.is_apply_unanswered", FLAG),
        Column("retries_used", "device_upgrade.retries_used"),
        Column("updating_at", "device_upgrade.updating_at"),
        Column("error_code", "device_upgrade.error_code"),
        Column("error", "device_upgrade.error"),
    ],
)


def read_device_upgrade(
    upgrade: Upgrade, progress: Mapping[str, Any] | None
) -> DeviceUpgrade:
    """Return a device upgrade; before the first step it has no row."""
    return DeviceUpgrade(upgrade=upgrade, **(progress or {}))
