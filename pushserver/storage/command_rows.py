"""Commands, deliveries and results as rows: their columns and the two ways between."""

from pushserver.model.catalogue import DeliveryGuarantee
from pushserver.model.command import (
    Command,
    Delivery,
    DeliveryOutcome,
    MatchedBy,
    Order,
    Result,
)
from pushserver.model.state import CommandState
from pushserver.storage.rows import Row

# Enums are written by their `_value_`: `value` is the same through two calls more, and
# the SQLite module looks for an adapter for each string that is of a class of its own.

#: What every listing of a lane needs; then what its order adds.
COMMAND_COLUMNS = (
    "id, device_id, endpoint, priority, guarantee, max_attempts, response_timeout,"
    " slow, created_at, not_before, expires_at, state, attempts, sent_at, delivered_at,"
    " finished_at, operation_id, step, resource, result_id, scope_id, transition_count,"
    " service_id"
)
ORDER_COLUMNS = "verb, endpoint, body, content_type, query_string, metadata"
#: As `command_insert_row` has them: `endpoint` stands in both.
COMMAND_INSERT_COLUMNS = (
    COMMAND_COLUMNS + ", verb, body, content_type, query_string, metadata"
)
DELIVERY_COLUMNS = (
    "id, command_id, device_id, uuid, address, sent_at, delivered_at, ended_at, outcome"
)
RESULT_COLUMNS = (
    "id, device_id, command_id, delivery_id, matched_by, uuid, endpoint, received_at,"
    " content_type, content_encoding, complete, body, scope_id"
)


def command_from_row(row: Row) -> Command:
    """Make a command of the columns COMMAND; its order is not read yet."""
    return Command(
        id=row[0],
        device_id=row[1],
        endpoint=row[2],
        priority=row[3],
        guarantee=DeliveryGuarantee(row[4]),
        max_attempts=row[5],
        response_timeout=row[6],
        slow=bool(row[7]),
        created_at=row[8],
        not_before=row[9],
        expires_at=row[10],
        state=CommandState(row[11]),
        attempts=row[12],
        sent_at=row[13],
        delivered_at=row[14],
        finished_at=row[15],
        operation_id=row[16],
        step=row[17],
        resource=row[18],
        result_id=row[19],
        scope_id=row[20],
        transition_count=row[21],
        service_id=row[22],
        stored_state=CommandState(row[11]),
    )


def order_from_row(row: Row) -> Order:
    """Make an order of the columns ORDER."""
    return Order(
        verb=row[0],
        endpoint=row[1],
        body=row[2],
        content_type=row[3],
        query_string=row[4],
        metadata=row[5],
    )


def command_insert_row(command: Command) -> Row:
    """Return the columns NEW_COMMAND. The command has its order."""
    order = command.order
    assert order is not None  # noqa: S101 - a new command always has one
    return (
        command.id,
        command.device_id,
        command.endpoint,
        command.priority,
        command.guarantee._value_,
        command.max_attempts,
        command.response_timeout,
        int(command.slow),
        command.created_at,
        command.not_before,
        command.expires_at,
        command.state._value_,
        command.attempts,
        command.sent_at,
        command.delivered_at,
        command.finished_at,
        command.operation_id,
        command.step,
        command.resource,
        command.result_id,
        command.scope_id,
        command.transition_count,
        command.service_id,
        order.verb,
        order.body,
        order.content_type,
        order.query_string,
        order.metadata,
    )


def delivery_from_row(row: Row) -> Delivery:
    """Make a delivery of the columns HAND_OUT."""
    return Delivery(
        id=row[0],
        command_id=row[1],
        device_id=row[2],
        uuid=row[3],
        address=row[4],
        sent_at=row[5],
        delivered_at=row[6],
        ended_at=row[7],
        outcome=None if row[8] is None else DeliveryOutcome(row[8]),
        stored=True,
    )


def delivery_row(delivery: Delivery) -> Row:
    """Return the columns HAND_OUT."""
    return (
        delivery.id,
        delivery.command_id,
        delivery.device_id,
        delivery.uuid,
        delivery.address,
        delivery.sent_at,
        delivery.delivered_at,
        delivery.ended_at,
        delivery.outcome and delivery.outcome._value_,
    )


def result_from_row(row: Row) -> Result:
    """Make a result of the columns RESULT."""
    return Result(
        id=row[0],
        device_id=row[1],
        command_id=row[2],
        delivery_id=row[3],
        matched_by=None if row[4] is None else MatchedBy(row[4]),
        uuid=row[5],
        endpoint=row[6],
        received_at=row[7],
        content_type=row[8],
        content_encoding=row[9],
        complete=bool(row[10]),
        body=bytes(row[11]),
        scope_id=row[12],
    )


def result_row(result: Result) -> Row:
    """Return the columns RESULT."""
    return (
        result.id,
        result.device_id,
        result.command_id,
        result.delivery_id,
        result.matched_by and result.matched_by._value_,
        result.uuid,
        result.endpoint,
        result.received_at,
        result.content_type,
        result.content_encoding,
        int(result.complete),
        result.body,
        result.scope_id,
    )
