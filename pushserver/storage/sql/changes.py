"""What one round writes: few statements, each over all rows of its kind."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs

from pushserver.clock import SECOND
from pushserver.model.changes import Changes, TaskFinish
from pushserver.model.command import Command, Delivery
from pushserver.model.idempotency import KEY_TTL_SECONDS, IdempotencyRecord
from pushserver.model.operation import Operation
from pushserver.storage.command_rows import (
    COMMAND_INSERT_COLUMNS,
    DELIVERY_COLUMNS,
    RESULT_COLUMNS,
    command_insert_row,
    delivery_row,
    result_row,
)
from pushserver.storage.operation_rows import (
    NOTIFICATION_COLUMNS,
    OPERATION_COLUMNS,
    STEP_COLUMNS,
    notification_row,
    operation_row,
    step_row,
)
from pushserver.storage.rows import Row, count_columns
from pushserver.storage.schema import column_types
from pushserver.storage.shadow_rows import (
    SERVICE_COLUMNS,
    service_row,
    service_update_row,
)
from pushserver.storage.sql.bulk import (
    Batch,
    BulkStatement,
    execute_batches,
    insert,
    upsert,
)
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.subscription_rows import EVENT_COLUMNS, event_row
from pushserver.storage.upgrade_rows import (
    DEVICE_UPGRADE_INSERT_COLUMNS,
    device_upgrade_row,
)


class SqlWork(Protocol):
    """Statements of somebody's own, and where their value goes."""

    work: Callable[[SqlConnection], Any] | None
    value: Any


