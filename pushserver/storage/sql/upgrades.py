"""Reading upgrades and their parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from pushserver.model.operation import Operation, Status
from pushserver.model.upgrade import UpgradeResult, UpgradeState
from pushserver.storage.rows import Row, columns, prefixed
from pushserver.storage.sql.connection import Connection, Reader
from pushserver.storage.sql.stretch import Stretch
from pushserver.storage.tracking_rows import (
    OPERATION,
    TASK,
    operation_from_row,
    task_from_row,
)
from pushserver.storage.upgrade_rows import (
    PART,
    UPGRADE,
    part_from_row,
    upgrade_from_row,
)
from pushserver.storage.upgrading import PartFilter, UpgradeRecord

_TASK, _TERMS = prefixed(TASK, "task"), prefixed(UPGRADE, "upgrade")
_OWN, _PART = prefixed(OPERATION, "operation"), prefixed(PART, "part")
_FIND = (
    f"SELECT {_TASK}, {_TERMS} FROM upgrade JOIN task ON task.id = upgrade.task_id"
    " WHERE upgrade.scope_id = ? AND upgrade.task_id {} AND state <> 'PREPARING'"
)
_LIST = f"{_FIND.format('< ?')} ORDER BY upgrade.task_id DESC LIMIT ?"
_WITH_PART = "LEFT JOIN upgrade_part AS part ON part.operation_id = operation.id"
_COUNT = (
    "SELECT coalesce(part.state, 'idle'), count(*) FROM operation"
    f" {_WITH_PART} WHERE task_id = ? AND retried = 0"
    " AND NOT (status = 'RUNNING' AND queued = 0) GROUP BY 1"
)
_PARTS = (
    f"SELECT {_OWN}, {_TERMS}, {_PART} FROM operation"
    f" JOIN upgrade ON upgrade.task_id = operation.task_id {_WITH_PART}"
    " WHERE operation.task_id IS NOT NULL AND"  # as its indexes have it
)
_WAITS = "status = 'RUNNING' AND queued = 0"
_STATUS = {UpgradeResult.SUCCESS: Status.COMPLETED, UpgradeResult.FAIL: Status.FAILED}
_LAST = 2**63 - 1


@attrs.frozen
class SqlUpgrades:
    """Keeps the promise of `UpgradeStore`."""

    reader: Reader

    async def find_upgrade(self, scope_id: int, task_id: int) -> UpgradeRecord | None:
        """Return one upgrade."""
        found = await self._upgrades(_FIND.format("= ?"), (scope_id, task_id))
        return found[0] if found else None

    async def upgrades(
        self, scope_id: int, *, before: int | None, limit: int
    ) -> Sequence[UpgradeRecord]:
        """List upgrades, newest first."""
        top = _LAST if before is None else before
        return await self._upgrades(_LIST, (scope_id, top, limit))

    async def _upgrades(self, sql: str, values: Sequence[Any]) -> list[UpgradeRecord]:
        return await self.reader.run(
            lambda c: [_record(row) for row in c.execute(sql, values)]
        )

    async def count_states(self, task_id: int) -> Mapping[UpgradeState, int]:
        """Count the parts that have begun by their states."""

        def read(connection: Connection) -> dict[UpgradeState, int]:
            rows = connection.execute(_COUNT, (task_id,))
            return {UpgradeState(state): number for state, number in rows}

        return await self.reader.run(read)

    async def parts(
        self, task_id: int, wanted: PartFilter, *, after: int, limit: int
    ) -> Sequence[Operation]:
        """List the operations of an upgrade with their parts."""
        where, values = _conditions(wanted)

        def read(connection: Connection) -> list[Operation]:
            part = Stretch(connection, _fewest(task_id, wanted), above=after)
            others, current = part.others({"retried": 0})
            sql = f"{_PARTS} {part.sql}{others}{where} ORDER BY {part.oldest_first}"
            given = (*part.bounds, *current, *values, limit)
            rows = connection.execute(f"{sql} LIMIT ?", given)
            return [operation_with_part(row) for row in rows]

        return await self.reader.run(read)


def _record(row: Row) -> UpgradeRecord:
    split = columns(TASK)
    return UpgradeRecord(task_from_row(row[:split]), upgrade_from_row(row[split:]))


def _fewest(task_id: int, wanted: PartFilter) -> dict[str, Any]:
    """Return by which index there are the fewest rows."""
    of_task = {"operation.task_id": task_id}
    if wanted.result is None:
        return of_task
    return of_task | {"retried": 0, "status": _STATUS[wanted.result].value}


def _conditions(wanted: PartFilter) -> tuple[str, list[str]]:
    """Return what else is wanted of a part."""
    where, values = "", []
    if wanted.waiting is not None:
        where += f" AND {'' if wanted.waiting else 'NOT '}({_WAITS})"
    if wanted.state is not None:
        where += " AND coalesce(part.state, 'idle') = ?"
        values.append(wanted.state.value)
    return where, values


def operation_with_part(row: Row) -> Operation:
    """Make an operation of the columns OPERATION, UPGRADE and PART."""
    own, terms = columns(OPERATION), columns(UPGRADE)
    operation = operation_from_row(row[:own])
    upgrade = upgrade_from_row(row[own : own + terms])
    operation.upgrade = part_from_row(upgrade, row[own + terms :])
    return operation
