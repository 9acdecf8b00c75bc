"""Numbers about what is stored."""

import attrs

from pushserver.model.state import CommandState
from pushserver.storage.sql.conditions import IS_IN_FLIGHT, IS_WAITING
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.statistics import Backlog

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


@attrs.frozen
class SqlStatistics:
    """Implements `StatisticsStore`."""

    reader: SqlReader

    async def backlog(self) -> Backlog:
        return await self.reader.run(_read_backlog)


def _read_backlog(connection: SqlConnection) -> Backlog:
    in_flight = connection.execute(_IN_FLIGHT).fetchall()
    (oldest_pending,) = connection.execute(_OLDEST_PENDING).fetchone()
    webhooks, oldest_event = connection.execute(_WEBHOOKS).fetchone()
    by_state = {CommandState(state): count for state, count in in_flight}
    return Backlog(by_state, oldest_pending, webhooks, oldest_event)