_INSERT_COMMAND = insert("command", COMMAND_INSERT_COLUMNS)
# Guarded by the state that memory believed in: the file decides.
_UPDATE_COMMAND = BulkStatement(
    "UPDATE command SET state = new.column1,"
    " attempts = CAST(new.column2 AS BIGINT), sent_at = CAST(new.column3 AS BIGINT),"
    " delivered_at = CAST(new.column4 AS BIGINT),"
    " finished_at = CAST(new.column5 AS BIGINT),"
    " result_id = CAST(new.column6 AS BIGINT),"
    " transition_count = CAST(new.column7 AS BIGINT)"
    " FROM (VALUES {}) AS new"
    " WHERE command.id = CAST(new.column8 AS BIGINT)"
    " AND command.state || '' = new.column9",
    9,
    must_match_all=True,
)
_INSERT_DELIVERY = insert("delivery", DELIVERY_COLUMNS)
_UPDATE_DELIVERY = BulkStatement(
    "UPDATE delivery SET delivered_at = CAST(new.column1 AS BIGINT),"
    " ended_at = CAST(new.column2 AS BIGINT), outcome = new.column3"
    " FROM (VALUES {}) AS new WHERE delivery.id = CAST(new.column4 AS BIGINT)",
    4,
)
_INSERT_RESULT = insert("result", RESULT_COLUMNS)
INSERT_OPERATION = insert("operation", OPERATION_COLUMNS)
_UPDATE_OPERATION = BulkStatement(
    "UPDATE operation SET queued_steps = CAST(new.column1 AS BIGINT),"
    " done_steps = CAST(new.column2 AS BIGINT),"
    " failed_steps = CAST(new.column3 AS BIGINT),"
    " unknown_steps = CAST(new.column4 AS BIGINT),"
    " progress = CAST(new.column5 AS BIGINT),"
    " status = new.column6, canceled = CAST(new.column7 AS BIGINT),"
    " started_at = CAST(new.column8 AS BIGINT),"
    " ended_at = CAST(new.column9 AS BIGINT),"
    " modified_at = CAST(new.column10 AS BIGINT), version = version + 1"
    " FROM (VALUES {}) AS new WHERE operation.id = CAST(new.column11 AS BIGINT)"
    " AND operation.version = CAST(new.column12 AS BIGINT)",
    12,
    must_match_all=True,
)
_UPSERT_DEVICE_UPGRADE = BulkStatement(
    f"INSERT INTO device_upgrade ({DEVICE_UPGRADE_INSERT_COLUMNS}) VALUES {{}}"
    " ON CONFLICT (operation_id) DO UPDATE SET state = excluded.state,"
    " source_version = excluded.source_version,"
    " current_version = excluded.current_version,"
    " apply_unanswered = excluded.apply_unanswered,"
    " retries_used = excluded.retries_used, updating_at = excluded.updating_at,"
    " error_code = excluded.error_code, error = excluded.error",
    count_columns(DEVICE_UPGRADE_INSERT_COLUMNS),
    column_types=column_types("device_upgrade", DEVICE_UPGRADE_INSERT_COLUMNS),
)
INSERT_STEP = insert("step", STEP_COLUMNS)
_INSERT_SERVICE = insert("shadow", SERVICE_COLUMNS)
_UPDATE_SERVICE = BulkStatement(
    "UPDATE shadow SET desired = new.column1, reported = new.column2,"
    " desired_version = CAST(new.column3 AS BIGINT),"
    " desired_at = CAST(new.column4 AS BIGINT),"
    " reported_at = CAST(new.column5 AS BIGINT),"
    " write_command_id = CAST(new.column6 AS BIGINT), sent_values = new.column7,"
    " sent_texts = new.column8, sent_version = CAST(new.column9 AS BIGINT),"
    " write_outcome = new.column10, verified = CAST(new.column11 AS BIGINT),"
    " write_error = new.column12, write_expired = CAST(new.column13 AS BIGINT),"
    " needs_reconcile = CAST(new.column14 AS BIGINT),"
    " awaits_step = CAST(new.column15 AS BIGINT),"
    " read_command_id = CAST(new.column16 AS BIGINT), read_keys = new.column17"
    " FROM (VALUES {}) AS new WHERE shadow.device_id = CAST(new.column18 AS BIGINT)"
    " AND shadow.service_id = new.column19",
    19,
)
_INSERT_NOTIFICATION = insert("notification", NOTIFICATION_COLUMNS)
_INSERT_EVENT = insert("event", EVENT_COLUMNS)
_FINISH_TASK = (
    "UPDATE task SET ended_at = ?,"
    " state = CASE state WHEN 'CANCELED' THEN 'CANCELED' ELSE 'COMPLETED' END"
    " WHERE id = ? AND ended_at IS NULL AND state <> 'PREPARING'"
    " AND NOT EXISTS (SELECT 1 FROM operation WHERE task_id = task.id"
    " AND retried = 0 AND status = 'RUNNING')"
)
_IDEMPOTENCY_KEY_COLUMNS = (
    "token_id, path, value, fingerprint, response_body, created_at"
)
UPSERT_IDEMPOTENCY_KEY = upsert(
    "idempotency_key", _IDEMPOTENCY_KEY_COLUMNS, key="token_id, path, value"
)
#: The same, unless the key is in use.
CLAIM_IDEMPOTENCY_KEY = attrs.evolve(
    UPSERT_IDEMPOTENCY_KEY,
    sql=f"{UPSERT_IDEMPOTENCY_KEY.sql} WHERE idempotency_key.created_at"
    f" <= excluded.created_at - {KEY_TTL_SECONDS * SECOND}",
)


def prepare_write(
    changes: Changes, sql_jobs: Sequence[SqlWork]
) -> Callable[[SqlConnection], None] | None:
    """
    Return what writes *changes* and does *sql_jobs*, if there is anything to write.
    """
    batches = [(each, rows) for each, rows in _batches(changes) if rows]

    def apply(connection: SqlConnection) -> None:
        execute_batches(connection, batches)
        if changes.has_deletes_or_finishes:
            _apply_deletions(connection, changes)
        for job in sql_jobs:
            _run_job(connection, job)

    return apply if batches or sql_jobs or changes.has_deletes_or_finishes else None


