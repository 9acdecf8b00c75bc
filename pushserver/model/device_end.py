"""The end of a device: nothing of what was planned for it reaches its successor."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_cancellation import end_between_steps, mark_canceled
from pushserver.model.transitions import give_up
from pushserver.model.withdrawal import (
    MAX_ENDED_AT_ONCE,
    end_waiting,
    mark_withdrawn,
)

#: What ends with a device: a command that waits, an operation, or one with its step.
Planned = tuple[Command | None, Operation | None]
#: So many stored operations are those of a commit, those kept, and one that tells that
#: there are more.
OPERATIONS_TO_SHORTEN = 2 * MAX_ENDED_AT_ONCE + 1
_REASON = "The device was deleted."


def end_device(
    lane: Lane,
    stored_operations: Iterable[Operation],
    changes: Changes,
    *,
    by: Actor,
) -> None:
    """
    End all commands of a device, its running operations and its shadow.

    What is in flight is given up and not retried: nobody knows what came of it, until a
    late result of its delivery says so. *stored_operations* are those that run.
    """
    changes.end_device(lane)
    running = _live_operations(lane, stored_operations, changes)
    _cancel(running, changes, by)
    for in_flight in list(lane.in_flights):
        mark_withdrawn(in_flight.command, changes, by=by)
        give_up(lane, in_flight, changes, changes.now)
    end_waiting(lane, lane.waiting, changes, now=changes.now, by=by)
    lane.blocked_endpoints = {}
    _end_between_steps(running, changes)


def shorten_device(
    lane: Lane,
    stored_operations: Iterable[Operation],
    changes: Changes,
    *,
    by: Actor,
    keep: int = MAX_ENDED_AT_ONCE,
) -> bool:
    """
    End some of what is planned for a device that ends, as one commit has room for.

    Each operation ends along with its step. All but *keep* commands and operations end
    in the end; tell whether some are left for another commit. What is in flight stays.
    *stored_operations* are some that run, `OPERATIONS_TO_SHORTEN` if there are so many.
    """
    handed_out = {each.command.operation_id for each in lane.in_flights}
    running = _live_operations(lane, stored_operations, changes)
    total = lane.depth + len(lane.in_flights) + len(running)
    running = [each for each in running if each.id not in handed_out]
    surplus = min(total - keep, lane.depth + len(running))
    # One more: the last one may be an operation and its step, which count as two.
    room = min(surplus + 1, _room_to_end(changes)) if surplus > 0 else 0
    chosen = _choose(_planned(lane, running), room)
    operations = [each for _, each in chosen if each is not None]
    _cancel(operations, changes, by)
    commands = [each for each, _ in chosen if each is not None]
    end_waiting(lane, commands, changes, now=changes.now, by=by)
    _end_between_steps(operations, changes)
    return surplus > len(commands) + len(operations)


def _room_to_end(changes: Changes) -> int:
    """Return how many more commands and operations may end in this commit."""
    return MAX_ENDED_AT_ONCE - len(changes.transitions) - len(changes.operations)


def _planned(lane: Lane, running: Sequence[Operation]) -> Iterator[Planned]:
    """Return what is planned: operations without a step that waits, and commands."""
    running_ids = {each.id for each in running}
    step_ids = {each.operation_id for each in lane.waiting}
    between_steps = ((None, each) for each in running if each.id not in step_ids)
    # The last ones first: meanwhile the device may poll for the first.
    commands = (
        (each, each.operation if each.operation_id in running_ids else None)
        for each in reversed(lane.waiting)
    )
    return chain(between_steps, commands)


def _choose(planned: Iterable[Planned], room: int) -> list[Planned]:
    """Return the first of what is planned that there is room for."""
    chosen = list[Planned]()
    for each in planned:
        room -= sum(part is not None for part in each)
        if room < 0:
            break
        chosen.append(each)
    return chosen


def _cancel(operations: Iterable[Operation], changes: Changes, by: Actor) -> None:
    for operation in operations:
        if not operation.canceled:
            mark_canceled(operation, changes, now=changes.now, reason=_REASON, by=by)


def _end_between_steps(operations: Iterable[Operation], changes: Changes) -> None:
    """End those of the canceled operations that did not end with their steps."""
    for operation in operations:
        if operation.is_running:
            end_between_steps(operation, changes, now=changes.now, reason=_REASON)


def _live_operations(
    lane: Lane, stored: Iterable[Operation], changes: Changes
) -> list[Operation]:
    """Return the live objects of what runs on the device, of *stored* ones, too."""
    found = {operation.id: operation for operation in stored}
    found |= {
        each.id: each
        for each in changes.operations.values()
        if each.device_id == lane.device_id
    }
    found |= {c.operation.id: c.operation for c in lane.commands if c.operation}
    return [
        each
        for each in found.values()
        if each.is_running and each.id not in changes.deleted_operations
    ]
