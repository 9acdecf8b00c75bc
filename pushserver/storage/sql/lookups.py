"""Reads from the store what decisions need before they run."""

from collections.abc import Mapping, Sequence
from typing import Any

from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.storage.command_rows import COMMANDS_WITH_DELIVERIES
from pushserver.storage.commands import Lookup, PriorDelivery, PriorState
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.conditions import (
    IS_ANSWERED,
    IS_OPEN_ENDED,
    IS_UNANSWERED,
)
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.device_end import find_device
from pushserver.storage.sql.idempotency import find_idempotency_key
from pushserver.storage.sql.index_range import IndexRange
from pushserver.storage.sql.operations import (
    find_operation,
    find_operations,
    find_running_operations,
)
from pushserver.storage.sql.sessions import note_ended
from pushserver.storage.sql.shadows import RoundServices, TooManyServices
from pushserver.storage.sql.write_jobs import WriteJob

#: A delivery that was answered is known by its uuid for so many results of the device:
#: a device that saw no reply posts the same again, and soon.
RECENT_RESULTS = 64

_SELECT_NEWEST = (
    f"SELECT {COMMANDS_WITH_DELIVERIES.column_list}"
    " FROM delivery JOIN command ON command.id = delivery.command_id"
    " WHERE {} ORDER BY delivery.id DESC LIMIT 1"
)
_SELECT_UNANSWERED = _SELECT_NEWEST.format(
    f"delivery.device_id = ? AND delivery.uuid = ? AND {IS_UNANSWERED}"
)
_SELECT_LAST_GIVEN_UP = _SELECT_NEWEST.format(
    f"delivery.device_id = ? AND delivery.{IS_OPEN_ENDED}"
)
_SELECT_AMONG = _SELECT_NEWEST.format("delivery.uuid = ? AND delivery.id IN ({})")
_SELECT_RECENT_RESULTS = (
    f"SELECT delivery_id FROM result WHERE {{}} ORDER BY {{}} LIMIT {RECENT_RESULTS}"
)
_SELECT_LATER_ANSWERED = (
    "SELECT 1 FROM delivery WHERE device_id = ? AND uuid IS NULL AND id > ?"
    f" AND {IS_ANSWERED} LIMIT 1"
)


def run_lookups(
    connection: SqlConnection,
    jobs: Sequence[WriteJob],
    lanes: Mapping[int, Lane],
) -> dict[int, PriorState] | None:
    """
    Run the lookups of a round; return what they found by the index of the job.

    It is noted which jobs' sessions are over, too. Commands in flight are taken from
    *lanes*, whose commands get their services. None: several devices have more of those
    than there is room for.
    """
    note_ended(connection, jobs)
    lookups = {
        i: (job.device_id, job.lookup) for i, job in enumerate(jobs) if job.lookup
    }
    services = RoundServices(connection)
    try:
        for lane in lanes.values():
            services.attach(lane)
        ids = {lookup.operation_id for _, lookup in lookups.values()}
        operations = find_operations(connection, sorted(filter(None, ids)))
        return {
            place: _run_lookup(
                services, device_id, lookup, lanes.get(device_id), operations
            )
            for place, (device_id, lookup) in lookups.items()
        }
    except TooManyServices:
        # Not passed on: its frames, which hold what was read, would live for long.
        return None


def run_lookup(
    services: RoundServices, device_id: int, lookup: Lookup, lane: Lane | None
) -> PriorState:
    """Run the lookup of one device, whose *lane* has what is in flight."""
    ids = () if lookup.operation_id is None else (lookup.operation_id,)
    operations = find_operations(services.connection, ids)
    return _run_lookup(services, device_id, lookup, lane, operations)


def _run_lookup(
    services: RoundServices,
    device_id: int,
    lookup: Lookup,
    lane: Lane | None,
    operations: Mapping[int, Operation],
) -> PriorState:
    connection = services.connection
    by_uuid = last_given_up = key_use = None
    if lookup.delivery_uuid is not None:
        by_uuid = _find_by_uuid(services, device_id, lookup.delivery_uuid, lane)
    if lookup.last_given_up and by_uuid is None:
        last_given_up = _find_last_given_up(services, device_id)
    if lookup.idempotency_key is not None:
        key_use = find_idempotency_key(connection, lookup.idempotency_key)
    return PriorState(
        key_use=key_use,
        by_uuid=by_uuid,
        last_given_up=last_given_up,
        operation=operations.get(lookup.operation_id or 0),
        services=tuple(services.of_device(device_id).values())
        if lookup.services
        else (),
        device=find_device(connection, device_id) if lookup.device else None,
        running_operations=find_running_operations(
            connection, device_id, limit=lookup.max_operations
        )
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
    found = (
        _find_prior_delivery(services, _SELECT_UNANSWERED, (device_id, uuid)),
        _find_answered(services, device_id, uuid),
    )
    newest_first = sorted(filter(None, found), key=lambda each: -each.delivery.id)
    return next(iter(newest_first), None)


def _find_answered(
    services: RoundServices, device_id: int, uuid: str
) -> PriorDelivery | None:
    """Return the newest delivery with the uuid among those answered of late."""
    connection = services.connection
    of_device = IndexRange(connection, {"device_id": device_id}, [("device_id",)])
    recent = _SELECT_RECENT_RESULTS.format(
        of_device.condition, of_device.order_newest_first
    )
    rows = connection.execute(recent, of_device.parameters).fetchall()
    ids = pad_ids({delivery_id for (delivery_id,) in rows if delivery_id is not None})
    # Not joined: PostgreSQL would expect to find the uuid soon, and read all of them.
    sql = _SELECT_AMONG.format(", ".join("?" * len(ids)))
    return _find_prior_delivery(services, sql, (uuid, *ids)) if ids else None


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
