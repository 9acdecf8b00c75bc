"""The event types to record for streams."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.storage.sql.bulk import Batch, execute_batches, insert
from pushserver.storage.sql.connection import SqlReader
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.subscription_rows import STREAM_INTERESTS
from pushserver.storage.subscriptions import StreamInterest

# An expired interest starts again.
_UPSERT = insert(
    STREAM_INTERESTS,
    " ON CONFLICT (scope_id, type) DO UPDATE SET since = CASE"
    " WHEN interest.until < excluded.since THEN excluded.since"
    " ELSE interest.since END, until = CASE"
    " WHEN interest.until > excluded.until THEN interest.until"
    " ELSE excluded.until END",
)
_SELECT_ALL = (
    f"SELECT {STREAM_INTERESTS.column_list} FROM interest ORDER BY scope_id, type"
)
_DROP = "DELETE FROM interest WHERE until <= ?"


@attrs.frozen
class SqlStreamInterests:
    """Implements `StreamInterestStore`."""

    reader: SqlReader
    write: SqlWriter

    async def all_interests(self) -> Sequence[StreamInterest]:
        return await fetch_all(self.reader, STREAM_INTERESTS.read, _SELECT_ALL, ())

    async def save_interests(self, interests: Collection[StreamInterest]) -> None:
        # Sorted, so that no two servers deadlock.
        ordered = sorted(interests, key=lambda each: (each.scope_id, each.type))
        rows = _UPSERT.to_rows(ordered)
        await self.write(lambda c: execute_batches(c, [Batch(_UPSERT, rows)]))

    async def delete_expired(self, *, now: int) -> None:
        await self.write(lambda c: c.execute(_DROP, (now,)))
