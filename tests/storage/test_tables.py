"""What is stored of each value: every field in a column, every column by name."""

from typing import Any

import attrs
import pytest

from pushserver.model.audit import AuditEntry
from pushserver.model.command import Command, Delivery, Result
from pushserver.model.device import MIN_OFFLINE_AFTER, Device
from pushserver.model.event import Event
from pushserver.model.operation import Notification, Operation
from pushserver.model.scope import Scope
from pushserver.model.session import Session
from pushserver.model.shadow import Service
from pushserver.model.state import IN_FLIGHT, LIVE
from pushserver.model.subscription import Subscription, WebhookDelivery
from pushserver.model.task import Task
from pushserver.model.token import Token
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.audit_rows import AUDIT
from pushserver.storage.base import Store
from pushserver.storage.command_rows import DELIVERIES, NEW_COMMANDS, RESULTS
from pushserver.storage.device_rows import DEVICES, DEVICES_SEEN, UNKNOWN_REQUESTS
from pushserver.storage.idempotency_rows import IDEMPOTENCY_KEYS
from pushserver.storage.operation_rows import NOTIFICATIONS, OPERATIONS, STEPS
from pushserver.storage.schema_file import schema_sql
from pushserver.storage.scope_rows import SCOPES, TOKENS
from pushserver.storage.session_rows import SESSIONS
from pushserver.storage.shadow_rows import SERVICES
from pushserver.storage.sql.conditions import IS_IN_FLIGHT, IS_LIVE
from pushserver.storage.subscription_rows import (
    EVENTS,
    STREAM_INTERESTS,
    SUBSCRIPTIONS,
    WEBHOOKS,
)
from pushserver.storage.table import Codec, Column, Join, Table
from pushserver.storage.task_rows import TASKS
from pushserver.storage.upgrade_rows import DEVICE_UPGRADES, UPGRADES
from tests.clock import START
from tests.storage.operations import steps_of, task, task_operation
from tests.storage.test_devices import device

#: What only memory knows of a value.
TRANSIENT: dict[type, set[str]] = {
    AuditEntry: {"first"},
    Command: {
        "stored_state",
        "order",
        "operation",
        "service",
        "superseded",
        "blocked_until",
    },
    Delivery: {"stored"},
    Result: {"trace_id"},
    Device: {
        "known_poll",
        "was_last_poll_idle",
        "hang_up_count",
        "shortest_aborted_hold",
        "other_address",
        "address_changed_at",
        "identity_conflicts",
        "identity_conflict_at",
        "conflict_event_at",
        "incumbent_address",
        "shut_out_address",
        "second",
        "requests_in_second",
    },
    Operation: {"stored", "device_upgrade"},
    Service: {"stored"},
}
STORED: dict[type, list[Table[Any]]] = {
    AuditEntry: [AUDIT],
    Command: [NEW_COMMANDS],
    Delivery: [DELIVERIES],
    Result: [RESULTS],
    Device: [DEVICES, DEVICES_SEEN],
    UnknownRequest: [UNKNOWN_REQUESTS],
    Event: [EVENTS],
    Notification: [NOTIFICATIONS],
    Operation: [OPERATIONS],
    Scope: [SCOPES],
    Service: [SERVICES],
    Session: [SESSIONS],
    Subscription: [SUBSCRIPTIONS],
    Task: [TASKS],
    Token: [TOKENS],
    WebhookDelivery: [WEBHOOKS],
}
TABLES = [
    *(table for tables in STORED.values() for table in tables),
    IDEMPOTENCY_KEYS,
    STEPS,
    STREAM_INTERESTS,
    UPGRADES,
    DEVICE_UPGRADES,
]
#: Columns that statements of their own write.
WRITTEN_APART = {"token": {"revoked_at"}}


@pytest.mark.parametrize("kind", STORED)
def test_every_field_is_stored(kind: type) -> None:
    """A field of a value has a column, unless only memory knows it."""
    columns = [column for table in STORED[kind] for column in table.columns]
    fields = {column.field.partition(".")[0] for column in columns}

    expected = {field.name for field in attrs.fields(kind)}
    assert expected == fields | TRANSIENT.get(kind, set())


async def test_every_column_is_written(store: Store) -> None:
    """A table's columns are those of the schema, no more and no fewer."""
    for table in TABLES:
        sql = f"SELECT * FROM {table.name} LIMIT 0"  # noqa: S608 - our own names
        cursor: Any = await store.list_reader.run(lambda c, sql=sql: c.execute(sql))  # type: ignore[attr-defined]
        expected = {name for name, *_ in cursor.description}
        written = {column.name for column in table.columns}
        assert expected == written | WRITTEN_APART.get(table.name, set()), table.name


def test_a_join_reads_each_table() -> None:
    """Of a joined row each table gets its own columns, and None where none match."""
    left: Table[dict[str, Any]] = Table(
        "a", dict, ["id, name", Column("number", codec=Codec(str, int))]
    )
    right: Table[dict[str, Any]] = Table("b", dict, ["id", Column("b_name", "name")])
    join = Join.of(left, right)

    assert "a.id, a.name, a.number, b.id, b.b_name" == join.column_list
    assert [{"id": 1, "name": "x", "number": 7}, {"id": 2, "name": None}] == join.read(
        (1, "x", "7", 2, None)
    )
    assert [{"id": 1, "name": "x", "number": None}, None] == join.read(
        (1, "x", None, None, None)
    )


def test_indexes_are_of_the_live_states() -> None:
    """The conditions of the partial indexes are those of the statements."""
    schema = schema_sql()

    assert f"WHERE {IS_LIVE};" in schema
    assert f"WHERE {IS_IN_FLIGHT};" in schema
    assert LIVE > IN_FLIGHT


@pytest.mark.parametrize("hold", [None, 0, 90_000_000])
@pytest.mark.parametrize("period", [None, 1, 10_000_000, 10_000_001, 600_000_000])
async def test_online_is_the_same_in_sql(
    store: Store, hold: int | None, period: int | None
) -> None:
    """The store takes a device to be online for just as long as `Device` does."""
    polled = device(hold=hold, last_seen_at=START, poll_period=period)
    await store.save_devices([polled])
    await store.save_last_seen([polled], [], keep=1)
    whole = task(step_count=1)
    await store.tasks.add_task(whole, steps_of(whole.id, 1))
    await store.tasks.add_operations([task_operation(whole)])
    server_hold = 5_000_000
    offline_at = START + polled.offline_after(server_hold)

    for now in (START, offline_at - 1, offline_at, offline_at + MIN_OFFLINE_AFTER):
        steps = await store.tasks.startable_steps(
            whole.id, now=now, hold=server_hold, limit=1
        )
        assert polled.is_online(now, server_hold) is bool(steps)