def _batches(changes: Changes) -> list[Batch]:
    operations = changes.operations.values()
    services = changes.services.values()
    return [
        (_INSERT_COMMAND, [command_insert_row(c) for c in changes.new_commands]),
        (_UPDATE_COMMAND, [_command_update_row(c) for c in _stored_commands(changes)]),
        (_INSERT_DELIVERY, [delivery_row(d) for d in changes.new_deliveries]),
        (
            _UPDATE_DELIVERY,
            [
                _delivery_update_row(d)
                for d in changes.changed_deliveries.values()
                if d.stored
            ],
        ),
        (_INSERT_RESULT, [result_row(r) for r in changes.results]),
        (
            UPSERT_IDEMPOTENCY_KEY,
            [idempotency_key_row(use) for use in changes.idempotency_keys.values()],
        ),
        (INSERT_OPERATION, [operation_row(o) for o in operations if not o.stored]),
        (_UPDATE_OPERATION, [_operation_update_row(o) for o in operations if o.stored]),
        (
            _UPSERT_DEVICE_UPGRADE,
            [
                device_upgrade_row(o, o.device_upgrade)
                for o in operations
                if o.device_upgrade
            ],
        ),
        (INSERT_STEP, [step_row(s) for s in changes.steps]),
        (_INSERT_SERVICE, [service_row(s) for s in services if not s.stored]),
        (_UPDATE_SERVICE, [service_update_row(s) for s in services if s.stored]),
        (_INSERT_NOTIFICATION, [notification_row(n) for n in changes.notifications]),
        (_INSERT_EVENT, [event_row(e) for e in changes.events]),
    ]


def _stored_commands(changes: Changes) -> list[Command]:
    """Return the commands that the file has already; new ones go in as they are."""
    return [c for c in changes.changed_commands.values() if c.stored_state is not None]


def _command_update_row(command: Command) -> Row:
    return (
        command.state._value_,
        command.attempts,
        command.sent_at,
        command.delivered_at,
        command.finished_at,
        command.result_id,
        command.transition_count,
        command.id,
        command.stored_state and command.stored_state._value_,
    )


def _delivery_update_row(delivery: Delivery) -> Row:
    return (
        delivery.delivered_at,
        delivery.ended_at,
        delivery.outcome and delivery.outcome._value_,
        delivery.id,
    )


def idempotency_key_row(use: IdempotencyRecord) -> Row:
    """Return the columns of an idempotency key."""
    key = use.key
    return (
        key.token_id,
        key.path,
        key.value,
        use.fingerprint,
        use.response_body,
        use.created_at,
    )


def _operation_update_row(operation: Operation) -> Row:
    return (
        operation.queued_steps,
        operation.done_steps,
        operation.failed_steps,
        operation.unknown_steps,
        operation.progress,
        operation.status._value_,
        int(operation.canceled),
        operation.started_at,
        operation.ended_at,
        operation.modified_at,
        operation.id,
        operation.version,
    )


def _delete_operation(connection: SqlConnection, operation_id: int) -> None:
    """Delete an operation with what is left of its notifications and its own steps."""
    for table, name in (
        ("notification", "operation_id"),
        ("step", "owner_id"),
        ("device_upgrade", "operation_id"),
        ("operation", "id"),
    ):
        connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (operation_id,))


def _apply_deletions(connection: SqlConnection, changes: Changes) -> None:
    """Do what is no matter of rows."""
    for operation_id in changes.deleted_operations:
        _delete_operation(connection, operation_id)
    for device_id in changes.deleted_shadows:
        connection.execute("DELETE FROM shadow WHERE device_id = ?", (device_id,))
    for finish in changes.tasks_to_finish:
        event = finish.event if _finish_task(connection, finish) else None
        if event is not None:
            _INSERT_EVENT.execute(connection, [event_row(event)])
            changes.events.append(event)


def _finish_task(connection: SqlConnection, finish: TaskFinish) -> bool:
    """End a task if none of its operations runs; tell whether it ended."""
    values = (finish.at, finish.task_id)
    return connection.execute(_FINISH_TASK, values).rowcount == 1


def _run_job(connection: SqlConnection, job: SqlWork) -> None:
    """Do one job's statements, wholly or not at all."""
    assert job.work is not None  # noqa: S101 - it is a decision otherwise
    job.value = job.work(connection)
