"""What streams want to hear of, kept: their statements."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.model.event import EventType
from pushserver.storage.rows import columns
from pushserver.storage.schema import column_kinds
from pushserver.storage.sql.connection import Connection, Reader
from pushserver.storage.sql.statement import Statement, run_all
from pushserver.storage.sql.work import Writer
from pushserver.storage.subscribing import Wish

# What had lapsed begins anew.
_INTEREST = "scope_id, type, since, until"
_KEEP = Statement(
    f"INSERT INTO interest ({_INTEREST}) VALUES {{}}"
    " ON CONFLICT (scope_id, type) DO UPDATE SET since = CASE"
    " WHEN interest.until < excluded.since THEN excluded.since"
    " ELSE interest.since END, until = CASE"
    " WHEN interest.until > excluded.until THEN interest.until"
    " ELSE excluded.until END",
    columns(_INTEREST),
    kinds=column_kinds("interest", _INTEREST),
)
_ALL = f"SELECT {_INTEREST} FROM interest ORDER BY scope_id, type"
_DROP = "DELETE FROM interest WHERE until <= ?"


@attrs.frozen
class SqlInterests:
    """Keeps the promise of `InterestStore`."""

    reader: Reader
    write: Writer

    async def all_wishes(self) -> Sequence[Wish]:
        """Return what is kept."""
        return await self.reader.run(
            lambda c: [
                Wish(scope_id, EventType(kind), since, until)
                for scope_id, kind, since, until in c.execute(_ALL)
            ]
        )

    async def keep_wishes(self, wishes: Collection[Wish]) -> None:
        """Keep wishes, in one order on all servers."""
        rows = sorted((w.scope_id, w.type.value, w.since, w.until) for w in wishes)

        def work(connection: Connection) -> None:
            run_all(connection, [(_KEEP, rows)])

        await self.write(work)

    async def drop_wishes(self, *, now: int) -> None:
        """Forget what has lapsed."""
        await self.write(lambda c: c.execute(_DROP, (now,)))
