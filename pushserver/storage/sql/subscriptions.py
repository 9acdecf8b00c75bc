"""Events and subscriptions: their statements."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs

from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import Subscription
from pushserver.storage.rows import placeholders
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.connection import SqlConnection, no_low_watermark
from pushserver.storage.sql.outbox import SqlOutbox
from pushserver.storage.subscription_rows import (
    EVENT_COLUMNS,
    SUBSCRIPTION_COLUMNS,
    event_from_row,
    subscription_from_row,
    subscription_row,
)

T = TypeVar("T")

_ALL = f"SELECT {SUBSCRIPTION_COLUMNS} FROM subscription ORDER BY id"
_ADD = (
    f"INSERT INTO subscription ({SUBSCRIPTION_COLUMNS}) VALUES"
    f" ({placeholders(SUBSCRIPTION_COLUMNS)})"
)
_NEWEST = "SELECT coalesce(max(id), 0) FROM event WHERE id < ?"
_AFTER = (
    f"SELECT {EVENT_COLUMNS} FROM event WHERE scope_id = ? AND id > ? AND id < ?"
    " ORDER BY id LIMIT ?"
)
_COUNT = "SELECT count(*) FROM event WHERE scope_id = ? AND id > ? AND id <= ?"
_SELECT_BACKLOG_START = (
    "SELECT id FROM event WHERE scope_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
)
_SELECT_PURGEABLE = (
    "SELECT id FROM event WHERE id < ? AND NOT EXISTS (SELECT 1 FROM webhook"
    " WHERE event_id = event.id AND state <> 'delivered') ORDER BY id LIMIT ?"
)


@attrs.frozen
class SqlSubscriptions(SqlOutbox):
    """
    Keeps the promise of `SubscriptionStore`.

    What has an id below `low_watermark` is there, or never will be: who follows events
    by their ids misses none.
    """

    low_watermark: Callable[[], Awaitable[int]] = no_low_watermark

    async def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription."""
        return await self._fetch_all(_ALL, (), subscription_from_row)

    async def add_subscription(self, subscription: Subscription) -> None:
        """Keep a subscription."""
        row = subscription_row(subscription)
        await self.write(lambda c: c.execute(_ADD, row))

    async def update_subscription(
        self, subscription: Subscription, names: Sequence[str]
    ) -> None:
        """Write some fields of a subscription."""
        row = dict(
            zip(
                SUBSCRIPTION_COLUMNS.split(", "),
                subscription_row(subscription),
                strict=True,
            )
        )
        fields = ", ".join(f"{name} = ?" for name in names)
        sql = f"UPDATE subscription SET {fields} WHERE id = ?"
        values = [*(row[name] for name in names), subscription.id]
        if names:
            await self.write(lambda c: c.execute(sql, values))

    async def delete_subscription(self, subscription_id: int) -> None:
        """Delete a subscription."""
        sql = "DELETE FROM subscription WHERE id = ?"
        await self.write(lambda c: c.execute(sql, (subscription_id,)))

    async def newest_event_id(self) -> int:
        """Return the id of the newest event."""
        return await self._number(_NEWEST, (await self.low_watermark(),))

    async def events(self, scope_id: int, *, after: int, limit: int) -> Sequence[Event]:
        """Return events in order."""
        values = (scope_id, after, await self.low_watermark(), limit)
        return await self._fetch_all(_AFTER, values, event_from_row)

    async def events_by_id(self, ids: Sequence[int]) -> Sequence[Event]:
        """Return these events."""
        if not ids:
            return []
        sql = (
            f"SELECT {EVENT_COLUMNS} FROM event WHERE id IN"
            f" ({', '.join('?' * len(ids))})"
        )
        return await self._fetch_all(sql, ids, event_from_row)

    async def count_events(self, scope_id: int, *, after: int, to: int) -> int:
        """Count events."""
        return await self._number(_COUNT, (scope_id, after, to))

    async def backlog_start(self, scope_id: int, *, keep: int) -> int:
        """Return the id of the scope's newest event but *keep*."""
        found: list[int] = await self._fetch_all(
            _SELECT_BACKLOG_START, (scope_id, keep), lambda row: row[0]
        )
        return found[0] if found else 0

    async def purge_events(self, *, before: int, limit: int) -> int:
        """Delete old events and what was told of them; read first, then write."""
        values = (first_id_at(before), limit)
        ids: list[int] = await self._fetch_all(
            _SELECT_PURGEABLE, values, lambda row: row[0]
        )
        padded_ids = pad_ids(ids)

        def work(connection: SqlConnection) -> int:
            id_placeholders = ", ".join("?" * len(padded_ids))
            connection.execute(
                f"DELETE FROM webhook WHERE event_id IN ({id_placeholders})", padded_ids
            )
            connection.execute(
                f"DELETE FROM event WHERE id IN ({id_placeholders})", padded_ids
            )
            return len(ids)

        return await self.write(work) if ids else 0
