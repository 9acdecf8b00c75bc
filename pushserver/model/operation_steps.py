"""How an operation follows the commands of its steps.

`apply_event` calls `update_operation` for every transition of a step's command, so an
operation and its notifications are written in the same transaction.
"""

from pushserver.model import upgrade_steps
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.operation import (
    Notification,
    OnFailure,
    Operation,
    OperationStatus,
)
from pushserver.model.state import CommandEvent, CommandState

_FINAL_EVENTS = frozenset(
    {
        CommandEvent.SUCCEED,
        CommandEvent.FAIL,
        CommandEvent.GIVE_UP,
        CommandEvent.EXPIRE,
        CommandEvent.CANCEL,
    }
)
_FAILURE_EVENTS = frozenset(
    {CommandEvent.FAIL, CommandEvent.EXPIRE, CommandEvent.CANCEL}
)


def update_operation(
    operation: Operation,
    command: Command,
    previous_state: CommandState,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> None:
    """Update the operation after its step's *command* moved from *previous_state*."""
    if command_event is CommandEvent.HAND_OUT:
        if operation.device_upgrade is not None:
            upgrade_steps.start_step(
                operation, operation.device_upgrade, command, at, changes
            )
        operation.raise_progress(
            _percent(2 * operation.done_steps + 1, 2 * operation.step_count)
        )
        _notify_step(operation, command, "sent", at, changes)
    elif command_event in _FINAL_EVENTS:
        is_late = previous_state is CommandState.TIMEOUT
        if is_late:
            _apply_late_result(operation, command, command_event, changes)
        else:
            _finish_step(operation, command, command_event, at, changes)
        outcome = _describe_outcome(command, changes, is_late=is_late)
        _notify_step(operation, command, outcome, at, changes)


def record_step_queued(
    operation: Operation, command: Command, changes: Changes
) -> None:
    """Record that *command*, the next step, waits in the lane."""
    at = command.created_at
    operation.queued_steps += 1
    if operation.started_at is None:
        operation.started_at = at
    operation.raise_progress(_percent(operation.done_steps, operation.step_count))
    _notify_step(operation, command, "queued", at, changes)


def add_notification(
    operation: Operation, notification: Notification, changes: Changes
) -> None:
    """Add a program's notification, which may end an operation without steps."""
    at = notification.created_at
    changes.notifications.append(notification)
    changes.record_operation(operation, at)
    operation.started_at = operation.started_at or at
    if not operation.step_count:
        operation.raise_progress(notification.progress)
        operation.status = notification.status
        if notification.status is OperationStatus.COMPLETED:
            operation.raise_progress(100)
        if notification.status in (OperationStatus.COMPLETED, OperationStatus.FAILED):
            operation.ended_at = at
    changes.emit_operation_event(operation, at, notification.message)


def end_operation(operation: Operation, at: int, changes: Changes) -> None:
    """End the operation with the status that follows from its steps."""
    operation.status = operation.final_status
    operation.ended_at = at
    if operation.device_upgrade is not None:
        upgrade_steps.finish_upgrade(operation, operation.device_upgrade, at, changes)


def notify_progress(
    operation: Operation,
    changes: Changes,
    *,
    at: int,
    resource: str | None = None,
    message: str | None = None,
) -> None:
    """Record the operation's progress as an event and a notification."""
    changes.record_operation(operation, at)
    changes.emit_operation_event(operation, at, message)
    changes.notifications.append(
        Notification(
            id=changes.new_id(),
            operation_id=operation.id,
            scope_id=operation.scope_id,
            created_at=at,
            created_by=operation.created_by.token_id or 0,
            sent_at=at,
            status=operation.status,
            progress=operation.progress,
            resource=resource,
            message=message,
        )
    )


def _percent(done: int, whole: int) -> int:
    return 100 * done // whole


def _describe_outcome(command: Command, changes: Changes, *, is_late: bool) -> str:
    """Return how a step ended: its command's state, and what is special about it."""
    parsed_result = changes.parsed_results.get(command.id)
    notes = {
        "refused": parsed_result is not None and parsed_result.refused,
        "unreadable": parsed_result is not None and parsed_result.unreadable,
        "late": is_late,
    }
    return ", ".join((command.state, *(note for note, holds in notes.items() if holds)))


def _notify_step(
    operation: Operation, command: Command, outcome: str, at: int, changes: Changes
) -> None:
    number = (command.step or 0) + 1
    notify_progress(
        operation,
        changes,
        at=at,
        resource=command.resource or command.endpoint,
        message=f"Step {number} of {operation.step_count}: {outcome}",
    )


def _finish_step(
    operation: Operation,
    command: Command,
    command_event: CommandEvent,
    at: int,
    changes: Changes,
) -> None:
    device_upgrade = operation.device_upgrade
    if device_upgrade is not None:
        is_finished = upgrade_steps.finish_step(
            operation, device_upgrade, command, command_event, at, changes
        )
        continues = operation.failed_steps == 0
    else:
        continues = command_event is CommandEvent.SUCCEED or (
            operation.on_failure is OnFailure.CONTINUE
            and not _is_unreadable(command, changes)
        )
        operation.done_steps += 1
        operation.failed_steps += command_event in _FAILURE_EVENTS
        operation.unknown_steps += command_event is CommandEvent.GIVE_UP
        all_done = operation.done_steps == operation.step_count
        is_finished = operation.canceled or not continues or all_done
    if continues:
        operation.raise_progress(_percent(operation.done_steps, operation.step_count))
    if is_finished:
        end_operation(operation, at, changes)


def _is_unreadable(command: Command, changes: Changes) -> bool:
    """Tell whether nobody knows what the device answered: no step follows that."""
    parsed_result = changes.parsed_results.get(command.id)
    return parsed_result is not None and parsed_result.unreadable


def _apply_late_result(
    operation: Operation,
    command: Command,
    command_event: CommandEvent,
    changes: Changes,
) -> None:
    """Count a step whose outcome was unknown; an ended operation stays ended."""
    device_upgrade = operation.device_upgrade
    if device_upgrade is not None:
        parsed_result = changes.parsed_results.get(command.id)
        if not upgrade_steps.apply_late_version(
            operation, device_upgrade, command, parsed_result
        ):
            return
    else:
        operation.unknown_steps -= 1
        operation.failed_steps += command_event in _FAILURE_EVENTS
    if not operation.is_running:
        operation.status = operation.final_status
        if operation.status is OperationStatus.COMPLETED:
            operation.raise_progress(100)
