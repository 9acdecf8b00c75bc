"""Rules that cancel operations: no further step is queued, and a waiting one ends."""

from pushserver.model import upgrade_steps
from pushserver.model.actor import SERVER, Actor
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_steps import end_operation, notify_progress
from pushserver.model.withdrawal import end_waiting

#: Why an operation ends whose device has left the reach of the token that made it.
OUT_OF_REACH = "The token that made this no longer concerns the device."


def cancel_operation(
    lane: Lane,
    operation: Operation,
    changes: Changes,
    *,
    now: int,
    reason: str,
    by: Actor = SERVER,
    is_expired: bool = False,
) -> None:
    """
    End the waiting step of the operation; one in flight runs to its end.

    *is_expired*: it ends because its device did not poll in time.
    """
    if not operation.is_open or operation.canceled:
        return
    mark_canceled(
        operation, changes, now=now, reason=reason, by=by, is_expired=is_expired
    )
    command = lane.command_of_operation(operation.id)
    if command is None:
        end_between_steps(operation, changes, now=now, reason=reason)
    elif command in lane.waiting:
        end_waiting(lane, [command], changes, now=now, by=by)


def mark_canceled(
    operation: Operation,
    changes: Changes,
    *,
    now: int,
    reason: str,
    by: Actor,
    is_expired: bool = False,
) -> None:
    """Let no further step of the operation be queued; the one under way is its last."""
    operation.canceled, operation.canceled_by = True, by
    if operation.device_upgrade is not None:
        upgrade_steps.set_cancel_reason(
            operation.device_upgrade, reason, is_expired=is_expired
        )
    changes.record_operation(operation, now)


def end_between_steps(
    operation: Operation, changes: Changes, *, now: int, reason: str
) -> None:
    """End a canceled operation no step of which is a live command."""
    operation.failed_steps += 1
    end_operation(operation, now, changes)
    notify_progress(operation, changes, at=now, message=reason)
