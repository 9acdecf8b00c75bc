"""Reads upgrades, and how far their devices are."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.upgrade import DeviceUpgradeResult, DeviceUpgradeState
from pushserver.storage.operation_rows import OPERATIONS
from pushserver.storage.sql.conditions import IS_NOT_STARTED, is_of_device, is_one_of
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.table import Join, Row
from pushserver.storage.task_rows import TASKS
from pushserver.storage.tasks import ANY_TASK, TaskFilter
from pushserver.storage.upgrade_rows import (
    DEVICE_UPGRADES,
    UPGRADES,
    read_device_upgrade,
)
from pushserver.storage.upgrades import DeviceUpgradeFilter, UpgradeRecord

_RECORD_COLUMNS = Join.of(TASKS, UPGRADES)
_SELECT = (
    f"SELECT {_RECORD_COLUMNS.column_list} FROM upgrade"
    " JOIN task ON task.id = upgrade.task_id"
    " WHERE upgrade.scope_id = ? AND upgrade.task_id {} AND state <> 'PREPARING'"
)
_SELECT_ONE = _SELECT.format("= ?")
_SELECT_PAGE = f"{_SELECT.format('< ?')}{{}} ORDER BY upgrade.task_id DESC LIMIT ?"
_JOIN_DEVICE_UPGRADE = (
    f"LEFT JOIN {DEVICE_UPGRADES.name} AS part ON part.operation_id = operation.id"
)
_COUNT_STATES = (
    "SELECT coalesce(part.state, 'idle'), count(*) FROM operation"
    f" {_JOIN_DEVICE_UPGRADE} WHERE task_id = ? AND retried = 0"
    f" AND NOT ({IS_NOT_STARTED}) GROUP BY 1"
)
_DEVICE_COLUMNS = Join.of(OPERATIONS, UPGRADES, DEVICE_UPGRADES.aliased("part"))
_SELECT_DEVICES = (
    f"SELECT {_DEVICE_COLUMNS.column_list} FROM operation"
    f" JOIN upgrade ON upgrade.task_id = operation.task_id {_JOIN_DEVICE_UPGRADE}"
    " WHERE operation.task_id IS NOT NULL AND"  # as its indexes have it
)
_INDEXES = (("operation.task_id", "retried", "status"), ("operation.task_id",))
_STATUS = {
    DeviceUpgradeResult.SUCCESS: OperationStatus.COMPLETED.value,
    DeviceUpgradeResult.FAIL: OperationStatus.FAILED.value,
}


@attrs.frozen
class SqlUpgrades:
    """Implements `UpgradeStore`."""

    reader: SqlReader

    async def find_upgrade(self, scope_id: int, task_id: int) -> UpgradeRecord | None:
        values = (scope_id, task_id)
        found = await fetch_all(self.reader, _read_record, _SELECT_ONE, values)
        return found[0] if found else None

    async def upgrades(
        self,
        scope_id: int,
        task_filter: TaskFilter = ANY_TASK,
        *,
        before: int | None,
        limit: int,
    ) -> Sequence[UpgradeRecord]:
        columns = {"created_by": task_filter.created_by, "name": task_filter.name}
        given = {name: value for name, value in columns.items() if value is not None}
        extra = "".join(f" AND task.{name} = ?" for name in given)
        if task_filter.states:
            extra += f" AND {is_one_of('state', task_filter.states)}"
        sql = _SELECT_PAGE.format(extra)
        below = MAX_INT64 if before is None else before
        values: list[int | str] = [scope_id, below, *given.values(), limit]
        return await fetch_all(self.reader, _read_record, sql, values)

    async def count_device_states(
        self, task_id: int
    ) -> Mapping[DeviceUpgradeState, int]:
        def read(connection: SqlConnection) -> dict[DeviceUpgradeState, int]:
            rows = connection.execute(_COUNT_STATES, (task_id,))
            return {DeviceUpgradeState(state): number for state, number in rows}

        return await self.reader.run(read)

    async def device_upgrades(
        self,
        task_id: int,
        criteria: DeviceUpgradeFilter,
        *,
        after: int,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[Operation]:
        status = criteria.result and _STATUS[criteria.result]
        columns = {"operation.task_id": task_id, "retried": 0, "status": status}
        where, values = _conditions(criteria)

        def read(connection: SqlConnection) -> list[Operation]:
            index_range = IndexRange(connection, columns, _INDEXES, above=after)
            of_device, ids = is_of_device(connection, device_ids, "operation.device_id")
            rows = connection.execute(
                f"{_SELECT_DEVICES} {index_range.condition}{where}{of_device}"
                f" ORDER BY {index_range.order_oldest_first} LIMIT ?",
                (*index_range.parameters, *values, *ids, limit),
            )
            return list(map(_read_operation, rows))

        return await self.reader.run(read)


def _read_record(row: Row) -> UpgradeRecord:
    task, upgrade = _RECORD_COLUMNS.read(row)
    return UpgradeRecord(task=task, upgrade=upgrade)


def _read_operation(row: Row) -> Operation:
    operation: Operation
    operation, upgrade, progress = _DEVICE_COLUMNS.read(row)
    operation.device_upgrade = read_device_upgrade(upgrade, progress)
    return operation


def _conditions(criteria: DeviceUpgradeFilter) -> tuple[str, list[Any]]:
    """Return the conditions that no index has, and their values."""
    where, values = "", list[Any]()
    if criteria.not_started is not None:
        where += f" AND {'' if criteria.not_started else 'NOT '}({IS_NOT_STARTED})"
    if criteria.state is not None:
        where += " AND coalesce(part.state, 'idle') = ?"
        values.append(criteria.state.value)
    return where, values
