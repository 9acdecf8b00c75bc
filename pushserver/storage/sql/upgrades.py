"""Reading upgrades and their parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.storage.operation_rows import (
    OPERATION_COLUMNS,
    TASK_COLUMNS,
    operation_from_row,
    task_from_row,
)
from pushserver.storage.rows import Row, count_columns, qualified
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.upgrade_rows import (
    DEVICE_UPGRADE_COLUMNS,
    UPGRADE_COLUMNS,
    device_upgrade_from_row,
    upgrade_from_row,
)
from pushserver.storage.upgrades import DeviceUpgradeFilter, UpgradeRecord

_TASK, _UPGRADE = qualified(TASK_COLUMNS, "task"), qualified(UPGRADE_COLUMNS, "upgrade")
_OPERATION, _DEVICE_UPGRADE = (
    qualified(OPERATION_COLUMNS, "operation"),
    qualified(DEVICE_UPGRADE_COLUMNS, "part"),
)
_FIND = (
    f"SELECT {_TASK}, {_UPGRADE} FROM upgrade JOIN task ON task.id = upgrade.task_id"
    " WHERE upgrade.scope_id = ? AND upgrade.task_id {} AND state <> 'PREPARING'"
)
_LIST = f"{_FIND.format('< ?')} ORDER BY upgrade.task_id DESC LIMIT ?"
_JOIN_DEVICE_UPGRADE = (
    "LEFT JOIN device_upgrade AS part ON part.operation_id = operation.id"
)
_COUNT = (
    "SELECT coalesce(part.state, 'idle'), count(*) FROM operation"
    f" {_JOIN_DEVICE_UPGRADE} WHERE task_id = ? AND retried = 0"
    " AND NOT (status = 'RUNNING' AND queued_steps = 0) GROUP BY 1"
)
_SELECT_DEVICE_UPGRADES = (
    f"SELECT {_OPERATION}, {_UPGRADE}, {_DEVICE_UPGRADE} FROM operation"
    f" JOIN upgrade ON upgrade.task_id = operation.task_id {_JOIN_DEVICE_UPGRADE}"
    " WHERE operation.task_id IS NOT NULL AND"  # as its indexes have it
)
_IS_NOT_STARTED = "status = 'RUNNING' AND queued_steps = 0"
_STATUS = {
    DeviceUpgradeResult.SUCCESS: OperationStatus.COMPLETED,
    DeviceUpgradeResult.FAIL: OperationStatus.FAILED,
}
_MAX_ID = 2**63 - 1


@attrs.frozen
class SqlUpgrades:
    """Keeps the promise of `UpgradeStore`."""

    reader: SqlReader

    async def find_upgrade(self, scope_id: int, task_id: int) -> UpgradeRecord | None:
        """Return one upgrade."""
        found = await self._upgrades(_FIND.format("= ?"), (scope_id, task_id))
        return found[0] if found else None

    async def upgrades(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> Sequence[UpgradeRecord]:
        """List upgrades, newest first."""
        top = _MAX_ID if before is None else before
        return await self._upgrades(_LIST, (scope_id, top, limit))

    async def _upgrades(self, sql: str, values: Sequence[Any]) -> list[UpgradeRecord]:
        return await self.reader.run(
            lambda c: [_record(row) for row in c.execute(sql, values)]
        )

    async def count_device_states(
        self, task_id: int
    ) -> Mapping[DeviceUpgradeState, int]:
        """Count the parts that have begun by their states."""

        def read(connection: SqlConnection) -> dict[DeviceUpgradeState, int]:
            rows = connection.execute(_COUNT, (task_id,))
            return {DeviceUpgradeState(state): number for state, number in rows}

        return await self.reader.run(read)

    async def device_upgrades(
        self, task_id: int, criteria: DeviceUpgradeFilter, *, after: int, limit: int
    ) -> Sequence[Operation]:
        """List the operations of an upgrade with their parts."""
        where, values = _conditions(criteria)

        def read(connection: SqlConnection) -> list[Operation]:
            index_range = IndexRange(
                connection, _narrowest_index(task_id, criteria), above=after
            )
            extra, current = index_range.filter_without_index({"retried": 0})
            sql = (
                f"{_SELECT_DEVICE_UPGRADES} {index_range.condition}{extra}{where}"
                f" ORDER BY {index_range.order_oldest_first}"
            )
            parameters = (*index_range.parameters, *current, *values, limit)
            rows = connection.execute(f"{sql} LIMIT ?", parameters)
            return [operation_with_upgrade(row) for row in rows]

        return await self.reader.run(read)


def _record(row: Row) -> UpgradeRecord:
    split = count_columns(TASK_COLUMNS)
    return UpgradeRecord(task_from_row(row[:split]), upgrade_from_row(row[split:]))


def _narrowest_index(task_id: int, criteria: DeviceUpgradeFilter) -> dict[str, Any]:
    """Return by which index there are the fewest rows."""
    of_task = {"operation.task_id": task_id}
    if criteria.result is None:
        return of_task
    return of_task | {"retried": 0, "status": _STATUS[criteria.result].value}


def _conditions(criteria: DeviceUpgradeFilter) -> tuple[str, list[str]]:
    """Return what else is wanted of a part."""
    where, values = "", []
    if criteria.not_started is not None:
        where += f" AND {'' if criteria.not_started else 'NOT '}({_IS_NOT_STARTED})"
    if criteria.state is not None:
        where += " AND coalesce(part.state, 'idle') = ?"
        values.append(criteria.state.value)
    return where, values


def operation_with_upgrade(row: Row) -> Operation:
    """Make an operation of the columns OPERATION, UPGRADE and PART."""
    operation_width, upgrade_width = (
        count_columns(OPERATION_COLUMNS),
        count_columns(UPGRADE_COLUMNS),
    )
    operation = operation_from_row(row[:operation_width])
    upgrade = upgrade_from_row(row[operation_width : operation_width + upgrade_width])
    operation.device_upgrade = device_upgrade_from_row(
        upgrade, row[operation_width + upgrade_width :]
    )
    return operation
