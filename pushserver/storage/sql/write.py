"""What one round writes: few statements, each over all rows of its kind."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs

from pushserver.clock import SECOND
from pushserver.model.changes import Changes, Finish
from pushserver.model.command import Command, HandOut
from pushserver.model.idempotency import KEPT, KeyUse
from pushserver.model.operation import Operation
from pushserver.storage.command_rows import (
    HAND_OUT,
    NEW_COMMAND,
    RESULT,
    hand_out_row,
    insert_command_row,
    result_row,
)
from pushserver.storage.rows import Row, columns
from pushserver.storage.schema import column_kinds
from pushserver.storage.shadow_rows import SHADOW, service_row, track_row
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.statement import Batch, Statement, insert, run_all, upsert
from pushserver.storage.subscription_rows import EVENT, event_row
from pushserver.storage.tracking_rows import (
    NOTIFICATION,
    OPERATION,
    STEP,
    notification_row,
    operation_row,
    step_row,
)
from pushserver.storage.upgrade_rows import NEW_PART, part_row


class Work(Protocol):
    """Statements of somebody's own, and where their value goes."""

    work: Callable[[Connection], Any] | None
    value: Any


_ADD = insert("command", NEW_COMMAND)
# Guarded by the state that memory believed in: the file decides.
_MOVE = Statement(
    "UPDATE command SET state = new.column1,"
    " attempts = CAST(new.column2 AS BIGINT), sent_at = CAST(new.column3 AS BIGINT),"
    " delivered_at = CAST(new.column4 AS BIGINT),"
    " finished_at = CAST(new.column5 AS BIGINT),"
    " result_id = CAST(new.column6 AS BIGINT), turns = CAST(new.column7 AS BIGINT)"
    " FROM (VALUES {}) AS new"
    " WHERE command.id = CAST(new.column8 AS BIGINT)"
    " AND command.state || '' = new.column9",
    9,
    guarded=True,
)
_HAND_OUT = insert("delivery", HAND_OUT)
_END = Statement(
    "UPDATE delivery SET delivered_at = CAST(new.column1 AS BIGINT),"
    " ended_at = CAST(new.column2 AS BIGINT), outcome = new.column3"
    " FROM (VALUES {}) AS new WHERE delivery.id = CAST(new.column4 AS BIGINT)",
    4,
)
_RESULT = insert("result", RESULT)
ADD_OPERATION = insert("operation", OPERATION)
_TRACK = Statement(
    "UPDATE operation SET queued = CAST(new.column1 AS BIGINT),"
    " done = CAST(new.column2 AS BIGINT), failed = CAST(new.column3 AS BIGINT),"
    " unknown = CAST(new.column4 AS BIGINT), progress = CAST(new.column5 AS BIGINT),"
    " status = new.column6, canceled = CAST(new.column7 AS BIGINT),"
    " started_at = CAST(new.column8 AS BIGINT),"
    " ended_at = CAST(new.column9 AS BIGINT),"
    " modified_at = CAST(new.column10 AS BIGINT), version = version + 1"
    " FROM (VALUES {}) AS new WHERE operation.id = CAST(new.column11 AS BIGINT)"
    " AND operation.version = CAST(new.column12 AS BIGINT)",
    12,
    guarded=True,
)
_PART = Statement(
    f"INSERT INTO upgrade_part ({NEW_PART}) VALUES {{}}"
    " ON CONFLICT (operation_id) DO UPDATE SET state = excluded.state,"
    " source_version = excluded.source_version,"
    " current_version = excluded.current_version, missing = excluded.missing,"
    " tries = excluded.tries, updating_at = excluded.updating_at,"
    " error_code = excluded.error_code, error = excluded.error",
    columns(NEW_PART),
    kinds=column_kinds("upgrade_part", NEW_PART),
)
ADD_STEP = insert("step", STEP)
_ADD_SERVICE = insert("shadow", SHADOW)
_TRACK_SERVICE = Statement(
    "UPDATE shadow SET desired = new.column1, reported = new.column2,"
    " version = CAST(new.column3 AS BIGINT),"
    " desired_at = CAST(new.column4 AS BIGINT),"
    " reported_at = CAST(new.column5 AS BIGINT),"
    " command_id = CAST(new.column6 AS BIGINT), sent = new.column7,"
    " carried = new.column8, sent_version = CAST(new.column9 AS BIGINT),"
    " outcome = new.column10, verified = CAST(new.column11 AS BIGINT),"
    " error = new.column12, lapsed = CAST(new.column13 AS BIGINT),"
    " due = CAST(new.column14 AS BIGINT), planned = CAST(new.column15 AS BIGINT),"
    " read_id = CAST(new.column16 AS BIGINT), asked = new.column17"
    " FROM (VALUES {}) AS new WHERE shadow.device_id = CAST(new.column18 AS BIGINT)"
    " AND shadow.service_id = new.column19",
    19,
)
_TELL = insert("notification", NOTIFICATION)
_HAPPEN = insert("event", EVENT)
_FINISH = (
    "UPDATE task SET ended_at = ?,"
    " state = CASE state WHEN 'CANCELED' THEN 'CANCELED' ELSE 'COMPLETED' END"
    " WHERE id = ? AND ended_at IS NULL AND state <> 'PREPARING'"
    " AND NOT EXISTS (SELECT 1 FROM operation WHERE task_id = task.id"
    " AND retried = 0 AND status = 'RUNNING')"
)
_KEY_COLUMNS = "token_id, path, value, fingerprint, answer, created_at"
KEY = upsert("idempotency_key", _KEY_COLUMNS, key="token_id, path, value")
#: The same, unless the key is in use.
NEW_KEY = attrs.evolve(
    KEY,
    sql=f"{KEY.sql} WHERE idempotency_key.created_at"
    f" <= excluded.created_at - {KEPT * SECOND}",
)


