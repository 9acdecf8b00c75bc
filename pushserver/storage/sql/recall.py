"""The past, as far as decisions ask for it."""

from collections.abc import Mapping

import attrs

from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.lane import Lane
from pushserver.storage.command_rows import (
    COMMAND,
    HAND_OUT,
    command_from_row,
    hand_out_from_row,
)
from pushserver.storage.deciding import Past, PastDelivery, Recall
from pushserver.storage.rows import columns, prefixed
from pushserver.storage.sql.connection import Connection
from pushserver.storage.sql.read import find_operation
from pushserver.storage.sql.shadows import find_services, find_shadow

_KEY = (
    "SELECT fingerprint, answer, created_at FROM idempotency_key"
    " WHERE token_id = ? AND path = ? AND value = ?"
)
_DELIVERY = (
    f"SELECT {prefixed(COMMAND, 'command')}, {prefixed(HAND_OUT, 'delivery')}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE delivery.device_id = ? AND {} ORDER BY delivery.id DESC LIMIT 1"
)
_BY_UUID = _DELIVERY.format("delivery.uuid = ?")
_FOLLOWED = (
    "SELECT 1 FROM delivery WHERE device_id = ? AND uuid IS NULL AND id > ?"
    " AND outcome IN ('successful', 'failed') LIMIT 1"
)
_GIVEN_UP = _DELIVERY.format("delivery.outcome = 'noAnswer'")


def recall_all(
    connection: Connection,
    asked: Mapping[int, tuple[int, Recall]],
    lanes: Mapping[int, Lane],
) -> dict[int, Past]:
    """
    Answer each recall of a round: (device, what) by the job's place.

    What is in flight in *lanes* was read already.
    """
    return {
        place: _recall(connection, device_id, recall, lanes.get(device_id))
        for place, (device_id, recall) in asked.items()
    }


def _recall(
    connection: Connection, device_id: int, recall: Recall, lane: Lane | None
) -> Past:
    by_uuid = given_up = None
    if recall.uuid is not None:
        by_uuid = _in_flight(lane, recall.uuid)
        if by_uuid is None:
            by_uuid = _past(connection, _BY_UUID, (device_id, recall.uuid))
    if recall.given_up and by_uuid is None:
        given_up = _given_up(connection, device_id)
    key_use = None if recall.key is None else find_key(connection, recall.key)
    operation = None
    if recall.operation_id is not None:
        operation = find_operation(connection, recall.operation_id)
    services = find_services(connection, device_id) if recall.shadow else ()
    return Past(key_use, by_uuid, given_up, operation, services)


def _in_flight(lane: Lane | None, uuid: str) -> PastDelivery | None:
    """Return what is in flight if it has the uuid: nothing newer can have it."""
    flight = None if lane is None else lane.flight
    if flight is None or flight.delivery.uuid != uuid:
        return None
    return PastDelivery(flight.delivery, flight.command)


def _given_up(connection: Connection, device_id: int) -> PastDelivery | None:
    last = _past(connection, _GIVEN_UP, (device_id,))
    if last is None:
        return None
    row = connection.execute(_FOLLOWED, (device_id, last.delivery.id)).fetchone()
    return attrs.evolve(last, followed=row is not None)


def _past(
    connection: Connection, sql: str, values: tuple[int | str, ...]
) -> PastDelivery | None:
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    split = columns(COMMAND)
    command = command_from_row(row[:split])
    if command.operation_id is not None:
        command.operation = find_operation(connection, command.operation_id)
    if command.service_id is not None:
        command.shadow = find_shadow(connection, command, {})
    return PastDelivery(hand_out_from_row(row[split:]), command)


def find_key(connection: Connection, key: Key) -> KeyUse | None:
    """Return how an idempotency key was used."""
    row = connection.execute(_KEY, (key.token_id, key.path, key.value)).fetchone()
    return None if row is None else KeyUse(key, row[0], bytes(row[1]), row[2])
