"""Bounds the queues of devices and scopes: who only enqueues must not fill memory."""

from collections import Counter
from collections.abc import Sequence

import attrs

from pushserver.errors import QueueFull
from pushserver.model.bounds import Bounds
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState


@attrs.frozen
class QueueBounds:
    """
    Refuses commands for which there is no room.

    Steps that follow, and what a shadow writes, are not refused: there is at most one
    of an operation, and of a service. `waiting_by_scope` is the store's.
    """

    bounds: Bounds
    waiting_by_scope: Counter[int]
    counts: Counter[str]

    def require_room(
        self,
        scope_id: int,
        lane: Lane,
        changes: Changes,
        added: int,
        requests: Sequence[CommandRequest] = (),
    ) -> None:
        """
        Require, in a decision, room for so many commands.

        *requests* may replace some that wait, and each other: those need none.

        Raises:
            QueueFull: there is none.
        """
        # Count all that this commit adds, of whatever scope: that is quick, and mostly
        # there is room even so.
        waiting = self.waiting_by_scope[scope_id] + len(changes.new_commands)
        if (
            len(lane.waiting) + added <= self.bounds.device_queue
            and waiting + added <= self.bounds.scope_queue
        ):
            return
        added -= _count_replaced(scope_id, lane, requests)
        if len(lane.waiting) + added > self.bounds.device_queue:
            self.counts["bounds.deviceQueue"] += 1
            raise QueueFull(
                f"{len(lane.waiting)} commands wait for this device; at most"
                f" {self.bounds.device_queue} may."
            )
        waiting = self.waiting_by_scope[scope_id] + _count_new(scope_id, changes)
        if waiting + added > self.bounds.scope_queue:
            self.counts["bounds.scopeQueue"] += 1
            raise QueueFull(
                f"{waiting} commands of this scope wait; at most"
                f" {self.bounds.scope_queue} may."
            )


def _count_replaced(
    scope_id: int, lane: Lane, requests: Sequence[CommandRequest]
) -> int:
    """Count the commands that *requests* take the place of, their own among them."""
    keys = [each.supersede_key for each in requests if each.supersede_key is not None]
    last_ones = set(keys)
    waiting = sum(
        command.supersede_key in last_ones
        and command.scope_id == scope_id
        and not command.attempts
        for command in lane.waiting
    )
    return waiting + len(keys) - len(last_ones)


def _count_new(scope_id: int, changes: Changes) -> int:
    """Count the commands of the scope that this commit adds to those that wait."""
    return sum(
        command.scope_id == scope_id and command.state is CommandState.PENDING
        for command in changes.new_commands
    )