def write(
    changes: Changes, works: Sequence[Work]
) -> Callable[[Connection], None] | None:
    """Return what writes *changes* and does *works*, if there is anything to write."""
    batches = [(each, rows) for each, rows in _batches(changes) if rows]

    def writing(connection: Connection) -> None:
        run_all(connection, batches)
        if changes.has_more:
            _write_more(connection, changes)
        for job in works:
            _do(connection, job)

    return writing if batches or works or changes.has_more else None


def _batches(changes: Changes) -> list[Batch]:
    tracked = changes.operations.values()
    services = changes.services.values()
    return [
        (_ADD, [insert_command_row(c) for c in changes.added]),
        (_MOVE, [_move_row(c) for c in _moved(changes)]),
        (_HAND_OUT, [hand_out_row(d) for d in changes.handed_out]),
        (_END, [_end_row(d) for d in changes.deliveries.values() if d.stored]),
        (_RESULT, [result_row(r) for r in changes.results]),
        (KEY, [key_row(use) for use in changes.keys.values()]),
        (ADD_OPERATION, [operation_row(o) for o in tracked if not o.stored]),
        (_TRACK, [_track_row(o) for o in tracked if o.stored]),
        (_PART, [part_row(o, o.upgrade) for o in tracked if o.upgrade]),
        (ADD_STEP, [step_row(s) for s in changes.steps]),
        (_ADD_SERVICE, [service_row(s) for s in services if not s.stored]),
        (_TRACK_SERVICE, [track_row(s) for s in services if s.stored]),
        (_TELL, [notification_row(n) for n in changes.notifications]),
        (_HAPPEN, [event_row(e) for e in changes.events]),
    ]


def _moved(changes: Changes) -> list[Command]:
    """Return the commands that the file has already; new ones go in as they are."""
    return [c for c in changes.commands.values() if c.stored is not None]


def _move_row(command: Command) -> Row:
    return (
        command.state._value_,
        command.attempts,
        command.sent_at,
        command.delivered_at,
        command.finished_at,
        command.result_id,
        command.turns,
        command.id,
        command.stored and command.stored._value_,
    )


def _end_row(delivery: HandOut) -> Row:
    return (
        delivery.delivered_at,
        delivery.ended_at,
        delivery.outcome and delivery.outcome._value_,
        delivery.id,
    )


def key_row(use: KeyUse) -> Row:
    """Return the columns of an idempotency key."""
    key = use.key
    return (
        key.token_id,
        key.path,
        key.value,
        use.fingerprint,
        use.answer,
        use.created_at,
    )


def _track_row(operation: Operation) -> Row:
    return (
        operation.queued,
        operation.done,
        operation.failed,
        operation.unknown,
        operation.progress,
        operation.status._value_,
        int(operation.canceled),
        operation.started_at,
        operation.ended_at,
        operation.modified_at,
        operation.id,
        operation.version,
    )


def _forget(connection: Connection, operation_id: int) -> None:
    """Delete an operation with what is left of its notifications and its own steps."""
    for table, name in (
        ("notification", "operation_id"),
        ("step", "owner_id"),
        ("upgrade_part", "operation_id"),
        ("operation", "id"),
    ):
        connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (operation_id,))


def _write_more(connection: Connection, changes: Changes) -> None:
    """Do what is no matter of rows."""
    for operation_id in changes.forgotten:
        _forget(connection, operation_id)
    for device_id in changes.deserted:
        connection.execute("DELETE FROM shadow WHERE device_id = ?", (device_id,))
    for finish in changes.finished:
        event = finish.event if _is_finished(connection, finish) else None
        if event is not None:
            _HAPPEN.run(connection, [event_row(event)])
            changes.events.append(event)


def _is_finished(connection: Connection, finish: Finish) -> bool:
    """End a task if none of its operations runs; tell whether it ended."""
    values = (finish.at, finish.task_id)
    return connection.execute(_FINISH, values).rowcount == 1


def _do(connection: Connection, job: Work) -> None:
    """Do one job's statements, wholly or not at all."""
    assert job.work is not None  # noqa: S101 - it is a decision otherwise
    job.value = job.work(connection)
