"""Reads from the store what decisions need before they run."""

from collections.abc import Mapping, Sequence
from typing import Any

from pushserver.model.lane import Lane
from pushserver.storage.command_rows import COMMANDS_WITH_DELIVERIES
from pushserver.storage.commands import Lookup, PriorDelivery, PriorState
from pushserver.storage.sql.conditions import IS_ANSWERED, IS_OPEN_ENDED
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.device_end import find_device
from pushserver.storage.sql.idempotency import find_idempotency_key
from pushserver.storage.sql.operations import find_operation, find_running_operations
from pushserver.storage.sql.shadows import RoundServices, TooManyServices

_SELECT_DELIVERY = (
    f"SELECT {COMMANDS_WITH_DELIVERIES.column_list}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE delivery.device_id = ? AND {} ORDER BY delivery.id DESC LIMIT 1"
)
_SELECT_BY_UUID = _SELECT_DELIVERY.format("delivery.uuid = ?")
_SELECT_LAST_GIVEN_UP = _SELECT_DELIVERY.format(f"delivery.{IS_OPEN_ENDED}")
_SELECT_LATER_ANSWERED = (
    "SELECT 1 FROM delivery WHERE device_id = ? AND uuid IS NULL AND id > ?"
    f" AND {IS_ANSWERED} LIMIT 1"
)


def run_lookups(
    connection: SqlConnection,
    lookups: Mapping[int, tuple[int, Lookup]],
    lanes: Mapping[int, Lane],
) -> dict[int, PriorState] | None:
    """
    Run the lookups of a round, given as (device id, lookup) by the job's index.

    Commands in flight are taken from *lanes*, whose commands get their services. None:
    several devices have more of those than there is room for.
    """
    services = RoundServices(connection)
    try:
        for lane in lanes.values():
            services.attach(lane)
        return {
            place: run_lookup(services, device_id, lookup, lanes.get(device_id))
            for place, (device_id, lookup) in lookups.items()
        }
    except TooManyServices:
        # Not passed on: its frames, which hold what was read, would live for long.
        return None


def run_lookup(
    services: RoundServices,
    device_id: int,
    lookup: Lookup,
    lane: Lane | None = None,
) -> PriorState:
    """Run the lookup of one device, whose *lane* has what is in flight."""
    connection = services.connection
    by_uuid = last_given_up = key_use = operation = None
    if lookup.delivery_uuid is not None:
        by_uuid = _find_by_uuid(services, device_id, lookup.delivery_uuid, lane)
    if lookup.last_given_up and by_uuid is None:
        last_given_up = _find_last_given_up(services, device_id)
    if lookup.idempotency_key is not None:
        key_use = find_idempotency_key(connection, lookup.idempotency_key)
    if lookup.operation_id is not None:
        operation = find_operation(connection, lookup.operation_id)
    return PriorState(
        key_use=key_use,
        by_uuid=by_uuid,
        last_given_up=last_given_up,
        operation=operation,
        services=tuple(services.of_device(device_id).values())
        if lookup.services
        else (),
        device=find_device(connection, device_id) if lookup.device else None,
        running_operations=find_running_operations(connection, device_id)
        if lookup.device
        else (),
    )


def _find_by_uuid(
    services: RoundServices, device_id: int, uuid: str, lane: Lane | None
) -> PriorDelivery | None:
    """Return the newest delivery with the uuid; one in flight is the newest."""
    for in_flight in () if lane is None else lane.in_flights:
        if in_flight.delivery.uuid == uuid:
            return PriorDelivery(in_flight.delivery, in_flight.command)
    return _find_prior_delivery(services, _SELECT_BY_UUID, (device_id, uuid))


def _find_last_given_up(
    services: RoundServices, device_id: int
) -> PriorDelivery | None:
    last = _find_prior_delivery(services, _SELECT_LAST_GIVEN_UP, (device_id,))
    if last is None:
        return None
    values = (device_id, last.delivery.id)
    row = services.connection.execute(_SELECT_LATER_ANSWERED, values).fetchone()
    return PriorDelivery(last.delivery, last.command, later_answered=row is not None)


def _find_prior_delivery(
    services: RoundServices, sql: str, values: Sequence[Any]
) -> PriorDelivery | None:
    connection = services.connection
    row = connection.execute(sql, values).fetchone()
    if row is None:
        return None
    command, delivery = COMMANDS_WITH_DELIVERIES.read(row)
    if command.operation_id is not None:
        command.operation = find_operation(connection, command.operation_id)
    command.service = services.of_command(command)
    return PriorDelivery(delivery, command)
