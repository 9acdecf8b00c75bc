"""Rows and values of upgrades and their parts, for every store."""

from pushserver.model.operation import Operation
from pushserver.model.task import Task
from pushserver.model.upgrade import DeviceUpgrade, DeviceUpgradeState, Upgrade
from pushserver.storage.rows import Row

UPGRADE_COLUMNS = (
    "target_version, version_pointer, download_steps, apply_steps, max_retries,"
    " apply_timeout"
)
UPGRADE_INSERT_COLUMNS = f"task_id, scope_id, {UPGRADE_COLUMNS}"
DEVICE_UPGRADE_COLUMNS = (
    "state, source_version, current_version, apply_unanswered, retries_used,"
    " updating_at, error_code, error"
)
DEVICE_UPGRADE_INSERT_COLUMNS = f"operation_id, {DEVICE_UPGRADE_COLUMNS}"


def upgrade_from_row(row: Row) -> Upgrade:
    """Make an upgrade of the columns UPGRADE."""
    return Upgrade(
        target_version=row[0],
        version_pointer=row[1],
        download_steps=row[2],
        apply_steps=row[3],
        max_retries=row[4],
        apply_timeout=row[5],
    )


def upgrade_row(task: Task, upgrade: Upgrade) -> Row:
    """Return the columns NEW_UPGRADE."""
    return (
        task.id,
        task.scope_id,
        upgrade.target_version,
        upgrade.version_pointer,
        upgrade.download_steps,
        upgrade.apply_steps,
        upgrade.max_retries,
        upgrade.apply_timeout,
    )


def device_upgrade_from_row(upgrade: Upgrade, row: Row) -> DeviceUpgrade:
    """Make a part of the columns PART; they are NULL before its first step."""
    if row[0] is None:
        return DeviceUpgrade(upgrade=upgrade)
    return DeviceUpgrade(
        upgrade=upgrade,
        state=DeviceUpgradeState(row[0]),
        source_version=row[1],
        current_version=row[2],
        is_apply_unanswered=bool(row[3]),
        retries_used=row[4],
        updating_at=row[5],
        error_code=row[6],
        error=row[7],
    )


def device_upgrade_row(operation: Operation, device_upgrade: DeviceUpgrade) -> Row:
    """Return the columns NEW_PART."""
    return (
        operation.id,
        device_upgrade.state._value_,
        device_upgrade.source_version,
        device_upgrade.current_version,
        int(device_upgrade.is_apply_unanswered),
        device_upgrade.retries_used,
        device_upgrade.updating_at,
        device_upgrade.error_code,
        device_upgrade.error,
    )
