"""How a service of a device follows the commands that write and read it.

`apply_event` calls `update_service`, so the shadow and its events are written in the
same transaction as the command.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import EventType
from pushserver.model.event_payload import ShadowPayload
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.shadow import Service, WriteOutcome
from pushserver.model.state import CommandEvent, CommandState
from pushserver.model.step_failure import json_text
from pushserver.model.upgrade import truncate

#: Of a device's error so many characters are kept in its shadow, and told; all of it is
#: in the command's result.
MAX_WRITE_ERROR = 4000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

#: The error of a write that failed without an answer from the device.
_FAILURE_MESSAGES: Mapping[CommandEvent, str] = MappingProxyType(
    {
        CommandEvent.GIVE_UP: "No answer.",
        CommandEvent.EXPIRE: "It expired.",
        CommandEvent.CANCEL: "Canceled.",
    }
)
_REQUEUE_EVENTS = (CommandEvent.RETRY, CommandEvent.REVERT_HAND_OUT)


def update_service(
    service: Service,
    command: Command,
    previous_state: CommandState,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> None:
    """Update the service after one of its commands moved from *previous_state*."""
    if command.id == service.write_command_id:
        _update_written(service, command, previous_state, command_event, at, changes)
    elif (
        command.id == service.read_command_id and command_event is CommandEvent.SUCCEED
    ):
        _store_reported(service, command, at, changes)


def _update_written(
    service: Service,
    command: Command,
    previous_state: CommandState,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> None:
    if command_event is CommandEvent.SUCCEED:
        _mark_delivered(service, at)
        _emit_status(service, at, changes)
    elif command_event is CommandEvent.FAIL or command_event in _FAILURE_MESSAGES:
        _mark_failed(service, command, command_event, at, changes)
        if previous_state is not CommandState.TIMEOUT:
            _emit_status(service, at, changes)
    elif command_event not in _REQUEUE_EVENTS:
        return
    service.needs_reconcile = service.has_newer_desired and not service.awaits_step
    changes.record_service(service)


def _mark_delivered(service: Service, at: int) -> None:
    service.reported = {**service.reported, **service.sent_texts}
    service.reported_at, service.verified = at, False
    service.write_outcome, service.write_error = WriteOutcome.DELIVERED, None


def _mark_failed(
    service: Service,
    command: Command,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> None:
    """Record a failed write; an earlier or unanswered attempt may have worked."""
    parsed_result = changes.parsed_results.get(command.id)
    service.write_outcome = WriteOutcome.FAILED
    service.write_error = _write_error(parsed_result, command_event)
    service.is_write_expired = command_event is CommandEvent.EXPIRE
    if command_event is CommandEvent.GIVE_UP or command.attempts > 1:
        service.invalidate_reported(at)


def _write_error(
    parsed_result: ParsedResult | None, command_event: CommandEvent
) -> bytes:
    """Return what the device said, or else why nothing is known, as JSON."""
    if parsed_result is None:
        return _encode(_FAILURE_MESSAGES.get(command_event, "It failed."))
    error = parsed_result.error or _encode("The answer cannot be read.")
    if len(error) <= MAX_WRITE_ERROR:
        return error
    return _encode(truncate(json_text(error), MAX_WRITE_ERROR))


def _emit_status(service: Service, at: int, changes: Changes) -> None:
    assert service.write_command_id is not None  # noqa: S101 - it is what has just ended
    payload = ShadowPayload(
        service_id=service.service_id,
        properties=msgspec.Raw(_encode(service.sent_values)),
        delivered=service.write_outcome is WriteOutcome.DELIVERED,
        version=service.sent_version,
        command_id=service.write_command_id,
        error=None if service.write_error is None else _error_text(service.write_error),
    )
    event_type = EventType.SHADOW_STATUS
    changes.emit(service.scope_id, event_type, at, payload, service.device_id)


def _error_text(error: bytes) -> str:
    """Return an error for people: what a JSON string holds, else the JSON itself."""
    value = _decode(error) if error[:1] == b'"' else None
    return value if isinstance(value, str) else error.decode()


def _store_reported(
    service: Service, command: Command, at: int, changes: Changes
) -> None:
    """Store the properties that the device reported, unless newer ones are known."""
    parsed_result = changes.parsed_results.get(command.id)
    if parsed_result is None or parsed_result.reported is None:
        return
    if (service.reported_at or 0) > (command.sent_at or 0):
        return
    not_requested = {
        k: v for k, v in service.reported.items() if k not in service.read_keys
    }
    service.reported = {**not_requested, **parsed_result.reported}
    service.reported_at, service.verified = at, True
    changes.record_service(service)
