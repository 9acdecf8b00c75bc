"""Rows and values of upgrades and their parts, for every store."""

from pushserver.model.operation import Operation
from pushserver.model.task import Task
from pushserver.model.upgrade import Part, Upgrade, UpgradeState
from pushserver.storage.rows import Row

UPGRADE = "target_version, version_pointer, downloads, applies, retries, apply_timeout"
NEW_UPGRADE = f"task_id, scope_id, {UPGRADE}"
PART = (
    "state, source_version, current_version, missing, tries, updating_at, error_code,"
    " error"
)
NEW_PART = f"operation_id, {PART}"


def upgrade_from_row(row: Row) -> Upgrade:
    """Make an upgrade of the columns UPGRADE."""
    return Upgrade(
        target_version=row[0],
        pointer=row[1],
        downloads=row[2],
        applies=row[3],
        retries=row[4],
        apply_timeout=row[5],
    )


def upgrade_row(task: Task, upgrade: Upgrade) -> Row:
    """Return the columns NEW_UPGRADE."""
    return (
        task.id,
        task.scope_id,
        upgrade.target_version,
        upgrade.pointer,
        upgrade.downloads,
        upgrade.applies,
        upgrade.retries,
        upgrade.apply_timeout,
    )


def part_from_row(upgrade: Upgrade, row: Row) -> Part:
    """Make a part of the columns PART; they are NULL before its first step."""
    if row[0] is None:
        return Part(upgrade=upgrade)
    return Part(
        upgrade=upgrade,
        state=UpgradeState(row[0]),
        source_version=row[1],
        current_version=row[2],
        missing=bool(row[3]),
        tries=row[4],
        updating_at=row[5],
        error_code=row[6],
        error=row[7],
    )


def part_row(operation: Operation, part: Part) -> Row:
    """Return the columns NEW_PART."""
    return (
        operation.id,
        part.state._value_,
        part.source_version,
        part.current_version,
        int(part.missing),
        part.tries,
        part.updating_at,
        part.error_code,
        part.error,
    )
