"""Commands, deliveries and results as rows."""

from functools import partial
from typing import Any

from pushserver.model.command import (
    Command,
    Delivery,
    DeliveryOutcome,
    MatchedBy,
    Result,
)
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.order import Order
from pushserver.model.parsed_result import ParsedSpans
from pushserver.model.state import CommandState
from pushserver.storage.actor_rows import actor_columns, take_actors
from pushserver.storage.table import (
    FLAG,
    Codec,
    Column,
    Join,
    Table,
    enum_codec,
    json_codec,
)

#: So many bytes of a result's body, and of what was mended of it, are in its row; the
#: rest is in pieces of as many.
PIECE_SIZE = 1024 * 1024
_FIRST_PIECE = Codec(lambda text: text[:PIECE_SIZE], bytes)


def _stored_command(**fields: Any) -> Command:
    fields["stored_state"] = fields["state"]
    take_actors(fields, "created_by", "canceled_by")
    return Command(**fields)


#: A command without its order: all that lanes need.
COMMANDS = Table(
    "command",
    _stored_command,
    [
        "id, device_id, endpoint, priority",
        Column("guarantee", codec=enum_codec(DeliveryGuarantee)),
        "max_attempts, response_timeout",
        Column("slow", codec=FLAG),
        "created_at, not_before, expires_at",
        Column("state", codec=enum_codec(CommandState)),
        "attempts, sent_at, delivered_at, finished_at, operation_id, step, resource",
        "result_id, scope_id, transition_count, service_id",
        Column("held", codec=FLAG),
        Column("withdrawn", codec=FLAG),
        "supersede_key, replaced_by",
        *actor_columns("created_by"),
        *actor_columns("canceled_by"),
        "request_id, traceparent, tracestate",
    ],
)
ORDERS = Table(
    "command",
    Order,
    [
        "verb, endpoint, body, content_type, query_string, metadata, blob",
        "body_deleted_at",
    ],
)
COMMANDS_WITH_ORDERS = Join.of(COMMANDS, ORDERS)
#: A command with its order and where it came from, to be written.
NEW_COMMANDS = Table(
    "command",
    _stored_command,
    [
        *COMMANDS.columns,
        *(
            Column(each.name, f"order.{each.field}")
            for each in ORDERS.columns
            if each.name != "endpoint"
        ),
        Column("created_from", "created_by.address"),
    ],
)
DELIVERIES = Table(
    "delivery",
    partial(Delivery, stored=True),
    [
        "id, command_id, device_id, uuid, address, sent_at, delivered_at, ended_at",
        Column("outcome", codec=enum_codec(DeliveryOutcome)),
        "busy_until",
    ],
)
COMMANDS_WITH_DELIVERIES = Join.of(COMMANDS, DELIVERIES)
RESULTS = Table(
    "result",
    Result,
    [
        "id, device_id, command_id, delivery_id",
        Column("matched_by", codec=enum_codec(MatchedBy)),
        "uuid, endpoint, received_at, content_type, content_encoding",
        Column("complete", codec=FLAG),
        Column("body", codec=_FIRST_PIECE),
        "scope_id, command_endpoint, rejection",
        Column("parsed", codec=json_codec(ParsedSpans)),
        Column("mended", codec=_FIRST_PIECE),
        "body_deleted_at",
    ],
)
