"""Events and subscriptions: their statements."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs

from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import Subscription
from pushserver.storage.rows import marks
from pushserver.storage.sql.connection import Connection, always_settled
from pushserver.storage.sql.outbox import SqlOutbox
from pushserver.storage.sql.statement import padded
from pushserver.storage.subscription_rows import (
    EVENT,
    SUBSCRIPTION,
    event_from_row,
    subscription_from_row,
    subscription_row,
)

T = TypeVar("T")

_ALL = f"SELECT {SUBSCRIPTION} FROM subscription ORDER BY id"
_ADD = f"INSERT INTO subscription ({SUBSCRIPTION}) VALUES ({marks(SUBSCRIPTION)})"
_NEWEST = "SELECT coalesce(max(id), 0) FROM event WHERE id < ?"
_AFTER = (
    f"SELECT {EVENT} FROM event WHERE scope_id = ? AND id > ? AND id < ?"
    " ORDER BY id LIMIT ?"
)
_COUNT = "SELECT count(*) FROM event WHERE scope_id = ? AND id > ? AND id <= ?"
_HORIZON = "SELECT id FROM event WHERE scope_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?"
_OLD = (
    "SELECT id FROM event WHERE id < ? AND NOT EXISTS (SELECT 1 FROM webhook"
    " WHERE event_id = event.id AND state <> 'delivered') ORDER BY id LIMIT ?"
)


@attrs.frozen
class SqlSubscriptions(SqlOutbox):
    """
    Keeps the promise of `SubscriptionStore`.

    What has an id below `settled` is there, or never will be: who follows events by
    their ids misses none.
    """

    settled: Callable[[], Awaitable[int]] = always_settled

    async def all_subscriptions(self) -> Sequence[Subscription]:
        """Return every subscription."""
        return await self._list(_ALL, (), subscription_from_row)

    async def add_subscription(self, subscription: Subscription) -> None:
        """Keep a subscription."""
        row = subscription_row(subscription)
        await self.write(lambda c: c.execute(_ADD, row))

    async def change_subscription(
        self, subscription: Subscription, names: Sequence[str]
    ) -> None:
        """Write some fields of a subscription."""
        row = dict(
            zip(SUBSCRIPTION.split(", "), subscription_row(subscription), strict=True)
        )
        fields = ", ".join(f"{name} = ?" for name in names)
        sql = f"UPDATE subscription SET {fields} WHERE id = ?"
        values = [*(row[name] for name in names), subscription.id]
        if names:
            await self.write(lambda c: c.execute(sql, values))

    async def forget_subscription(self, subscription_id: int) -> None:
        """Delete a subscription."""
        sql = "DELETE FROM subscription WHERE id = ?"
        await self.write(lambda c: c.execute(sql, (subscription_id,)))

    async def newest_event(self) -> int:
        """Return the id of the newest event."""
        return await self._number(_NEWEST, (await self.settled(),))

    async def events(self, scope_id: int, *, after: int, limit: int) -> Sequence[Event]:
        """Return events in order."""
        values = (scope_id, after, await self.settled(), limit)
        return await self._list(_AFTER, values, event_from_row)

    async def events_by_id(self, ids: Sequence[int]) -> Sequence[Event]:
        """Return these events."""
        if not ids:
            return []
        sql = f"SELECT {EVENT} FROM event WHERE id IN ({', '.join('?' * len(ids))})"
        return await self._list(sql, ids, event_from_row)

    async def count_events(self, scope_id: int, *, after: int, to: int) -> int:
        """Count events."""
        return await self._number(_COUNT, (scope_id, after, to))

    async def horizon(self, scope_id: int, *, keep: int) -> int:
        """Return the id of the scope's newest event but *keep*."""
        found: list[int] = await self._list(
            _HORIZON, (scope_id, keep), lambda row: row[0]
        )
        return found[0] if found else 0

    async def purge_events(self, *, before: int, limit: int) -> int:
        """Delete old events and what was told of them; read first, then write."""
        values = (first_id_at(before), limit)
        ids: list[int] = await self._list(_OLD, values, lambda row: row[0])
        these = padded(ids)

        def work(connection: Connection) -> int:
            marks = ", ".join("?" * len(these))
            connection.execute(
                f"DELETE FROM webhook WHERE event_id IN ({marks})", these
            )
            connection.execute(f"DELETE FROM event WHERE id IN ({marks})", these)
            return len(ids)

        return await self.write(work) if ids else 0
