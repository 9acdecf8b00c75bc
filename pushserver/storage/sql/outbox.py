"""What was told to subscriptions, and what is still to be: the outbox's statements."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import (
    Subscription,
    WebhookDelivery,
    WebhookState,
)
from pushserver.storage.rows import Row, count_columns, qualified
from pushserver.storage.sql.bulk import execute_batches, upsert
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.subscription_rows import (
    EVENT_COLUMNS,
    WEBHOOK_COLUMNS,
    delivery_progress_row,
    device_id_from_column,
    event_from_row,
    webhook_from_row,
    webhook_row,
)
from pushserver.storage.subscriptions import Lag

T = TypeVar("T")

# Who switched it off may have done it on another server.
_PROGRESS = (
    "UPDATE subscription SET cursor = ?,"
    " health = CASE health WHEN 'disabled' THEN health ELSE ? END,"
    " failures = ?, failing_since = ?, dropped = ?, last_success_at = ?,"
    " last_failure_at = ?, last_error = ? WHERE id = ?"
)
_RECORD = upsert("webhook", WEBHOOK_COLUMNS, key="subscription_id, event_id")
_DUE = (
    f"SELECT {WEBHOOK_COLUMNS} FROM webhook WHERE subscription_id = ?"
    " AND state = 'pending' AND next_attempt_at <= ?"
    " ORDER BY next_attempt_at, event_id LIMIT ?"
)
_NO_OLDER_PENDING = (
    " AND NOT EXISTS (SELECT 1 FROM webhook AS older"
    " WHERE older.subscription_id = webhook.subscription_id"
    " AND older.device_id = webhook.device_id"
    " AND older.event_id < webhook.event_id AND older.state = 'pending'"
)
# The nought keeps SQLite to the order of events: it stops at the limit.
_DUE_IN_ORDER = (
    f"SELECT {WEBHOOK_COLUMNS} FROM webhook WHERE subscription_id = ?1"
    " AND state = 'pending' AND next_attempt_at + 0 <= ?2"
    f"{_NO_OLDER_PENDING} AND older.next_attempt_at > ?2) ORDER BY event_id LIMIT ?3"
)
_NEXT_DUE = (
    "SELECT min(next_attempt_at) FROM webhook WHERE subscription_id = ?"
    " AND state = 'pending'"
)
_NEXT_DUE_IN_ORDER = (
    "SELECT min(next_attempt_at + 0) FROM webhook WHERE subscription_id = ?"
    f" AND state = 'pending'{_NO_OLDER_PENDING})"
)
_BLOCKED = (
    "SELECT DISTINCT device_id FROM webhook"
    " WHERE subscription_id = ? AND state = 'pending'"
)
_FIND = (
    f"SELECT {WEBHOOK_COLUMNS} FROM webhook WHERE subscription_id = ? AND event_id = ?"
)
_LIST = (
    f"SELECT {qualified(WEBHOOK_COLUMNS, 'webhook')},"
    f" {qualified(EVENT_COLUMNS, 'event')}"
    " FROM webhook LEFT JOIN event ON event.id = webhook.event_id"
    " WHERE webhook.subscription_id = ?"
)
_LAG = (
    "SELECT (SELECT count(*) FROM webhook WHERE subscription_id = ?1"
    " AND state = 'pending'), (SELECT count(*) FROM webhook"
    " WHERE subscription_id = ?1 AND state = 'dead'),"
    " (SELECT count(*) FROM event WHERE scope_id = ?2 AND id > ?3)"
)
_RETRY_PENDING_NOW = (
    "UPDATE webhook SET next_attempt_at = ?1 WHERE subscription_id = ?2"
    " AND event_id IN (SELECT event_id FROM webhook"
    " WHERE subscription_id = ?2 AND state = 'pending'"
    " AND next_attempt_at > ?1 LIMIT ?3)"
)
_REQUEUE_DEAD = (
    "UPDATE webhook SET state = 'pending', next_attempt_at = ?1"
    " WHERE subscription_id = ?2 AND event_id IN"
    " (SELECT event_id FROM webhook WHERE subscription_id = ?2"
    " AND state = 'dead' AND event_id >= ?3 LIMIT ?4)"
)
_PURGE_DEAD = (
    "DELETE FROM webhook WHERE (subscription_id, event_id) IN"
    " (SELECT subscription_id, event_id FROM webhook"
    " WHERE state = 'dead' AND event_id < ? LIMIT ?)"
)
# From one subscription that was told anything to the next, not from webhook to webhook.
_SELECT_DELETED_SUBSCRIPTION = (
    "WITH RECURSIVE told(id) AS (SELECT min(subscription_id) FROM webhook"
    " UNION ALL SELECT (SELECT min(subscription_id) FROM webhook"
    " WHERE subscription_id > told.id) FROM told WHERE told.id IS NOT NULL)"
    " SELECT id FROM told WHERE id NOT IN (SELECT id FROM subscription) LIMIT 1"
)
_DELETE_DELIVERIES = (
    "DELETE FROM webhook WHERE (subscription_id, event_id) IN"
    " (SELECT subscription_id, event_id FROM webhook"
    " WHERE subscription_id = ? LIMIT ?)"
)
_SELECT_BACKLOG_LIMIT = (
    "SELECT event_id FROM webhook WHERE subscription_id = ? AND state = 'pending'"
    " ORDER BY event_id DESC LIMIT 1 OFFSET ?"
)
_DEAD_LETTER = (
    "UPDATE webhook SET state = 'dead', next_attempt_at = NULL"
    " WHERE subscription_id = ?1 AND event_id IN"
    " (SELECT event_id FROM webhook WHERE subscription_id = ?1"
    " AND state = 'pending' AND event_id <= ?2 ORDER BY event_id LIMIT ?3)"
)
_COUNT_DROPPED = "UPDATE subscription SET dropped = dropped + ? WHERE id = ?"


@attrs.frozen
class SqlOutbox:
    """Keeps the part of `SubscriptionStore`'s promise that is about deliveries."""

    reader: SqlReader
    write: SqlWriter

    async def purge_orphaned_deliveries(self, *, limit: int) -> int:
        """Delete what was told to subscriptions that are gone."""
        deleted: list[int] = await self._fetch_all(
            _SELECT_DELETED_SUBSCRIPTION, (), lambda row: row[0]
        )
        if not deleted:
            return 0
        values = (deleted[0], limit)
        return await self.write(
            lambda c: c.execute(_DELETE_DELIVERIES, values).rowcount
        )

    async def due_deliveries(
        self, subscription_id: int, *, now: int, ordered: bool, limit: int
    ) -> Sequence[WebhookDelivery]:
        """Return what is to be tried again by now."""
        sql = _DUE_IN_ORDER if ordered else _DUE
        return await self._fetch_all(
            sql, (subscription_id, now, limit), webhook_from_row
        )

    async def next_due_at(self, subscription_id: int, *, ordered: bool) -> int | None:
        """Return when the next is to be tried."""
        sql = _NEXT_DUE_IN_ORDER if ordered else _NEXT_DUE
        found: list[int | None] = await self._fetch_all(
            sql, (subscription_id,), lambda row: row[0]
        )
        return found[0]

    async def devices_with_pending(self, subscription_id: int) -> frozenset[int | None]:
        """Return the devices that have something pending."""
        return frozenset(
            await self._fetch_all(
                _BLOCKED, (subscription_id,), lambda row: device_id_from_column(row[0])
            )
        )

    async def record_deliveries(
        self, subscription: Subscription, deliveries: Sequence[WebhookDelivery]
    ) -> None:
        """Write what came of deliveries, and how the subscription does."""
        progress = delivery_progress_row(subscription)
        rows = [webhook_row(delivery) for delivery in deliveries]

        def work(connection: SqlConnection) -> None:
            if connection.execute(_PROGRESS, progress).rowcount:
                execute_batches(connection, [(_RECORD, rows)])

        await self.write(work)

    async def requeue_delivery(self, delivery: WebhookDelivery) -> None:
        """Write one delivery."""
        row = webhook_row(delivery)
        await self.write(lambda c: execute_batches(c, [(_RECORD, [row])]))

    async def find_delivery(
        self, subscription_id: int, event_id: int
    ) -> WebhookDelivery | None:
        """Return what became of one event."""
        found = await self._fetch_all(
            _FIND, (subscription_id, event_id), webhook_from_row
        )
        return found[0] if found else None

    async def deliveries(
        self,
        subscription_id: int,
        *,
        state: WebhookState | None,
        before: int | None,
        limit: int,
    ) -> Sequence[tuple[WebhookDelivery, Event | None]]:
        """List deliveries, newest events first."""
        # Written out: the indexes are of one state each.
        state_condition = (
            "" if state is None else f" AND webhook.state = '{state.value}'"
        )
        cursor_condition = "" if before is None else " AND webhook.event_id < ?"
        return await self._fetch_all(
            f"{_LIST}{state_condition}{cursor_condition} ORDER BY webhook.event_id"
            " DESC LIMIT ?",
            (subscription_id, *(() if before is None else (before,)), limit),
            _delivery_and_event,
        )

    async def retry_pending_now(
        self, subscription_id: int, *, now: int, limit: int
    ) -> int:
        """Let what is pending be tried again by *now*."""
        values = (now, subscription_id, limit)
        return await self.write(
            lambda c: c.execute(_RETRY_PENDING_NOW, values).rowcount
        )

    async def requeue_dead(
        self, subscription_id: int, *, since: int, now: int, limit: int
    ) -> int:
        """Let what was given up be tried again."""
        values = (now, subscription_id, first_id_at(since), limit)
        return await self.write(lambda c: c.execute(_REQUEUE_DEAD, values).rowcount)

    async def dead_letter_backlog(
        self, subscription_id: int, *, keep: int, before: int, limit: int
    ) -> int:
        """Give up what is pending for too long, or too much."""

        def work(connection: SqlConnection) -> int:
            found = connection.execute(
                _SELECT_BACKLOG_LIMIT, (subscription_id, keep)
            ).fetchone()
            last = max(first_id_at(before) - 1, found[0] if found else 0)
            values = (subscription_id, last, limit)
            given_up = connection.execute(_DEAD_LETTER, values).rowcount
            connection.execute(_COUNT_DROPPED, (given_up, subscription_id))
            return given_up

        return await self.write(work)

    async def lag(self, subscription: Subscription) -> Lag:
        """Count what is pending, dead, and not looked at."""
        values = (subscription.id, subscription.scope_id, subscription.cursor)
        found = await self._fetch_all(_LAG, values, lambda row: Lag(*row))
        return found[0]

    async def purge_dead_deliveries(self, *, before: int, limit: int) -> int:
        """Forget what was given up long ago."""
        values = (first_id_at(before), limit)
        return await self.write(lambda c: c.execute(_PURGE_DEAD, values).rowcount)

    async def _fetch_all(
        self, sql: str, values: Sequence[Any], from_row: Callable[[Row], T]
    ) -> list[T]:
        return await self.reader.run(
            lambda c: [from_row(row) for row in c.execute(sql, values)]
        )

    async def _number(self, sql: str, values: Sequence[Any]) -> int:
        found: list[int] = await self._fetch_all(sql, values, lambda row: row[0])
        return found[0]


def _delivery_and_event(row: Row) -> tuple[WebhookDelivery, Event | None]:
    split = count_columns(WEBHOOK_COLUMNS)
    event = None if row[split] is None else event_from_row(row[split:])
    return webhook_from_row(row[:split]), event
