"""Commands and results as programs read them."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from msgspec import UNSET, Raw, UnsetType

from pushserver.model.command import Command, Delivery, DeliveryOutcome, Result
from pushserver.model.order import Order
from pushserver.model.token import Permission, Token
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.storage.history import CommandRecord
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_types import (
    CommandOut,
    CommandResultOut,
    DeliveryOut,
    ResultOut,
)
from pushserver.web.api.rendering import (
    as_seconds,
    optional_instant,
    raw_json,
    render,
)
from pushserver.web.api.responses import json_response


def command_out(
    protocols: DeviceProtocols,
    command: Command,
    order: Order,
    deliveries: Sequence[Delivery] = (),
    result: Result | None = None,
    warnings: list[str] | None = None,
    device_seen: bool | UnsetType = UNSET,
) -> CommandOut:
    """Render a command."""
    return render(
        CommandOut,
        command,
        device_id=protocols.display_id(command.device_id),
        verb=order.verb,
        body=UNSET if order.body is None else Raw(order.body),
        body_blob=order.blob,
        body_deleted_at=optional_instant(order.body_deleted_at),
        content_type=order.content_type,
        query_string=order.query_string,
        delivery=command.guarantee,
        response_timeout=as_seconds(command.response_timeout),
        result=None if result is None else _command_result_out(protocols, result),
        deliveries=[_delivery_out(each) for each in deliveries] if deliveries else [],
        metadata=UNSET if order.metadata is None else Raw(order.metadata),
        supersede=command.supersede_key,
        superseded=[str(each) for each in command.superseded] or None,
        warnings=warnings,
        device_seen=device_seen,
    )


def _delivery_out(delivery: Delivery) -> DeliveryOut:
    """Render a delivery; one that ended with its device had no answer, either."""
    outcome = delivery.outcome
    if outcome is None and delivery.ended_at is not None:
        outcome = DeliveryOutcome.NO_ANSWER
    return render(DeliveryOut, delivery, outcome=outcome)


def command_record_out(
    protocols: DeviceProtocols,
    record: CommandRecord,
    reader: Token,
    *,
    is_own: bool = False,
) -> CommandOut:
    """
    Render a command as the store has it, as far as *reader* may read it.

    *is_own*: the reader has just made it, so its order is nothing new.
    """
    order = record.command.order
    assert order is not None  # noqa: S101 - records are read with their orders
    may_read_result = reader.has_permission(Permission.RESULTS_READ)
    out = command_out(
        protocols,
        record.command,
        order,
        record.deliveries,
        record.result if may_read_result else None,
    )
    return out if is_own else without_order(out, reader)


def without_order(out: CommandOut, reader: Token) -> CommandOut:
    """Leave out what was ordered, unless *reader* may read others' commands."""
    if not reader.has_permission(Permission.COMMANDS_READ):
        out.body = out.metadata = UNSET
        out.query_string = out.body_blob = None
    return out


def record_response(
    call: ApiCall[Any, None], record: CommandRecord
) -> web.StreamResponse:
    """Answer with the command as the store has it, and log which it is."""
    call.log_fields.update(command_id=record.command.id, state=record.command.state)
    protocols = call.services.protocols
    return json_response(command_record_out(protocols, record, call.token))


def _command_result_out(protocols: DeviceProtocols, result: Result) -> CommandResultOut:
    """Render what a device answered, inside its command."""
    return render(CommandResultOut, result, **_parsed_fields(protocols, result))


def result_out(
    protocols: DeviceProtocols,
    result: Result,
    *,
    device_name: str | None,
    metadata: str | None,
) -> ResultOut:
    """Render what a device posted, in the list of results."""
    is_orphan = result.command_id is None
    return render(
        ResultOut,
        result,
        **_parsed_fields(protocols, result),
        device_id=protocols.display_id(result.device_id),
        device_name=device_name,
        endpoint=result.command_endpoint or result.endpoint,
        metadata=UNSET if metadata is None else Raw(metadata),
        orphan=is_orphan,
        incomplete=not result.complete and result.rejection is None,
    )


def _parsed_fields(protocols: DeviceProtocols, result: Result) -> dict[str, object]:
    parsed = protocols.parse_result(result)
    return {
        "response": raw_json(parsed.response),
        "error": raw_json(parsed.error),
        "code": raw_json(parsed.code),
        "refused": parsed.refused,
        "unreadable": parsed.unreadable,
        "rejected": result.rejection is not None,
    }
