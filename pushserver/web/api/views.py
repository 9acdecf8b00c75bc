"""From what is known to what programs read."""

from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import SECOND, rfc3339
from pushserver.dialects.controlid.result import parse_result
from pushserver.model.command import Command, Delivery, Order, Result
from pushserver.model.device import Device, UnknownRequest
from pushserver.model.queue_status import EMPTY_QUEUE, InFlightView, QueueStatus
from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.storage.history import CommandRecord
from pushserver.web.api.access_types import ScopeOut, TokenOut
from pushserver.web.api.command_types import (
    CommandOut,
    CommandResultOut,
    DeliveryOut,
    ResultOut,
)
from pushserver.web.api.device_types import (
    DeviceOut,
    InFlightOut,
    UnknownRequestOut,
    UnknownRequestsOut,
)


def command_out(
    command: Command,
    order: Order,
    deliveries: Sequence[Delivery] = (),
    result: Result | None = None,
    warnings: list[str] | None = None,
    device_seen: bool | UnsetType = UNSET,
) -> CommandOut:
    """Show a command."""
    return CommandOut(
        id=str(command.id),
        device_id=str(command.device_id),
        verb=order.verb,
        endpoint=order.endpoint,
        body=raw_json(order.body),
        content_type=order.content_type,
        query_string=order.query_string,
        state=command.state,
        delivery=command.guarantee,
        priority=command.priority,
        max_attempts=command.max_attempts,
        response_timeout=as_seconds(command.response_timeout),
        created_at=rfc3339(command.created_at),
        expires_at=rfc3339(command.expires_at),
        not_before=optional_instant(command.not_before),
        sent_at=optional_instant(command.sent_at),
        delivered_at=optional_instant(command.delivered_at),
        finished_at=optional_instant(command.finished_at),
        attempts=command.attempts,
        result=None if result is None else command_result_out(result),
        deliveries=[delivery_out(delivery) for delivery in deliveries],
        metadata=raw_json(order.metadata),
        operation_id=None
        if command.operation_id is None
        else str(command.operation_id),
        warnings=warnings,
        device_seen=device_seen,
    )


def command_record_out(record: CommandRecord) -> CommandOut:
    """Show a command as the store has it."""
    order = record.command.order
    assert order is not None  # noqa: S101 - records are read with their orders
    return command_out(record.command, order, record.deliveries, record.result)


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """Show a delivery."""
    return DeliveryOut(
        uuid=delivery.uuid,
        sent_at=rfc3339(delivery.sent_at),
        delivered_at=optional_instant(delivery.delivered_at),
        ended_at=optional_instant(delivery.ended_at),
        address=delivery.address,
        outcome=delivery.outcome,
    )


def command_result_out(result: Result) -> CommandResultOut:
    """Show what a device answered, inside its command."""
    parsed = parse_result(result.body, result.content_encoding)
    return CommandResultOut(
        id=str(result.id),
        response=raw_json(parsed.response),
        error=raw_json(parsed.error),
        code=raw_json(parsed.code),
        received_at=rfc3339(result.received_at),
        matched_by=result.matched_by,
        unreadable=parsed.unreadable,
    )


def result_out(result: Result) -> ResultOut:
    """Show what a device posted, in the list of results."""
    parsed = parse_result(result.body, result.content_encoding)
    return ResultOut(
        id=str(result.id),
        device_id=str(result.device_id),
        command_id=None if result.command_id is None else str(result.command_id),
        uuid=result.uuid,
        endpoint=result.endpoint,
        received_at=rfc3339(result.received_at),
        response=raw_json(parsed.response),
        error=raw_json(parsed.error),
        code=raw_json(parsed.code),
        unreadable=parsed.unreadable,
        matched_by=result.matched_by,
        orphan=result.command_id is None,
    )


def device_out(
    device: Device,
    queue_status: QueueStatus = EMPTY_QUEUE,
    unknown_requests: Sequence[UnknownRequest] = (),
) -> DeviceOut:
    """Show a device; in lists, its odd requests are only counted."""
    return DeviceOut(
        device_id=str(device.device_id),
        name=device.name,
        tags=dict(device.tags),
        state=device.state,
        hold=None if device.hold is None else as_seconds(device.hold),
        created_at=rfc3339(device.created_at),
        last_seen_at=optional_instant(device.last_seen_at),
        address=device.address,
        poll_period=None
        if device.poll_period is None
        else as_seconds(device.poll_period),
        queue_depth=queue_status.waiting,
        in_flight=None
        if queue_status.in_flight is None
        else _in_flight_out(queue_status.in_flight),
        keyed=device.key_hash is not None,
        key_enforced=device.key_enforced,
        device_seen=device.last_seen_at is not None,
        unknown_calls=_unknown_requests_out(device, unknown_requests),
    )


def _in_flight_out(in_flight: InFlightView) -> InFlightOut:
    return InFlightOut(
        command_id=str(in_flight.command_id),
        endpoint=in_flight.endpoint,
        sent_at=rfc3339(in_flight.sent_at),
        delivered_at=optional_instant(in_flight.delivered_at),
    )


def _unknown_requests_out(
    device: Device, unknown_requests: Sequence[UnknownRequest]
) -> UnknownRequestsOut | None:
    if not device.unknown_request_count:
        return None
    last_requests = [
        UnknownRequestOut(
            at=rfc3339(stray.at),
            method=stray.method,
            path=stray.path,
            address=stray.address,
            body=stray.body.decode("utf-8", "replace") or None,
        )
        for stray in unknown_requests[-device.unknown_request_count :]
    ]
    return UnknownRequestsOut(device.unknown_request_count, last_requests)


def token_out(token: Token, secret: str | None = None) -> TokenOut:
    """Show a token; its secret only when it is made."""
    return TokenOut(
        id=str(token.id),
        scope_id=str(token.scope_id),
        name=token.name,
        permissions=sorted(token.permissions),
        created_at=rfc3339(token.created_at),
        token=secret,
    )


def scope_out(scope: Scope, secret: str | None = None) -> ScopeOut:
    """Show a scope; the secret of its first token only when it is made."""
    return ScopeOut(
        id=str(scope.id),
        name=scope.name,
        created_at=rfc3339(scope.created_at),
        token=secret,
    )


def optional_instant(instant: int | None) -> str | None:
    """Show an instant, if there is one."""
    return None if instant is None else rfc3339(instant)


def raw_json(text: str | bytes | None) -> Raw | UnsetType:
    """Show a JSON text as it is, if there is one."""
    """Show a JSON text as it is, if there is one."""
    return UNSET if text is None else Raw(text)


def as_seconds(duration: int) -> float:
    """Return microseconds as seconds, whole ones as an integer."""
    seconds = duration / SECOND
    return int(seconds) if seconds.is_integer() else seconds
