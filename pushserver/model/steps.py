"""How an operation follows its steps: each turn of a command moves it, in one place.

`Changes.move` calls `follow` for every transition of a step's command, so an operation
and its notifications are written in the very transaction that moves the command.
"""

from typing import TYPE_CHECKING

from pushserver.model import upgrading
from pushserver.model.operation import Notification, OnFailure, Operation, Status
from pushserver.model.state import State, Turn

if TYPE_CHECKING:
    from pushserver.model.changes import Changes
    from pushserver.model.command import Command

_OVER = frozenset({Turn.SUCCEED, Turn.FAIL, Turn.GIVE_UP, Turn.EXPIRE, Turn.CANCEL})
_FAILURES = frozenset({Turn.FAIL, Turn.EXPIRE, Turn.CANCEL})


def follow(
    operation: Operation,
    command: "Command",
    before: State,
    turn: Turn,
    at: int,
    changes: "Changes",
) -> None:
    """Let the operation know that its step's *command* moved from *before*."""
    if turn is Turn.HAND_OUT:
        if operation.upgrade is not None:
            upgrading.begin(operation, operation.upgrade, command, at, changes)
        operation.advance(_share(2 * operation.done + 1, 2 * operation.steps))
        _tell(operation, command, "sent", at, changes)
    elif turn in _OVER:
        if before is State.TIMEOUT:
            _correct(operation, command, turn, changes)
            word = f"{command.state}, late"
        else:
            _finish_step(operation, command, turn, at, changes)
            word = str(command.state)
        _tell(operation, command, word, at, changes)


def queue_step(operation: Operation, command: "Command", changes: "Changes") -> None:
    """Note that the next step became *command*, which waits in the lane now."""
    at = command.created_at
    operation.queued += 1
    if operation.started_at is None:
        operation.started_at = at
    operation.advance(_share(operation.done, operation.steps))
    _tell(operation, command, "queued", at, changes)


def report(operation: Operation, told: Notification, changes: "Changes") -> None:
    """Add what somebody outside the queue tells; it may close what has no steps."""
    at = told.created_at
    changes.notifications.append(told)
    changes.track(operation, at)
    operation.started_at = operation.started_at or at
    if not operation.steps:
        operation.advance(told.progress)
        operation.status = told.status
        if told.status is Status.COMPLETED:
            operation.advance(100)
        if told.status in (Status.COMPLETED, Status.FAILED):
            operation.ended_at = at
    changes.tell_operation(operation, at, told.message)


def end(operation: Operation, at: int, changes: "Changes") -> None:
    """End the operation, by what is known of its steps."""
    operation.status = operation.verdict
    operation.ended_at = at
    if operation.upgrade is not None:
        upgrading.end(operation, operation.upgrade, at, changes)


def notify(
    operation: Operation,
    changes: "Changes",
    *,
    at: int,
    resource: str | None = None,
    message: str | None = None,
) -> None:
    """Write how the operation stands now."""
    changes.track(operation, at)
    changes.tell_operation(operation, at, message)
    changes.notifications.append(
        Notification(
            id=changes.new_id(),
            operation_id=operation.id,
            scope_id=operation.scope_id,
            created_at=at,
            created_by=operation.created_by,
            sent_at=at,
            status=operation.status,
            progress=operation.progress,
            resource=resource,
            message=message,
        )
    )


def _share(part: int, whole: int) -> int:
    return 100 * part // whole


def _tell(
    operation: Operation, command: "Command", word: str, at: int, changes: "Changes"
) -> None:
    number = (command.step or 0) + 1
    notify(
        operation,
        changes,
        at=at,
        resource=command.resource or command.endpoint,
        message=f"Step {number} of {operation.steps}: {word}",
    )


def _finish_step(
    operation: Operation, command: "Command", turn: Turn, at: int, changes: "Changes"
) -> None:
    part = operation.upgrade
    if part is not None:
        over = upgrading.finish_step(operation, part, command, turn, at, changes)
        goes_on = operation.failed == 0
    else:
        goes_on = turn is Turn.SUCCEED or operation.on_failure is OnFailure.CONTINUE
        operation.done += 1
        operation.failed += turn in _FAILURES
        operation.unknown += turn is Turn.GIVE_UP
        done = operation.done == operation.steps
        over = operation.canceled or not goes_on or done
    if goes_on:
        operation.advance(_share(operation.done, operation.steps))
    if over:
        end(operation, at, changes)


def _correct(
    operation: Operation, command: "Command", turn: Turn, changes: "Changes"
) -> None:
    """Take back that nobody knew; what has ended starts no further step."""
    part = operation.upgrade
    if part is not None:
        said = changes.said.get(command.id)
        if not upgrading.correct(operation, part, command, said):
            return
    else:
        operation.unknown -= 1
        operation.failed += turn in _FAILURES
    if not operation.is_running:
        operation.status = operation.verdict
        if operation.status is Status.COMPLETED:
            operation.advance(100)
