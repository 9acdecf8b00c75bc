"""What streams want to hear of, kept: their statements."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.model.event import EventType
from pushserver.storage.rows import count_columns
from pushserver.storage.schema import column_types
from pushserver.storage.sql.bulk import BulkStatement, execute_batches
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.subscriptions import StreamInterest

# What had lapsed begins anew.
_INTEREST = "scope_id, type, since, until"
_KEEP = BulkStatement(
    f"INSERT INTO interest ({_INTEREST}) VALUES {{}}"
    " ON CONFLICT (scope_id, type) DO UPDATE SET since = CASE"
    " WHEN interest.until < excluded.since THEN excluded.since"
    " ELSE interest.since END, until = CASE"
    " WHEN interest.until > excluded.until THEN interest.until"
    " ELSE excluded.until END",
    count_columns(_INTEREST),
    column_types=column_types("interest", _INTEREST),
)
_ALL = f"SELECT {_INTEREST} FROM interest ORDER BY scope_id, type"
_DROP = "DELETE FROM interest WHERE until <= ?"


@attrs.frozen
class SqlStreamInterests:
    """Keeps the promise of `StreamInterestStore`."""

    reader: SqlReader
    write: SqlWriter

    async def all_interests(self) -> Sequence[StreamInterest]:
        """Return what is kept."""
        return await self.reader.run(
            lambda c: [
                StreamInterest(scope_id, EventType(kind), since, until)
                for scope_id, kind, since, until in c.execute(_ALL)
            ]
        )

    async def save_interests(self, interests: Collection[StreamInterest]) -> None:
        """Keep wishes, in one order on all servers."""
        rows = sorted(
            (w.scope_id, w.type.value, w.recorded_since, w.expires_at)
            for w in interests
        )

        def work(connection: SqlConnection) -> None:
            execute_batches(connection, [(_KEEP, rows)])

        await self.write(work)

    async def delete_expired(self, *, now: int) -> None:
        """Forget what has lapsed."""
        await self.write(lambda c: c.execute(_DROP, (now,)))
