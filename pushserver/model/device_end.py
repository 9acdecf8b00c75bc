"""The end of a device: nothing of what was planned for it reaches its successor."""

from collections.abc import Iterable

from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_cancellation import end_between_steps, mark_canceled
from pushserver.model.transitions import give_up
from pushserver.model.withdrawal import end_waiting, mark_withdrawn


def end_device(
    lane: Lane,
    stored_operations: Iterable[Operation],
    changes: Changes,
    *,
    now: int,
    reason: str,
    by: Actor,
) -> None:
    """
    End all commands of a device, its running operations and its shadow.

    What is in flight is given up and not retried: nobody knows what came of it, until a
    late result of its delivery says so. *stored_operations* are those that run.
    """
    changes.end_device(lane)
    running = _live_operations(lane, stored_operations, changes)
    for operation in running:
        if not operation.canceled:
            mark_canceled(operation, changes, now=now, reason=reason, by=by)
    for in_flight in list(lane.in_flights):
        mark_withdrawn(in_flight.command, changes, by=by)
        give_up(lane, in_flight, changes, now)
    end_waiting(lane, lane.waiting, changes, now=now, by=by)
    lane.blocked_endpoints = {}
    for operation in running:
        if operation.is_running:
            end_between_steps(operation, changes, now=now, reason=reason)


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
