"""Numbers about what is stored."""

from collections.abc import Mapping, Sequence
from functools import partial

import attrs
import msgspec

from pushserver.metrics.latency import LatencyKind, LatencyRecord
from pushserver.model.ids import first_id_at
from pushserver.model.state import CommandState
from pushserver.storage.sql.conditions import IS_IN_FLIGHT, IS_WAITING
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all
from pushserver.storage.sql.stock import read_stock
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.statistics import Backlog, Stock
from pushserver.storage.table import Row

# With the scopes named, the index on scope and state has the answers.
_IN_FLIGHT = (
    f"SELECT state, count(*) FROM command WHERE {IS_IN_FLIGHT}"
    " AND scope_id IN (SELECT id FROM scope) GROUP BY state"
)
_OLDEST_PENDING = (
    "SELECT min(oldest) FROM (SELECT (SELECT min(id) FROM command WHERE scope_id ="
    f" scope.id AND {IS_WAITING}) AS oldest FROM scope) AS of_scopes"
)
_WEBHOOKS = "SELECT count(*), min(event_id) FROM webhook WHERE state = 'pending'"

_ADD_LATENCY = "INSERT INTO latency (at, server, kind, buckets) VALUES (?, ?, ?, ?)"
_LATENCIES = (
    "SELECT at, server, kind, buckets FROM latency WHERE at > ? ORDER BY at, server"
)
_PURGE_LATENCIES = (
    "DELETE FROM latency WHERE (at, server, kind) IN"
    " (SELECT at, server, kind FROM latency WHERE at < ? ORDER BY at LIMIT ?)"
)
_decode = msgspec.json.Decoder(dict[int, int]).decode


@attrs.frozen
class SqlStatistics:
    """Implements `StatisticsStore`."""

    reader: SqlReader
    write: SqlWriter

    async def backlog(self) -> Backlog:
        return await self.reader.run(_read_backlog)

    async def stock(self, since: int) -> Stock:
        return await self.reader.run(partial(read_stock, first_id=first_id_at(since)))

    async def add_latencies(self, records: Sequence[LatencyRecord]) -> None:
        rows = [(r.at, r.server, r.kind.value, _encode(r.buckets)) for r in records]

        def insert(connection: SqlConnection) -> None:
            for row in rows:
                connection.execute(_ADD_LATENCY, row)

        await self.write(insert)

    async def latencies(self, since: int) -> Sequence[LatencyRecord]:
        return await fetch_all(self.reader, _latency, _LATENCIES, (since,))

    async def purge_latencies(self, *, before: int, limit: int) -> int:
        values = (before, limit)
        return await self.write(lambda c: c.execute(_PURGE_LATENCIES, values).rowcount)


def _latency(row: Row) -> LatencyRecord:
    at, server, kind, buckets = row
    return LatencyRecord(at, server, LatencyKind(kind), _decode(buckets))


def _encode(buckets: Mapping[int, int]) -> str:
    return msgspec.json.encode(buckets).decode()


def _read_backlog(connection: SqlConnection) -> Backlog:
    in_flight = connection.execute(_IN_FLIGHT).fetchall()
    (oldest_pending,) = connection.execute(_OLDEST_PENDING).fetchone()
    webhooks, oldest_event = connection.execute(_WEBHOOKS).fetchone()
    by_state = {CommandState(state): count for state, count in in_flight}
    return Backlog(by_state, oldest_pending, webhooks, oldest_event)
