"""Queue statuses read from the database: other servers' commands count, too."""

from collections.abc import Collection, Mapping
from itertools import islice

import attrs

from pushserver.model.queue_status import EMPTY_QUEUE, InFlightView, QueueStatus
from pushserver.storage.postgres.connection.arrays import array_literal
from pushserver.storage.sql.conditions import IS_IN_FLIGHT, IS_LIVE, IS_WAITING
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.table import Column, Table

#: The most devices in one statement.
_BATCH_SIZE = 1000
# Uses the partial index of live commands.
_FROM_LIVE_COMMANDS = (
    f" FROM command WHERE {IS_LIVE}"
    " AND device_id = ANY(CAST(?1 AS BIGINT[]))"
    " AND scope_id = coalesce(CAST(?2 AS BIGINT), scope_id)"
)
_WAITING_COUNTS = (
    f"SELECT device_id, count(*) {_FROM_LIVE_COMMANDS} AND {IS_WAITING}"
    " GROUP BY device_id"
)
_IN_FLIGHT_COLUMNS = Table(
    "command",
    InFlightView,
    [Column("id", "command_id"), "endpoint", "sent_at", "delivered_at"],
)
_IN_FLIGHT = (
    f"SELECT device_id, {_IN_FLIGHT_COLUMNS.column_list} {_FROM_LIVE_COMMANDS}"
    f" AND {IS_IN_FLIGHT} ORDER BY id DESC"
)

# Through the index on scope and state: what ended is not looked at.
_QUEUE_DEPTHS = (
    f"SELECT device_id, count(*) FROM command WHERE {IS_WAITING} AND scope_id = ?"
    " GROUP BY device_id"
)
_DEVICES_IN_FLIGHT = (
    f"SELECT device_id FROM command WHERE {IS_IN_FLIGHT} AND scope_id = ?"
)


def queue_depths(connection: SqlConnection, scope_id: int) -> Mapping[int, int]:
    """Return how many commands of the scope wait, by device."""
    return dict(connection.execute(_QUEUE_DEPTHS, (scope_id,)).fetchall())


def devices_in_flight(connection: SqlConnection, scope_id: int) -> Collection[int]:
    """Return the devices that have a command of the scope in flight."""
    rows = connection.execute(_DEVICES_IN_FLIGHT, (scope_id,))
    return {device_id for (device_id,) in rows}


def queue_statuses(
    connection: SqlConnection, device_ids: Collection[int], scope_id: int | None
) -> Mapping[int, QueueStatus]:
    """Return the queue statuses of these devices in the scope; None: in every scope."""
    statuses: dict[int, QueueStatus] = {}
    remaining = iter(device_ids)
    while batch := tuple(islice(remaining, _BATCH_SIZE)):
        values = (array_literal(batch), scope_id)
        for device_id, waiting in connection.execute(_WAITING_COUNTS, values):
            statuses[device_id] = QueueStatus(waiting)
        for device_id, *row in connection.execute(_IN_FLIGHT, values):
            status = statuses.get(device_id, EMPTY_QUEUE)
            in_flight = _IN_FLIGHT_COLUMNS.read(row)
            statuses[device_id] = attrs.evolve(status, in_flight=in_flight)
    return statuses
