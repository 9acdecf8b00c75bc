"""Writes the changes of a round in few statements, each over all rows of its kind."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs

from pushserver.model.changes import Changes, TaskFinish
from pushserver.model.state import CommandState
from pushserver.storage.command_rows import (
    COMMANDS,
    DELIVERIES,
    NEW_COMMANDS,
    RESULTS,
)
from pushserver.storage.operation_rows import NOTIFICATIONS, OPERATIONS, STEPS
from pushserver.storage.shadow_rows import SERVICES
from pushserver.storage.sql.audit import INSERT_AUDIT, write_repeated
from pushserver.storage.sql.bulk import (
    Batch,
    BulkStatement,
    execute_batches,
    insert,
    update,
    upsert,
)
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.device_end import delete_device, end_device
from pushserver.storage.sql.idempotency import UPSERT_IDEMPOTENCY_KEY
from pushserver.storage.sql.results import has_pieces, write_pieces
from pushserver.storage.sql.sessions import note_ended
from pushserver.storage.sql.write_jobs import WriteJob
from pushserver.storage.subscription_rows import EVENTS
from pushserver.storage.table import Column, enum_codec
from pushserver.storage.upgrade_rows import DEVICE_UPGRADES

_INSERT_COMMAND = insert(NEW_COMMANDS)
# Optimistic lock: the state in the database must equal the one in memory.
_COMMAND_GUARD = Column("state", "stored_state", enum_codec(CommandState))
_COMMAND_COLUMNS = (
    "state",
    "attempts",
    "sent_at",
    "delivered_at",
    "finished_at",
    "result_id",
    "transition_count",
    "held",
    "withdrawn",
    "replaced_by",
)
_UPDATE_COMMAND = update(COMMANDS, _COMMAND_COLUMNS, key=("id",), guard=_COMMAND_GUARD)
# Apart, so that the many commands that nobody cancels carry nothing of it.
_UPDATE_CANCELED_COMMAND = update(
    COMMANDS,
    (*_COMMAND_COLUMNS, "canceled_by", "canceled_by_name"),
    key=("id",),
    guard=_COMMAND_GUARD,
)
_INSERT_DELIVERY = insert(DELIVERIES)
_UPDATE_DELIVERY = update(
    DELIVERIES, ("delivered_at", "ended_at", "outcome", "busy_until"), key=("id",)
)
_INSERT_RESULT = insert(RESULTS)
INSERT_OPERATION = insert(OPERATIONS)
_UPDATE_OPERATION = update(
    OPERATIONS,
    (
        "queued_steps",
        "done_steps",
        "failed_steps",
        "unknown_steps",
        "progress",
        "status",
        "canceled",
        "started_at",
        "ended_at",
        "modified_at",
        "canceled_by",
        "canceled_by_name",
    ),
    key=("id",),
    guard=Column("version"),
    also="version = version + 1",
)
_UPSERT_DEVICE_UPGRADE = upsert(DEVICE_UPGRADES, "operation_id")
INSERT_STEP = insert(STEPS)
_INSERT_SERVICE = insert(SERVICES)
_SERVICE_KEY = ("device_id", "service_id")
_UPDATE_SERVICE = update(
    SERVICES,
    [
        column.name
        for column in SERVICES.columns
        if column.name not in (*_SERVICE_KEY, "scope_id")
    ],
    key=_SERVICE_KEY,
)
_INSERT_NOTIFICATION = insert(NOTIFICATIONS)
_INSERT_EVENT = insert(EVENTS)
_FINISH_TASK = (
    "UPDATE task SET ended_at = ?,"
    " state = CASE state WHEN 'CANCELED' THEN 'CANCELED' ELSE 'COMPLETED' END"
    " WHERE id = ? AND ended_at IS NULL AND state <> 'PREPARING'"
    " AND NOT EXISTS (SELECT 1 FROM operation WHERE task_id = task.id"
    " AND retried = 0 AND status = 'RUNNING')"
)
#: Tables whose rows are deleted with an operation, and their column with its id.
_OPERATION_TABLES = (
    ("notification", "operation_id"),
    ("step", "owner_id"),
    (DEVICE_UPGRADES.name, "operation_id"),
    ("operation", "id"),
)


@attrs.frozen
class PreparedWrite:
    """Writes the `batches`, and then the `rest`, if there is any."""

    batches: Sequence[Batch]
    rest: Callable[[SqlConnection], None] | None

    def __call__(self, connection: SqlConnection) -> None:
        """Write all of it."""
        execute_batches(connection, self.batches)
        if self.rest is not None:
            self.rest(connection)

    @property
    def is_one_statement(self) -> bool:
        """Tell whether PostgreSQL can write all of it with one statement."""
        return self.rest is None and not any(batch.is_large for batch in self.batches)


def prepare_write(
    changes: Changes, sql_jobs: Sequence[WriteJob], more: Sequence[Batch] = ()
) -> PreparedWrite | None:
    """
    Return what writes *changes* and *more*, and runs *sql_jobs*; None for nothing.

    Those whose session is over by then are not run.
    """
    batches = [*_batches(changes), *more]
    has_rest = bool(
        sql_jobs
        or changes.deleted_operations
        or changes.tasks_to_finish
        or changes.ended_devices
        or changes.audit_entries
        or has_pieces(changes)
    )

    def write_rest(connection: SqlConnection) -> None:
        write_repeated(connection, changes.audit_entries)
        write_pieces(connection, changes.results)
        _delete_and_finish(connection, changes)
        note_ended(connection, sql_jobs)
        for job in sql_jobs:
            assert job.work is not None  # noqa: S101 - decisions are not among these
            if not job.is_over:
                job.value = job.work(connection)

    if not batches and not has_rest:
        return None
    return PreparedWrite(batches, write_rest if has_rest else None)


def _batches(changes: Changes) -> list[Batch]:
    """Return a batch for each kind of which there is something to write."""
    commands = [c for c in changes.changed_commands.values() if c.stored_state]
    canceled = [c for c in commands if c.canceled_by.name is not None]
    if canceled:
        commands = [c for c in commands if c.canceled_by.name is None]
    deliveries = changes.changed_deliveries.values()
    kinds: list[tuple[BulkStatement, Collection[Any]]] = [
        (_INSERT_COMMAND, changes.new_commands),
        (_UPDATE_COMMAND, commands),
        (_UPDATE_CANCELED_COMMAND, canceled),
        (_INSERT_DELIVERY, changes.new_deliveries),
        (_UPDATE_DELIVERY, [d for d in deliveries if d.stored]),
        (_INSERT_RESULT, changes.results),
        (UPSERT_IDEMPOTENCY_KEY, changes.idempotency_keys.values()),
        (INSERT_STEP, changes.steps),
        (_INSERT_NOTIFICATION, changes.notifications),
        (_INSERT_EVENT, changes.events),
        (INSERT_AUDIT, [e for e in changes.audit_entries if e.first is None]),
    ]
    if operations := changes.operations.values():
        kinds += (
            (INSERT_OPERATION, [o for o in operations if not o.stored]),
            (_UPDATE_OPERATION, [o for o in operations if o.stored]),
            (_UPSERT_DEVICE_UPGRADE, [o for o in operations if o.device_upgrade]),
        )
    if services := changes.services.values():
        kinds += (
            (_INSERT_SERVICE, [s for s in services if not s.stored]),
            (_UPDATE_SERVICE, [s for s in services if s.stored]),
        )
    return [Batch(each, each.to_rows(values)) for each, values in kinds if values]


def _delete_and_finish(connection: SqlConnection, changes: Changes) -> None:
    """Delete operations and devices; end tasks, and add the events of those ended."""
    for operation_id in changes.deleted_operations:
        for table, name in _OPERATION_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (operation_id,))
    # Sorted as every server does, so that no two deadlock.
    for device_id in sorted(changes.ended_devices):
        end_device(connection, device_id, changes.now)
    for device_id in sorted(changes.deleted_devices):
        delete_device(connection, device_id)
    finished = [each for each in changes.tasks_to_finish if _finish(connection, each)]
    events = [each.event for each in finished if each.event is not None]
    _INSERT_EVENT.write(connection, events)
    changes.events += events


def _finish(connection: SqlConnection, task: TaskFinish) -> bool:
    """End a task if none of its operations runs; tell whether it ended."""
    return connection.execute(_FINISH_TASK, (task.at, task.task_id)).rowcount == 1
