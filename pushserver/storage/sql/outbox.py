"""The deliveries of webhooks."""

from collections.abc import Mapping, Sequence

import attrs

from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import (
    PROGRESS_FIELDS,
    Subscription,
    WebhookDelivery,
    WebhookState,
)
from pushserver.storage.sql.bulk import Batch, execute_batches, pad_ids, upsert
from pushserver.storage.sql.conditions import is_of_device
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all, fetch_column, fetch_value
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.subscription_rows import (
    NO_DEVICE,
    SUBSCRIPTIONS,
    WEBHOOKS,
    WEBHOOKS_WITH_EVENTS,
)
from pushserver.storage.subscriptions import Lag
from pushserver.storage.table import Row, RowWriter, assignments

_PROGRESS = SUBSCRIPTIONS.with_fields(PROGRESS_FIELDS)
# A subscription that was disabled, perhaps on another server, stays disabled.
_UPDATE_PROGRESS = "UPDATE subscription SET {} WHERE id = ?".format(
    assignments(_PROGRESS).replace(
        "health = ?", "health = CASE health WHEN 'disabled' THEN health ELSE ? END"
    )
)
_progress_row = RowWriter([*_PROGRESS, *SUBSCRIPTIONS.pick("id")])
_UPSERT = upsert(WEBHOOKS, "subscription_id", "event_id")
_SELECT = f"SELECT {WEBHOOKS.column_list} FROM webhook WHERE"
_SELECT_DUE = (
    f"{_SELECT} subscription_id = ? AND state = 'pending'"
    " AND next_attempt_at <= ? ORDER BY next_attempt_at, event_id LIMIT ?"
)
_NO_OLDER_PENDING = (
    " AND NOT EXISTS (SELECT 1 FROM webhook AS older"
    " WHERE older.subscription_id = webhook.subscription_id"
    " AND older.device_id = webhook.device_id"
    " AND older.event_id < webhook.event_id AND older.state = 'pending'"
)
# `+ 0` keeps SQLite from the index on next_attempt_at: in the order of events it can
# stop at the limit.
_SELECT_DUE_IN_ORDER = (
    f"{_SELECT} subscription_id = ?1 AND state = 'pending'"
    f" AND next_attempt_at + 0 <= ?2{_NO_OLDER_PENDING}"
    " AND older.next_attempt_at > ?2) ORDER BY event_id LIMIT ?3"
)
_NEXT_DUE = (
    "SELECT min(next_attempt_at) FROM webhook"
    " WHERE subscription_id = ? AND state = 'pending'"
)
_NEXT_DUE_IN_ORDER = (
    "SELECT min(next_attempt_at + 0) FROM webhook WHERE subscription_id = ?"
    f" AND state = 'pending'{_NO_OLDER_PENDING})"
)
_BLOCKED = (
    "SELECT DISTINCT device_id FROM webhook"
    " WHERE subscription_id = ? AND state = 'pending'"
)
_SELECT_ONE = f"{_SELECT} subscription_id = ? AND event_id = ?"
_SELECT_WITH_EVENTS = (
    f"SELECT {WEBHOOKS_WITH_EVENTS.column_list} FROM webhook"
    " LEFT JOIN event ON event.id = webhook.event_id"
    " WHERE webhook.subscription_id = ?"
)
_LAGS = (
    "SELECT column1, (SELECT count(*) FROM webhook WHERE subscription_id = column1"
    " AND state = 'pending'), (SELECT count(*) FROM webhook"
    " WHERE subscription_id = column1 AND state = 'dead'),"
    " (SELECT count(*) FROM event WHERE scope_id = column2 AND id > column3)"
    " FROM (VALUES {}) AS given"
)
_LAG_OF = f"({', '.join(['CAST(? AS BIGINT)'] * 3)})"
#: Of so many subscriptions at a time: others, too, have to read.
_MAX_LAGS = 64
_RETRY_PENDING_NOW = (
    "UPDATE webhook SET next_attempt_at = ?1 WHERE subscription_id = ?2 AND event_id IN"
    " (SELECT event_id FROM webhook WHERE subscription_id = ?2 AND state = 'pending'"
    " AND next_attempt_at > ?1 LIMIT ?3)"
)
_REQUEUE_DEAD = (
    "UPDATE webhook SET state = 'pending', next_attempt_at = ?"
    " WHERE subscription_id = ? AND state = 'dead' AND event_id IN ({})"
)
_PURGE_DEAD = (
    "DELETE FROM webhook WHERE (subscription_id, event_id) IN"
    " (SELECT subscription_id, event_id FROM webhook"
    " WHERE state = 'dead' AND event_id < ? LIMIT ?)"
)
# Skips from one subscription with deliveries to the next, not from row to row.
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
    """Implements the part of `SubscriptionStore` about deliveries."""

    reader: SqlReader
    write: SqlWriter

    async def purge_orphaned_deliveries(self, *, limit: int) -> int:
        deleted = await fetch_column(self.reader, _SELECT_DELETED_SUBSCRIPTION, ())
        if not deleted:
            return 0
        values = (deleted[0], limit)
        return await self.write(
            lambda c: c.execute(_DELETE_DELIVERIES, values).rowcount
        )

    async def due_deliveries(
        self, subscription_id: int, *, now: int, ordered: bool, limit: int
    ) -> Sequence[WebhookDelivery]:
        sql = _SELECT_DUE_IN_ORDER if ordered else _SELECT_DUE
        values = (subscription_id, now, limit)
        return await fetch_all(self.reader, WEBHOOKS.read, sql, values)

    async def next_due_at(self, subscription_id: int, *, ordered: bool) -> int | None:
        sql = _NEXT_DUE_IN_ORDER if ordered else _NEXT_DUE
        due_at: int | None = await fetch_value(self.reader, sql, (subscription_id,))
        return due_at

    async def devices_with_pending(self, subscription_id: int) -> frozenset[int | None]:
        found = await fetch_column(self.reader, _BLOCKED, (subscription_id,))
        return frozenset(None if each == NO_DEVICE else each for each in found)

    async def record_deliveries(
        self, subscription: Subscription, deliveries: Sequence[WebhookDelivery]
    ) -> None:
        progress, rows = _progress_row(subscription), _UPSERT.to_rows(deliveries)

        def work(connection: SqlConnection) -> None:
            if connection.execute(_UPDATE_PROGRESS, progress).rowcount:
                execute_batches(connection, [Batch(_UPSERT, rows)])

        await self.write(work)

    async def requeue_delivery(self, delivery: WebhookDelivery) -> None:
        rows = _UPSERT.to_rows([delivery])
        await self.write(lambda c: execute_batches(c, [Batch(_UPSERT, rows)]))

    async def find_delivery(
        self, subscription_id: int, event_id: int
    ) -> WebhookDelivery | None:
        values = (subscription_id, event_id)
        found = await fetch_all(self.reader, WEBHOOKS.read, _SELECT_ONE, values)
        return found[0] if found else None

    async def deliveries(
        self,
        subscription_id: int,
        *,
        state: WebhookState | None,
        before: int | None,
        limit: int,
        device_ids: frozenset[int] | None = None,
    ) -> Sequence[tuple[WebhookDelivery, Event | None]]:
        where, values = "", [subscription_id]
        if state is not None:
            # Literals: each index is of one state.
            where += f" AND webhook.state = '{state.value}'"
        if before is not None:
            where += " AND webhook.event_id < ?"
            values.append(before)

        def read(
            connection: SqlConnection,
        ) -> list[tuple[WebhookDelivery, Event | None]]:
            of_device, ids = is_of_device(connection, device_ids, "webhook.device_id")
            sql = (
                f"{_SELECT_WITH_EVENTS}{where}{of_device}"
                " ORDER BY webhook.event_id DESC LIMIT ?"
            )
            rows = connection.execute(sql, [*values, *ids, limit])
            return list(map(_read_delivery_and_event, rows))

        return await self.reader.run(read)

    async def retry_pending_now(
        self, subscription_id: int, *, now: int, limit: int
    ) -> int:
        values = (now, subscription_id, limit)
        return await self.write(
            lambda c: c.execute(_RETRY_PENDING_NOW, values).rowcount
        )

    async def requeue_dead(
        self, subscription_id: int, event_ids: Sequence[int], *, now: int
    ) -> int:
        if not event_ids:
            return 0
        ids = pad_ids(event_ids)
        sql = _REQUEUE_DEAD.format(", ".join("?" * len(ids)))
        values = (now, subscription_id, *ids)
        return await self.write(lambda c: c.execute(sql, values).rowcount)

    async def dead_letter_backlog(
        self, subscription_id: int, *, keep: int, before: int, limit: int
    ) -> int:

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

    async def lags(self, subscriptions: Sequence[Subscription]) -> Mapping[int, Lag]:
        found: list[tuple[int, Lag]] = []
        for start in range(0, len(subscriptions), _MAX_LAGS):
            some = subscriptions[start : start + _MAX_LAGS]
            values = [v for s in some for v in (s.id, s.scope_id, s.cursor)]
            sql = _LAGS.format(", ".join([_LAG_OF] * len(some)))
            found += await fetch_all(self.reader, _read_lag, sql, values)
        return dict(found)

    async def purge_dead_deliveries(self, *, before: int, limit: int) -> int:
        values = (first_id_at(before), limit)
        return await self.write(lambda c: c.execute(_PURGE_DEAD, values).rowcount)


def _read_delivery_and_event(row: Row) -> tuple[WebhookDelivery, Event | None]:
    delivery, event = WEBHOOKS_WITH_EVENTS.read(row)
    return delivery, event


def _read_lag(row: Row) -> tuple[int, Lag]:
    subscription_id, pending, dead, unprocessed = row
    return subscription_id, Lag(pending, dead, unprocessed)
