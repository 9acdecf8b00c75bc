"""Reads the operations of a task, and why those that failed did."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pushserver.model.command import Command, Result
from pushserver.model.operation import FAILED_STATUSES, Operation, OperationStatus
from pushserver.model.state import CommandState
from pushserver.storage.command_rows import COMMANDS, RESULTS
from pushserver.storage.operation_rows import OPERATIONS
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.conditions import is_of_device, is_one_of
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.operations import attach_device_upgrades
from pushserver.storage.sql.snapshot import read_snapshot
from pushserver.storage.tasks import TaskOperation

#: Of the steps that did not succeed, the first in the first of these states decided.
_DECISIVE_STATES = (
    CommandState.FAILED,
    CommandState.EXPIRED,
    CommandState.CANCELED,
    CommandState.TIMEOUT,
)
#: A longer answer is not read for the error in it.
_MAX_RESULT_LENGTH = 16_384
_SELECT = (
    f"SELECT {OPERATIONS.column_list} FROM operation"
    " WHERE task_id IS NOT NULL AND"  # as its indexes have it
)
_INDEXES = (("task_id", "retried", "status"), ("task_id",))
_SELECT_COMMANDS = (
    f"SELECT {COMMANDS.column_list} FROM command WHERE operation_id IN ({{}})"
    f" AND operation_id IS NOT NULL AND {is_one_of('state', _DECISIVE_STATES)}"
    " ORDER BY operation_id, id"
)
_SELECT_RESULT = (
    f"SELECT {RESULTS.column_list} FROM result"
    f" WHERE id = ? AND length(body) <= {_MAX_RESULT_LENGTH}"
)
_SELECT_MESSAGE = (
    "SELECT message FROM notification WHERE operation_id = ? ORDER BY id DESC LIMIT 1"
)


def read_task_operations(
    connection: SqlConnection,
    task_id: int,
    statuses: Collection[OperationStatus],
    after: int,
    limit: int,
    device_ids: Collection[int] | None,
) -> Sequence[TaskOperation]:
    """Return a page of a task's operations, oldest first, with what explains them."""
    asked: Sequence[OperationStatus | None] = sorted(statuses) or [None]
    of_device = is_of_device(connection, device_ids)
    with read_snapshot(connection):
        # A page of each status: their index would have to be sorted otherwise.
        pages = [
            _read_page(connection, task_id, status, after, limit, of_device)
            for status in asked
        ]
        found = sorted((each for page in pages for each in page), key=lambda o: o.id)
        return _explain(connection, found[:limit])


def _read_page(
    connection: SqlConnection,
    task_id: int,
    status: OperationStatus | None,
    after: int,
    limit: int,
    of_device: tuple[str, list[Any]],
) -> list[Operation]:
    condition, ids = of_device
    columns = {"task_id": task_id, "retried": 0, "status": status and status.value}
    index_range = IndexRange(connection, columns, _INDEXES, above=after)
    rows = connection.execute(
        f"{_SELECT} {index_range.condition}{condition}"
        f" ORDER BY {index_range.order_oldest_first} LIMIT ?",
        (*index_range.parameters, *ids, limit),
    )
    return list(map(OPERATIONS.read, rows))


def _explain(
    connection: SqlConnection, operations: Iterable[Operation]
) -> list[TaskOperation]:
    explained = []
    operations = list(operations)
    attach_device_upgrades(connection, operations)
    commands = _decisive_commands(connection, operations)
    for operation in operations:
        command = commands.get(operation.id)
        explained.append(
            TaskOperation(
                operation=operation,
                command=command,
                result=_find_result(connection, command),
                message=None
                if command or operation.status not in FAILED_STATUSES
                else _last_message(connection, operation),
            )
        )
    return explained


def _decisive_commands(
    connection: SqlConnection, operations: Iterable[Operation]
) -> Mapping[int, Command]:
    """Return the command that decided each of the operations that failed, by its id."""
    ids = pad_ids([each.id for each in operations if each.status in FAILED_STATUSES])
    if not ids:
        return {}
    sql = _SELECT_COMMANDS.format(", ".join("?" * len(ids)))
    commands = map(COMMANDS.read, connection.execute(sql, ids))
    return {
        operation_id: min(steps, key=lambda c: _DECISIVE_STATES.index(c.state))
        for operation_id, steps in groupby(commands, key=lambda c: c.operation_id)
    }


def _find_result(connection: SqlConnection, command: Command | None) -> Result | None:
    if command is None or command.result_id is None:
        return None
    row = connection.execute(_SELECT_RESULT, (command.result_id,)).fetchone()
    return RESULTS.find(row)


def _last_message(connection: SqlConnection, operation: Operation) -> str | None:
    row = connection.execute(_SELECT_MESSAGE, (operation.id,)).fetchone()
    return None if row is None else row[0]
