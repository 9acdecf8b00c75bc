"""The past, as far as decisions ask for it."""

from collections.abc import Mapping

import attrs

from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.lane import Lane
from pushserver.storage.command_rows import (
    COMMAND_COLUMNS,
    DELIVERY_COLUMNS,
    command_from_row,
    delivery_from_row,
)
from pushserver.storage.commands import Lookup, PriorDelivery, PriorState
from pushserver.storage.rows import count_columns, qualified
from pushserver.storage.sql.command_queries import find_operation
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.shadows import find_service, find_services

_KEY = (
    "SELECT fingerprint, response_body, created_at FROM idempotency_key"
    " WHERE token_id = ? AND path = ? AND value = ?"
)
_DELIVERY = (
    f"SELECT {qualified(COMMAND_COLUMNS, 'command')},"
    f" {qualified(DELIVERY_COLUMNS, 'delivery')}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE delivery.device_id = ? AND {} ORDER BY delivery.id DESC LIMIT 1"
)
_BY_UUID = _DELIVERY.format("delivery.uuid = ?")
_SELECT_LATER_ANSWERED = (
    "SELECT 1 FROM delivery WHERE device_id = ? AND uuid IS NULL AND id > ?"
    " AND outcome IN ('successful', 'failed') LIMIT 1"
)
_SELECT_LAST_GIVEN_UP = _DELIVERY.format("delivery.outcome = 'noAnswer'")


def run_lookups(
    connection: SqlConnection,
    lookups: Mapping[int, tuple[int, Lookup]],
    lanes: Mapping[int, Lane],
) -> dict[int, PriorState]:
    """
    Answer each recall of a round: (device, what) by the job's place.

    What is in flight in *lanes* was read already.
    """
    return {
        place: _run_lookup(connection, device_id, recall, lanes.get(device_id))
        for place, (device_id, recall) in lookups.items()
    }


def _run_lookup(
    connection: SqlConnection, device_id: int, lookup: Lookup, lane: Lane | None
) -> PriorState:
    by_uuid = last_given_up = None
    if lookup.delivery_uuid is not None:
        by_uuid = _find_in_flight(lane, lookup.delivery_uuid)
        if by_uuid is None:
            by_uuid = _find_prior_delivery(
                connection, _BY_UUID, (device_id, lookup.delivery_uuid)
            )
    if lookup.last_given_up and by_uuid is None:
        last_given_up = _find_last_given_up(connection, device_id)
    key_use = (
        None
        if lookup.idempotency_key is None
        else find_idempotency_key(connection, lookup.idempotency_key)
    )
    operation = None
    if lookup.operation_id is not None:
        operation = find_operation(connection, lookup.operation_id)
    services = find_services(connection, device_id) if lookup.services else ()
    return PriorState(key_use, by_uuid, last_given_up, operation, services)


def _find_in_flight(lane: Lane | None, uuid: str) -> PriorDelivery | None:
    """Return what is in flight if it has the uuid: nothing newer can have it."""
    in_flight = None if lane is None else lane.in_flight
    if in_flight is None or in_flight.delivery.uuid != uuid:
        return None
    return PriorDelivery(in_flight.delivery, in_flight.command)


def _find_last_given_up(
    connection: SqlConnection, device_id: int
) -> PriorDelivery | None:
    last = _find_prior_delivery(connection, _SELECT_LAST_GIVEN_UP, (device_id,))
    if last is None:
        return None
    row = connection.execute(
        _SELECT_LATER_ANSWERED, (device_id, last.delivery.id)
    ).fetchone()
    return attrs.evolve(last, later_answered=row is not None)


def _find_prior_delivery(
    connection: SqlConnection, sql: str, values: tuple[int | str, ...]
) -> PriorDelivery | None:
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    split = count_columns(COMMAND_COLUMNS)
    command = command_from_row(row[:split])
    if command.operation_id is not None:
        command.operation = find_operation(connection, command.operation_id)
    if command.service_id is not None:
        command.service = find_service(connection, command, {})
    return PriorDelivery(delivery_from_row(row[split:]), command)


def find_idempotency_key(
    connection: SqlConnection, key: IdempotencyKey
) -> IdempotencyRecord | None:
    """Return how an idempotency key was used."""
    row = connection.execute(_KEY, (key.token_id, key.path, key.value)).fetchone()
    return (
        None if row is None else IdempotencyRecord(key, row[0], bytes(row[1]), row[2])
    )
