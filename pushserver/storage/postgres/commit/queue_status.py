"""What devices have to do, by the database: other servers know it, too."""

from collections.abc import Collection, Mapping
from itertools import islice

import attrs

from pushserver.model.queue_status import EMPTY_QUEUE, InFlightView, QueueStatus
from pushserver.storage.postgres.commit.lane_locking import array_literal
from pushserver.storage.sql.connection import SqlConnection

#: Devices in one statement.
_BATCH_SIZE = 1000
# The index is that of all which is live.
_FROM_LIVE_COMMANDS = (
    " FROM command WHERE state IN ('PENDING', 'SENT', 'DELIVERED')"
    " AND device_id = ANY(CAST(?1 AS BIGINT[]))"
    " AND scope_id = coalesce(CAST(?2 AS BIGINT), scope_id)"
)
_WAITING_COUNTS = (
    f"SELECT device_id, count(*) {_FROM_LIVE_COMMANDS} AND state = 'PENDING' GROUP"
    " BY device_id"
)
_IN_FLIGHT = (
    f"SELECT device_id, id, endpoint, sent_at, delivered_at {_FROM_LIVE_COMMANDS}"
    " AND state <> 'PENDING'"
)


def queue_statuses(
    connection: SqlConnection, device_ids: Collection[int], scope_id: int | None
) -> Mapping[int, QueueStatus]:
    """Return what these devices have to do for the scope, None: for every one."""
    statuses: dict[int, QueueStatus] = {}
    remaining = iter(device_ids)
    while batch := tuple(islice(remaining, _BATCH_SIZE)):
        values = (array_literal(batch), scope_id)
        for device_id, waiting in connection.execute(_WAITING_COUNTS, values):
            statuses[device_id] = QueueStatus(waiting)
        for device_id, *columns in connection.execute(_IN_FLIGHT, values):
            status = statuses.get(device_id, EMPTY_QUEUE)
            statuses[device_id] = attrs.evolve(status, in_flight=InFlightView(*columns))
    return statuses
