"""One device's operation in memory: its lane, and all that was recorded."""

from typing import Any

import attrs

from pushserver.clock import SECOND
from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.operation import Notification, Operation, OperationDescriptor
from pushserver.model.operation_cancellation import cancel_operation
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    enqueue_step,
    give_up_in_flight,
    revert_hand_out,
)
from pushserver.model.withdrawal import withdraw
from tests.clock import START
from tests.model.factories import (
    DEVICE,
    at_most_once_command,
    command,
    new_id,
    parsed_result,
    poll_lane,
    result,
)

#: The token that created the operations of tests.
TOKEN_ID = 7
ACTOR = Actor(TOKEN_ID, "tests")


def operation(**overrides: Any) -> Operation:
    """Return an operation that has not started."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "scope_id": DEFAULT_SCOPE_ID,
        "device_id": DEVICE,
        "created_at": START,
        "created_by": ACTOR,
        "descriptor": OperationDescriptor(resource="photos"),
        "modified_at": START,
    }
    return Operation(**{**defaults, **overrides})


def notification(parent: Operation, **overrides: Any) -> Notification:
    """Return a notification from outside the queue."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "operation_id": parent.id,
        "scope_id": parent.scope_id,
        "created_at": START,
        "created_by": TOKEN_ID,
        "sent_at": START,
        "status": parent.status,
        "progress": 0,
    }
    return Notification(**{**defaults, **overrides})


def step_command(parent: Operation, **overrides: Any) -> Command:
    """Return the command of the operation's next step, handed out once at most."""
    defaults = {
        "operation_id": parent.id,
        "device_id": parent.device_id,
        "scope_id": parent.scope_id,
        "step": parent.queued_steps,
        "resource": f"part {parent.queued_steps + 1}",
    }
    return at_most_once_command(**{**defaults, **overrides})


@attrs.define
class OperationScenario:
    """One device with one operation. `now` is an instant."""

    operation: Operation
    lane: Lane = attrs.Factory(lambda: Lane(DEVICE))
    changes: Changes = attrs.Factory(lambda: Changes(new_id, START))
    now: int = START

    @property
    def notification_rows(self) -> list[tuple[str, int, str | None, str | None]]:
        """Return the notifications: status, progress, resource, message."""
        return [
            (str(n.status), n.progress, n.resource, n.message)
            for n in self.changes.notifications
        ]

    @property
    def progress_row(self) -> tuple[str, int, int, int, int]:
        """Return the status, the steps done, failed and unknown, and the progress."""
        current = self.operation
        return (
            str(current.status),
            current.done_steps,
            current.failed_steps,
            current.unknown_steps,
            current.progress,
        )

    def tick(self, seconds: float = 1) -> None:
        """Let time pass."""
        self.now += round(seconds * SECOND)

    def start_next_step(self, **overrides: Any) -> Command:
        """Make the next step a command."""
        step = step_command(self.operation, **{"created_at": self.now, **overrides})
        enqueue_step(self.lane, self.operation, step, self.changes)
        return step

    def start_repeatable_step(self, **overrides: Any) -> Command:
        """Make the next step a command that may be handed out again."""
        base = command()
        return self.start_next_step(
            **{"guarantee": base.guarantee, "endpoint": base.endpoint, **overrides}
        )

    def poll_command(self) -> InFlight:
        """Let the device poll; it must get a command."""
        in_flight = poll_lane(self.lane, self.now, uuid="u", changes=self.changes)
        assert in_flight is not None
        return in_flight

    def post_result(
        self, command: Command, delivery: Delivery, *, failed: bool = False
    ) -> None:
        """Post the result of a delivery."""
        posted = result(received_at=self.now)
        apply_result(
            self.lane,
            command,
            delivery,
            self.changes,
            result=posted,
            parsed_result=parsed_result(failed),
        )

    def run_step(self, *, failed: bool = False) -> InFlight:
        """Queue the next step, hand it out and answer it."""
        self.start_next_step()
        in_flight = self.poll_command()
        self.post_result(in_flight.command, in_flight.delivery, failed=failed)
        return in_flight

    def leave_step_unanswered(self) -> InFlight:
        """Queue the next step and hand it out, without an answer."""
        self.start_next_step()
        in_flight = self.poll_command()
        give_up_in_flight(self.lane, self.changes, now=self.now)
        return in_flight

    def revert_delivery(self, in_flight: InFlight) -> None:
        """Withdraw a delivery of which no byte was written."""
        revert_hand_out(self.lane, in_flight, self.changes, now=self.now)

    def expire_overdue(self) -> None:
        """Do what is due."""
        apply_deadlines(self.lane, self.changes, now=self.now)

    def withdraw(self, command: Command) -> None:
        """Take the command of a step back."""
        withdraw(self.lane, command, self.changes, now=self.now)

    def cancel(self) -> None:
        """Cancel the operation."""
        cancel_operation(
            self.lane, self.operation, self.changes, now=self.now, reason="Enough."
        )
