"""Events and subscriptions."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.event import Event
from pushserver.model.ids import first_id_at
from pushserver.model.subscription import Subscription
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import insert, pad_ids
from pushserver.storage.sql.connection import SqlConnection, no_low_watermark
from pushserver.storage.sql.fetch import fetch_all, fetch_column, fetch_value
from pushserver.storage.sql.outbox import SqlOutbox
from pushserver.storage.sql.scopes import lock_scope, scope_is_gone
from pushserver.storage.subscription_rows import LIGHT_EVENTS, SUBSCRIPTIONS
from pushserver.storage.table import RowWriter, assignments
from pushserver.storage.too_long import TooLong

_SELECT_ALL = f"SELECT {SUBSCRIPTIONS.column_list} FROM subscription ORDER BY id"
_INSERT = insert(SUBSCRIPTIONS)
_NEWEST = "SELECT coalesce(max(id), 0) FROM event WHERE id < ?"
_SELECT_EVENTS = f"SELECT {LIGHT_EVENTS.column_list} FROM event WHERE"
_SELECT_AFTER = (
    f"{_SELECT_EVENTS} scope_id = ? AND id > ? AND id < ? ORDER BY id LIMIT ?"
)
_SELECT_DATA = (
    "SELECT length(data), CASE WHEN length(data) <= ? THEN data END FROM event"
    " WHERE id = ?"
)
#: More than any event has.
_NO_BOUND = 2**31 - 1
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
    Implements `SubscriptionStore`.

    No more events with ids below `low_watermark` are added, so a reader that follows
    events by id misses none.
    """

    low_watermark: Callable[[], Awaitable[int]] = no_low_watermark

    async def all_subscriptions(self) -> Sequence[Subscription]:
        return await fetch_all(self.reader, SUBSCRIPTIONS.read, _SELECT_ALL, ())

    async def add_subscription(
        self, subscription: Subscription, audit: Sequence[AuditEntry] = ()
    ) -> None:
        def work(connection: SqlConnection) -> bool:
            if not lock_scope(connection, subscription.scope_id):
                return False
            _INSERT.write(connection, [subscription])
            write_audit(connection, audit)
            return True

        if not await self.write(work, audit):
            raise scope_is_gone(subscription.scope_id)

    async def update_subscription(
        self,
        subscription: Subscription,
        names: Sequence[str],
        audit: Sequence[AuditEntry] = (),
    ) -> None:
        if names:
            columns = SUBSCRIPTIONS.with_fields(names)
            sql = f"UPDATE subscription SET {assignments(columns)} WHERE id = ?"
            values = RowWriter([*columns, *SUBSCRIPTIONS.pick("id")])(subscription)
            await self._execute(sql, values, audit)

    async def delete_subscription(
        self, subscription_id: int, audit: Sequence[AuditEntry] = ()
    ) -> None:
        sql = "DELETE FROM subscription WHERE id = ?"
        await self._execute(sql, (subscription_id,), audit)

    async def _execute(
        self, sql: str, values: Sequence[Any], audit: Sequence[AuditEntry]
    ) -> None:
        def work(connection: SqlConnection) -> None:
            connection.execute(sql, values)
            write_audit(connection, audit)

        await self.write(work, audit)

    async def newest_event_id(self) -> int:
        return int(
            await fetch_value(self.reader, _NEWEST, (await self.low_watermark(),))
        )

    async def events(self, scope_id: int, *, after: int, limit: int) -> Sequence[Event]:
        values = (scope_id, after, await self.low_watermark(), limit)
        return await fetch_all(self.reader, LIGHT_EVENTS.read, _SELECT_AFTER, values)

    async def events_by_id(self, ids: Sequence[int]) -> Sequence[Event]:
        if not ids:
            return []
        sql = f"{_SELECT_EVENTS} id IN ({', '.join('?' * len(ids))})"
        return await fetch_all(self.reader, LIGHT_EVENTS.read, sql, ids)

    async def event_data(
        self, event_id: int, *, longest: int | None = None
    ) -> bytes | None:
        values = (_NO_BOUND if longest is None else longest, event_id)
        for size, data in await fetch_all(self.reader, tuple, _SELECT_DATA, values):
            if data is None:
                raise TooLong(size)
            return bytes(data)
        return None

    async def count_events(self, scope_id: int, *, after: int, to: int) -> int:
        return int(await fetch_value(self.reader, _COUNT, (scope_id, after, to)))

    async def backlog_start(self, scope_id: int, *, keep: int) -> int:
        values = (scope_id, keep)
        found = await fetch_column(self.reader, _SELECT_BACKLOG_START, values)
        return found[0] if found else 0

    async def purge_events(self, *, before: int, limit: int) -> int:
        values = (first_id_at(before), limit)
        # Searched before writing, because the long search would delay other writers.
        ids = await fetch_column(self.reader, _SELECT_PURGEABLE, values)
        padded_ids = pad_ids(ids) if ids else ()
        condition = f"IN ({', '.join('?' * len(padded_ids))})"

        def work(connection: SqlConnection) -> int:
            connection.execute(
                f"DELETE FROM webhook WHERE event_id {condition}", padded_ids
            )
            connection.execute(f"DELETE FROM event WHERE id {condition}", padded_ids)
            return len(ids)

        return await self.write(work) if ids else 0
