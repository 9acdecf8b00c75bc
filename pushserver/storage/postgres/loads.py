"""What devices have to do, by the database: other servers know it, too."""

from collections.abc import Collection, Mapping
from itertools import islice

import attrs

from pushserver.model.load import NOTHING, Flying, Load
from pushserver.storage.postgres.wanted import array
from pushserver.storage.sql.connection import Connection

#: Devices in one statement.
_SOME = 1000
# The index is that of all which is live.
_COMMANDS = (
    " FROM command WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " AND device_id = ANY(CAST(?1 AS BIGINT[]))"
    " AND scope_id = coalesce(CAST(?2 AS BIGINT), scope_id)"
)
_WAITING = (
    f"SELECT device_id, count(*) {_COMMANDS} AND state = 'PENDING' GROUP BY device_id"
)
_FLYING = (
    f"SELECT device_id, id, endpoint, sent_at, delivered_at {_COMMANDS}"
    " AND state <> 'PENDING'"
)


def loads(
    connection: Connection, device_ids: Collection[int], scope_id: int | None
) -> Mapping[int, Load]:
    """Return what these devices have to do for the scope, None: for every one."""
    found: dict[int, Load] = {}
    left = iter(device_ids)
    while some := tuple(islice(left, _SOME)):
        values = (array(some), scope_id)
        for device_id, waiting in connection.execute(_WAITING, values):
            found[device_id] = Load(waiting)
        for device_id, *flying in connection.execute(_FLYING, values):
            load = found.get(device_id, NOTHING)
            found[device_id] = attrs.evolve(load, flying=Flying(*flying))
    return found
