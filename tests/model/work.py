"""An operation on one device, told in short words: its lane, and all that was noted."""

from typing import Any

import attrs

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut
from pushserver.model.lane import Flight, Lane
from pushserver.model.operation import Label, Notification, Operation
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.turns import (
    add_step,
    answered,
    cancel,
    cancel_operation,
    give_up,
    look_after,
    withdraw,
)
from tests.clock import START
from tests.model.values import DEVICE, command, new_id, once, poll, result, said

#: Whose token the operations of tests were begun with.
BY = 7


def operation(**given: Any) -> Operation:
    """Return an operation that has not begun."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "scope_id": FIRST_SCOPE,
        "device_id": DEVICE,
        "created_at": START,
        "created_by": BY,
        "label": Label(resource="photos"),
        "modified_at": START,
    }
    return Operation(**{**usual, **given})


def notification(of: Operation, **given: Any) -> Notification:
    """Return what somebody outside the queue tells of an operation."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "operation_id": of.id,
        "scope_id": of.scope_id,
        "created_at": START,
        "created_by": BY,
        "sent_at": START,
        "status": of.status,
        "progress": 0,
    }
    return Notification(**{**usual, **given})


def step_command(of: Operation, **given: Any) -> Command:
    """Return the command of the operation's next step, handed out once at most."""
    usual = {
        "operation_id": of.id,
        "device_id": of.device_id,
        "scope_id": of.scope_id,
        "step": of.queued,
        "resource": f"part {of.queued + 1}",
    }
    return once(**{**usual, **given})


@attrs.define
class Work:
    """A device that works on one operation. `now` is an instant."""

    operation: Operation
    lane: Lane = attrs.Factory(lambda: Lane(DEVICE))
    changes: Changes = attrs.Factory(lambda: Changes(new_id))
    now: int = START

    @property
    def told(self) -> list[tuple[str, int, str | None, str | None]]:
        """Return what was told: status, progress, resource, message."""
        return [
            (str(n.status), n.progress, n.resource, n.message)
            for n in self.changes.notifications
        ]

    @property
    def ended(self) -> tuple[str, int, int, int, int]:
        """Return how it stands: status, and steps done, failed, unknown; progress."""
        of = self.operation
        return str(of.status), of.done, of.failed, of.unknown, of.progress

    def tick(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now += round(seconds * SECOND)

    def queue(self, **given: Any) -> Command:
        """Make the next step a command."""
        made = step_command(self.operation, **{"created_at": self.now, **given})
        add_step(self.lane, self.operation, made, self.changes)
        return made

    def queue_again(self, **given: Any) -> Command:
        """Make the next step a command that may be handed out again."""
        base = command()
        return self.queue(
            **{"delivery": base.delivery, "endpoint": base.endpoint, **given}
        )

    def poll(self) -> Flight:
        """Let the device poll; it must be given something."""
        flight = poll(self.lane, self.now, uuid="u", changes=self.changes)
        assert flight is not None
        return flight

    def answer(self, command: Command, of: HandOut, *, failed: bool = False) -> None:
        """Let the result of a delivery come."""
        came = result(received_at=self.now)
        answered(
            self.lane, command, of, self.changes, result=came, reading=said(failed)
        )

    def do(self, *, failed: bool = False) -> Flight:
        """Let the next step be queued, handed out and answered."""
        self.queue()
        flight = self.poll()
        self.answer(flight.command, flight.delivery, failed=failed)
        return flight

    def lose(self) -> Flight:
        """Let the next step be queued and handed out, and its answer never come."""
        self.queue()
        flight = self.poll()
        give_up(self.lane, self.changes, now=self.now)
        return flight

    def take_back(self, flight: Flight) -> None:
        """Take a hand-out back of which no byte was written."""
        withdraw(self.lane, flight, self.changes, now=self.now)

    def look_after(self) -> None:
        """Do what is due."""
        look_after(self.lane, self.changes, now=self.now)

    def cancel_command(self, command: Command) -> None:
        """Cancel the command of a step."""
        assert cancel(self.lane, command, self.changes, now=self.now)

    def cancel(self) -> None:
        """Cancel the operation."""
        cancel_operation(
            self.lane, self.operation, self.changes, now=self.now, why="Enough."
        )
