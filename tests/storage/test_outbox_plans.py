"""A long outbox: which index SQLite uses, and how far it reads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import WebhookState
from pushserver.storage.base import Store
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START, ManualClock
from tests.storage.subscriptions import subscription

Query = Callable[[Store], Awaitable[Any]]


@pytest.fixture(name="file")
async def _file(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    """Return an open store."""
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    await store.subscriptions.add_subscription(subscription())
    yield store
    await store.close()


async def plan(file: SqliteStore, ask: Query) -> set[str]:
    """Return how SQLite goes through the tables for what is asked, if it reads them."""
    statements: list[str] = []
    for connection in (file.background_reader, file.group_commit.connection):
        await connection.run(lambda c: c.set_trace_callback(statements.append))
    await ask(file)
    for connection in (file.background_reader, file.group_commit.connection):
        await connection.run(lambda c: c.set_trace_callback(None))
    looking = [s for s in statements if s.startswith(("SELECT", "UPDATE", "DELETE"))]
    steps = [step for each in looking for step in await _steps(file, each)]
    return {step.replace("COVERING ", "") for step in steps}


async def _steps(file: SqliteStore, statement: str) -> list[str]:
    query = f"EXPLAIN QUERY PLAN {statement}"
    rows = await file.list_reader.run(lambda c: c.execute(query).fetchall())
    return [str(row[3]) for row in rows]


def of(name: str, *arguments: Any, **named: Any) -> Query:
    """Return what asks for one thing of the outbox."""

    def ask(store: Store) -> Awaitable[Any]:
        method: Callable[..., Awaitable[Any]] = getattr(store.subscriptions, name)
        return method(*arguments, **named)

    return ask


_due = partial(of, "due_deliveries", 1, now=START, limit=64)
_list = partial(of, "deliveries", 1, before=None, limit=50)
_OLDER = (
    "SEARCH older USING INDEX webhook_device"
    " (subscription_id=? AND device_id=? AND event_id<?)"
)
_BY_TIME = (
    "SEARCH webhook USING INDEX webhook_due (subscription_id=? AND next_attempt_at"
)
_CHOSEN = (
    "SEARCH webhook USING INDEX sqlite_autoindex_webhook_1"
    " (subscription_id=? AND event_id=?)"
)
_NESTED = "CORRELATED SCALAR SUBQUERY 1"
_EVENT = "SEARCH event USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"


@pytest.mark.parametrize(
    ("ask", "steps"),
    [
        (
            _due(ordered=False),
            {f"{_BY_TIME}<?)"},
        ),
        (
            _due(ordered=True),
            {
                "SEARCH webhook USING INDEX webhook_pending (subscription_id=?)",
                _NESTED,
                _OLDER,
            },
        ),
        (
            of("next_due_at", 1, ordered=False),
            {"SEARCH webhook USING INDEX webhook_due (subscription_id=?)"},
        ),
        (
            of("next_due_at", 1, ordered=True),
            {
                "SEARCH webhook USING INDEX webhook_device (subscription_id=?)",
                _NESTED,
                _OLDER,
            },
        ),
        (
            of("devices_with_pending", 1),
            {"SEARCH webhook USING INDEX webhook_device (subscription_id=?)"},
        ),
        (
            of("events", DEFAULT_SCOPE_ID, after=5, limit=64),
            {"SEARCH event USING INDEX event_scope (scope_id=? AND id>? AND id<?)"},
        ),
        (
            of("backlog_start", DEFAULT_SCOPE_ID, keep=10),
            {"SEARCH event USING INDEX event_scope (scope_id=?)"},
        ),
        (
            _list(state=None),
            {
                "SEARCH webhook USING INDEX sqlite_autoindex_webhook_1"
                " (subscription_id=?)",
                _EVENT,
            },
        ),
        (
            _list(state=WebhookState.DEAD),
            {"SEARCH webhook USING INDEX webhook_dead (subscription_id=?)", _EVENT},
        ),
        (
            of("retry_pending_now", 1, now=START, limit=9),
            {_CHOSEN, "LIST SUBQUERY 1", f"{_BY_TIME}>?)"},
        ),
        (
            of("requeue_dead", 1, [START, START + 1], now=START),
            {_CHOSEN},
        ),
        (
            of("dead_letter_backlog", 1, keep=9, before=START, limit=10),
            {
                "SEARCH webhook USING INDEX sqlite_autoindex_webhook_1"
                " (subscription_id=? AND event_id=?)",
                "LIST SUBQUERY 1",
                "SEARCH webhook USING INDEX webhook_pending"
                " (subscription_id=? AND event_id<?)",
                "SEARCH webhook USING INDEX webhook_pending (subscription_id=?)",
                "SEARCH subscription USING INTEGER PRIMARY KEY (rowid=?)",
            },
        ),
        (
            of("purge_events", before=START, limit=10),
            {
                "SEARCH event USING INTEGER PRIMARY KEY (rowid<?)",
                _NESTED,
                "SEARCH webhook USING INDEX webhook_event (event_id=?)",
            },
        ),
    ],
)
async def test_plan(file: SqliteStore, ask: Query, steps: set[str]) -> None:
    """Whatever is asked of the outbox goes by an index, and sorts nothing."""
    assert steps == await plan(file, ask)
