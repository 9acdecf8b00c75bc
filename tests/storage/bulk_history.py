"""Insert a long history with SQL, by the same statements on every store.

All of it has ended, and is spread over a few devices, so that each has much of it. The
oldest few of each kind are rare: a scan for them from the newest end reads everything.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence

import psycopg

from pushserver.clock import SECOND
from pushserver.model.ids import ID_EPOCH_MS
from pushserver.model.subscription import MAX_BACKLOG
from pushserver.storage.base import Store
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START
from tests.model.factories import DAY

#: Devices 1 to 20; the oldest 20 of all that happened, one on each, are rare.
DEVICES = RARE_ROWS = 20
#: One of the devices; what is rare there is one row.
ONE_DEVICE = 5
#: When it began, and how far apart things are.
HISTORY_START = START - 700 * DAY
INTERVAL = 60 * SECOND

#: `i` counts from the oldest on, `at` is an instant, `rare` is 1 or 0.
_ROWS = f"""
WITH RECURSIVE numbers(i) AS (
    SELECT CAST({{first}} AS BIGINT)
    UNION ALL SELECT i + 1 FROM numbers WHERE i < {{last}}
), past AS (
    SELECT i, {HISTORY_START} + i * {INTERVAL} AS at, 1 + i % {DEVICES} AS device,
        ({HISTORY_START} / 1000 + i * {INTERVAL // 1000} - {ID_EPOCH_MS}) << 22 AS id,
        CASE WHEN i < {RARE_ROWS} THEN 1 ELSE 0 END AS rare FROM numbers
)
"""  # noqa: S608 - numbers of ours


def id_of(number: int) -> int:
    """Return the id of the command, task, event and so on with that number."""
    return HISTORY_START // 1000 + number * (INTERVAL // 1000) - ID_EPOCH_MS << 22


_WEBHOOK = {"event_id": "id", "device_id": "device", "attempts": "'[]'"}
#: Columns and values, for each table. `BYTES` are written as each database has them.
_TABLES: Sequence[tuple[str, Mapping[str, str]]] = (
    (
        "command",
        {
            "id": "id",
            "scope_id": "1",
            "device_id": "device",
            "verb": "'POST'",
            "endpoint": "CASE rare WHEN 1 THEN 'reboot' ELSE 'load_objects' END",
            "content_type": "'application/json'",
            "priority": "0",
            "guarantee": "'atLeastOnce'",
            "max_attempts": "5",
            "response_timeout": "180000000",
            "slow": "0",
            "created_at": "at",
            "expires_at": f"at + {DAY}",
            "state": "CASE rare WHEN 1 THEN 'FAILED' ELSE 'SUCCESSFUL' END",
            "attempts": "1",
            "transition_count": "3",
            "sent_at": "at",
            "delivered_at": "at",
            "finished_at": "at",
            "operation_id": f"CASE rare WHEN 1 THEN {id_of(0)} ELSE id END",
            "step": "i",
            "result_id": "id + 2",
            "created_by": "CASE rare WHEN 1 THEN 2 ELSE 1 END",
            "created_by_name": "'one'",
        },
    ),
    (
        "audit",
        {
            "id": "id + 3",
            "scope_id": "1",
            "at": "at",
            "token_id": "CASE rare WHEN 1 THEN 2 ELSE 1 END",
            "actor_name": "'one'",
            "action": "CASE rare WHEN 1 THEN 'device.key' ELSE 'device.change' END",
            "target_kind": "'device'",
            "target_id": "device",
            "device_id": "device",
        },
    ),
    (
        "delivery",
        {
            "id": "id + 1",
            "command_id": "id",
            "device_id": "device",
            "uuid": "CASE rare WHEN 1 THEN NULL ELSE 'u' || i END",
            "sent_at": "at",
            "delivered_at": "at",
            "ended_at": "at",
            "outcome": "CASE rare WHEN 1 THEN 'noAnswer' ELSE 'successful' END",
        },
    ),
    (
        "result",
        {
            "id": "id + 2",
            "scope_id": "1",
            "device_id": "device",
            "command_id": "CASE rare WHEN 1 THEN NULL ELSE id END",
            "delivery_id": "CASE rare WHEN 1 THEN NULL ELSE id + 1 END",
            "received_at": "at",
            "complete": "1",
            "body": "BYTES",
        },
    ),
    (
        "operation",
        {
            "id": "id",
            "scope_id": "1",
            "device_id": "device",
            "task_id": f"CASE i % 2 WHEN 1 THEN {id_of(0)} END",
            "created_at": "at",
            "created_by": "CASE rare WHEN 1 THEN 2 ELSE 1 END",
            "resource": "'r'",
            "action": "'EXECUTE'",
            "app_id": "'a'",
            "on_failure": "'stop'",
            **dict.fromkeys(("step_count", "queued_steps", "done_steps"), "1"),
            **dict.fromkeys(("failed_steps", "unknown_steps"), "0"),
            **dict.fromkeys(("canceled", "retried"), "0"),
            "progress": "100",
            "status": "CASE rare WHEN 1 THEN 'FAILED' ELSE 'COMPLETED' END",
            "started_at": "at",
            "ended_at": "at",
            "modified_at": "at",
            "version": "2",
        },
    ),
    (
        "notification",
        {
            "id": "id",
            "operation_id": "id",
            "scope_id": "1",
            "created_at": "at",
            "created_by": "1",
            "sent_at": "at",
            "status": "'COMPLETED'",
            "progress": "100",
        },
    ),
    (
        "task",
        {
            "id": "id",
            "scope_id": "1",
            "created_at": "at",
            "created_by": "CASE rare WHEN 1 THEN 2 ELSE 1 END",
            "expires_in": f"{DAY}",
            "expires_at": f"at + {DAY}",
            "state": "'COMPLETED'",
            "resource": "'r'",
            "action": "'EXECUTE'",
            "app_id": "'a'",
            "on_failure": "'stop'",
            "step_count": "1",
            "ignored_failures": "0",
            "ended_at": "at",
        },
    ),
    (
        "upgrade",
        {
            "task_id": "id",
            "scope_id": "1",
            "target_version": "'2'",
            "version_pointer": "'/version'",
            **dict.fromkeys(("download_steps", "apply_steps", "max_retries"), "1"),
            "apply_timeout": "1",
        },
    ),
    (
        "device_upgrade",
        {
            "operation_id": "id",
            "state": "'updating'",
            "apply_unanswered": "0",
            "retries_used": "0",
        },
    ),
    (
        "shadow",
        {
            "device_id": "1000 + i",
            "service_id": "'door'",
            "scope_id": "1",
            **dict.fromkeys(("desired", "reported"), "'{}'"),
            **dict.fromkeys(("sent_values", "sent_texts"), "'{}'"),
            "read_keys": "'[]'",
            "desired_version": "1",
            "sent_version": "1",
            **dict.fromkeys(("verified", "write_expired"), "0"),
            **dict.fromkeys(("needs_reconcile", "awaits_step"), "0"),
        },
    ),
    (
        "event",
        {
            "id": "id",
            "scope_id": "1",
            "type": "'device.online'",
            "device_id": "device",
            "at": "at",
            "data": "BYTES",
        },
    ),
    (
        "webhook",
        {
            **_WEBHOOK,
            "subscription_id": "1",
            "state": "CASE rare WHEN 1 THEN 'dead' ELSE 'delivered' END",
        },
    ),
    # One that was away at first, and has as much to be told as may wait.
    (
        "webhook",
        {
            **_WEBHOOK,
            "subscription_id": "2",
            "state": f"CASE WHEN i < {MAX_BACKLOG} THEN 'pending' ELSE 'delivered' END",
            "next_attempt_at": f"CASE WHEN i < {MAX_BACKLOG} THEN at END",
        },
    ),
    (
        "idempotency_key",
        {
            "token_id": "1",
            "path": "'/'",
            "value": "'k' || i",
            "fingerprint": "'f'",
            "response_body": "BYTES",
            "created_at": "at",
        },
    ),
)


async def insert_history(store: Store, start: int, stop: int) -> None:
    """Let happen what has the numbers from *start* up to, but without, *stop*."""
    rows = _ROWS.format(first=start, last=stop - 1)
    if isinstance(store, PostgresStore):
        statements = [_insert_statement(rows, *each, "'{}'") for each in _TABLES]
        url = store.group_commit.writers[0].database.url
        await asyncio.to_thread(_fill_postgres, url, statements)
    elif isinstance(store, SqliteStore):
        statements = [_insert_statement(rows, *each, "x'7b7d'") for each in _TABLES]
        await store.group_commit.connection.run(lambda c: _fill_sqlite(c, statements))


def _insert_statement(
    rows: str, table: str, columns: Mapping[str, str], binary: str
) -> str:
    values = ", ".join(columns.values()).replace("BYTES", binary)
    # Whatever is in it is ours.
    return (
        f"{rows} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM past"  # noqa: S608
    )


def _fill_sqlite(connection: sqlite3.Connection, statements: list[str]) -> None:
    connection.execute("BEGIN")
    for piece in statements:
        connection.execute(piece)
    connection.execute("COMMIT")


def _fill_postgres(url: str, statements: list[str]) -> None:
    # A connection of its own: the store's are given seconds for all that they do.
    with psycopg.connect(url, autocommit=True) as connection:
        for piece in statements:
            connection.execute(piece.encode())
        # As the database does by itself after a while, with what was there before, too.
        connection.execute("VACUUM (ANALYZE)")
