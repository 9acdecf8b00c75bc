"""From what is known to what programs read."""

from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType

from pushserver.clock import SECOND, rfc3339
from pushserver.dialects.controlid.result import read
from pushserver.model.command import Command, HandOut, Order, Result
from pushserver.model.device import Device, Stray
from pushserver.model.load import NOTHING, Flying, Load
from pushserver.model.scope import Scope
from pushserver.model.token import Token
from pushserver.storage.listing import CommandRecord
from pushserver.web.api.access_types import ScopeOut, TokenOut
from pushserver.web.api.command_types import (
    CommandOut,
    DeliveryOut,
    OutcomeOut,
    ResultOut,
)
from pushserver.web.api.device_types import DeviceOut, InFlightOut, StrayOut, StraysOut


def command_out(
    command: Command,
    order: Order,
    deliveries: Sequence[HandOut] = (),
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
        body=raw(order.body),
        content_type=order.content_type,
        query_string=order.query_string,
        state=command.state,
        delivery=command.delivery,
        priority=command.priority,
        max_attempts=command.max_attempts,
        response_timeout=as_seconds(command.response_timeout),
        created_at=rfc3339(command.created_at),
        expires_at=rfc3339(command.expires_at),
        not_before=at(command.not_before),
        sent_at=at(command.sent_at),
        delivered_at=at(command.delivered_at),
        finished_at=at(command.finished_at),
        attempts=command.attempts,
        result=None if result is None else outcome_out(result),
        deliveries=[delivery_out(delivery) for delivery in deliveries],
        metadata=raw(order.metadata),
        operation_id=None
        if command.operation_id is None
        else str(command.operation_id),
        warnings=warnings,
        device_seen=device_seen,
    )


def record_out(record: CommandRecord) -> CommandOut:
    """Show a command as the store has it."""
    order = record.command.order
    assert order is not None  # noqa: S101 - records are read with their orders
    return command_out(record.command, order, record.deliveries, record.result)


def delivery_out(delivery: HandOut) -> DeliveryOut:
    """Show a delivery."""
    return DeliveryOut(
        uuid=delivery.uuid,
        sent_at=rfc3339(delivery.sent_at),
        delivered_at=at(delivery.delivered_at),
        ended_at=at(delivery.ended_at),
        address=delivery.address,
        outcome=delivery.outcome,
    )


def outcome_out(result: Result) -> OutcomeOut:
    """Show what a device answered, inside its command."""
    reading = read(result.body, result.content_encoding)
    return OutcomeOut(
        id=str(result.id),
        response=raw(reading.response),
        error=raw(reading.error),
        code=raw(reading.code),
        received_at=rfc3339(result.received_at),
        matched_by=result.matched_by,
        unreadable=reading.unreadable,
    )


def result_out(result: Result) -> ResultOut:
    """Show what a device posted, in the list of results."""
    reading = read(result.body, result.content_encoding)
    return ResultOut(
        id=str(result.id),
        device_id=str(result.device_id),
        command_id=None if result.command_id is None else str(result.command_id),
        uuid=result.uuid,
        endpoint=result.endpoint,
        received_at=rfc3339(result.received_at),
        response=raw(reading.response),
        error=raw(reading.error),
        code=raw(reading.code),
        unreadable=reading.unreadable,
        matched_by=result.matched_by,
        orphan=result.command_id is None,
    )


def device_out(
    device: Device, load: Load = NOTHING, strays: Sequence[Stray] = ()
) -> DeviceOut:
    """Show a device; in lists, its odd requests are only counted."""
    return DeviceOut(
        device_id=str(device.device_id),
        name=device.name,
        tags=dict(device.tags),
        state=device.state,
        hold=None if device.hold is None else as_seconds(device.hold),
        created_at=rfc3339(device.created_at),
        last_seen_at=at(device.last_seen_at),
        address=device.address,
        poll_period=None if device.period is None else as_seconds(device.period),
        queue_depth=load.waiting,
        in_flight=None if load.flying is None else _in_flight(load.flying),
        keyed=device.key_hash is not None,
        key_enforced=device.key_enforced,
        device_seen=device.last_seen_at is not None,
        unknown_calls=_strays(device, strays),
    )


def _in_flight(flying: Flying) -> InFlightOut:
    return InFlightOut(
        command_id=str(flying.command_id),
        endpoint=flying.endpoint,
        sent_at=rfc3339(flying.sent_at),
        delivered_at=at(flying.delivered_at),
    )


def _strays(device: Device, strays: Sequence[Stray]) -> StraysOut | None:
    if not device.stray_count:
        return None
    shown = [
        StrayOut(
            at=rfc3339(stray.at),
            method=stray.method,
            path=stray.path,
            address=stray.address,
            body=stray.body.decode("utf-8", "replace") or None,
        )
        for stray in strays[-device.stray_count :]
    ]
    return StraysOut(device.stray_count, shown)


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


def at(instant: int | None) -> str | None:
    """Show an instant, if there is one."""
    return None if instant is None else rfc3339(instant)


def raw(text: str | bytes | None) -> Raw | UnsetType:
    """Show a JSON text as it is, if there is one."""
    """Show a JSON text as it is, if there is one."""
    return UNSET if text is None else Raw(text)


def as_seconds(duration: int) -> float:
    """Return microseconds as seconds, whole ones as an integer."""
    seconds = duration / SECOND
    return int(seconds) if seconds.is_integer() else seconds
