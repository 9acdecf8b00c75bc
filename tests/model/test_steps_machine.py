"""An operation's whole life in random order, beside a model that only counts."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pushserver.clock import SECOND
from pushserver.model.command import Command, Delivery
from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.state import FINISHED, CommandEvent, CommandState
from tests.clock import START
from tests.model.factories import poll_lane
from tests.model.operation_scenario import OperationScenario, operation

#: What was handed out, and how.
CommandDelivery = tuple[Command, Delivery]
FAILURES = (CommandState.FAILED, CommandState.EXPIRED, CommandState.CANCELED)
ENDS = {
    CommandEvent.SUCCEED,
    CommandEvent.FAIL,
    CommandEvent.GIVE_UP,
    CommandEvent.EXPIRE,
    CommandEvent.CANCEL,
}


class OperationLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, an operation agrees with its steps.

    The model is the list of commands that its steps became, and of their deliveries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scenario = OperationScenario(operation())
        self.commands: list[Command] = []
        self.deliveries: list[CommandDelivery] = []
        self.canceled_between = 0
        self.queued_when_ended: int | None = None
        self.has_interest = True

    @initialize(
        steps=st.integers(1, 4),
        on_failure=st.sampled_from(OnFailure),
        has_interest=st.booleans(),
    )
    def begin(self, steps: int, on_failure: OnFailure, has_interest: bool) -> None:
        """Let there be an operation with so many steps, never canceled if wanted."""
        self.has_interest = has_interest
        self.scenario = OperationScenario(
            operation(step_count=steps, on_failure=on_failure)
        )

    @precondition(lambda self: self.scenario.operation.needs_next_step)
    @rule(again=st.booleans(), lasts=st.sampled_from([20, 300, 86_400]))
    def start_next_step(self, again: bool, lasts: int) -> None:
        """The next step is queued."""
        queue = (
            self.scenario.start_repeatable_step
            if again
            else self.scenario.start_next_step
        )
        expires_at = self.scenario.now + lasts * SECOND
        self.commands.append(queue(expires_at=expires_at, max_attempts=2))

    @rule()
    def poll(self) -> None:
        """The device asks."""
        scenario = self.scenario
        before = scenario.lane.in_flight
        in_flight = poll_lane(
            scenario.lane, scenario.now, uuid="u", changes=scenario.changes
        )
        if in_flight is not None and in_flight is not before:
            self.deliveries.append((in_flight.command, in_flight.delivery))

    @precondition(lambda self: self.scenario.lane.in_flight is not None)
    @rule()
    def lose(self) -> None:
        """The device was gone before a byte was written."""
        in_flight = self.scenario.lane.in_flight
        assert in_flight is not None
        self.deliveries.remove((in_flight.command, in_flight.delivery))
        self.scenario.revert_delivery(in_flight)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), failed=st.booleans())
    def answer(self, data: st.DataObject, failed: bool) -> None:
        """A result comes, of any delivery."""
        one, of = data.draw(st.sampled_from(self.deliveries))
        self.scenario.post_result(one, of, failed=failed)

    @rule(seconds=st.sampled_from([1, 5, 30, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.scenario.tick(seconds)
        self.scenario.expire_overdue()

    @precondition(lambda self: self.scenario.lane.in_flight is not None)
    @rule()
    def never_answered(self) -> None:
        """The answer of what is in flight does not come in time."""
        self.wait(180)

    @precondition(lambda self: not self.has_interest)
    @rule()
    def cancel(self) -> None:
        """Somebody cancels it."""
        of = self.scenario.operation
        between = not any(c.state not in FINISHED for c in self.commands)
        if of.is_running and not of.canceled and between:
            self.canceled_between += 1
        self.scenario.cancel()

    def count(self, *states: CommandState) -> int:
        """Return how many commands are in these states."""
        return sum(one.state in states for one in self.commands)

    @invariant()
    def it_counts_its_steps(self) -> None:
        """Its numbers are those of its commands."""
        of = self.scenario.operation
        counted: tuple[Any, ...] = (
            len(self.commands),
            self.count(*FINISHED),
            self.count(*FAILURES) + self.canceled_between,
            self.count(CommandState.TIMEOUT),
        )
        assert counted == (
            of.queued_steps,
            of.done_steps,
            of.failed_steps,
            of.unknown_steps,
        )
        assert of.done_steps <= of.queued_steps <= min(of.done_steps + 1, of.step_count)

    @invariant()
    def it_ends_by_what_is_known(self) -> None:
        """FAILED before STALE before COMPLETED, which is when all have succeeded."""
        of, status = self.scenario.operation, self.scenario.operation.status
        if of.is_running:
            assert of.ended_at is None
            return
        assert (status is OperationStatus.COMPLETED) == (
            self.count(CommandState.SUCCESSFUL) == of.step_count
            and not self.canceled_between
        )
        unknown = self.count(CommandState.TIMEOUT) and not of.failed_steps
        assert (status is OperationStatus.STALE) == bool(unknown)

    @invariant()
    def the_end_is_the_end(self) -> None:
        """After it has ended no step is queued, and it does not run again."""
        of = self.scenario.operation
        if self.queued_when_ended is not None:
            assert (False, self.queued_when_ended) == (of.is_running, of.queued_steps)
        elif not of.is_running:
            self.queued_when_ended = of.queued_steps

    @invariant()
    def it_stops_when_it_should(self) -> None:
        """It goes on to its end, unless it was canceled or a step stopped it."""
        of = self.scenario.operation
        stopped = of.on_failure is OnFailure.STOP and self.not_successful_at_first()
        done = of.done_steps == of.step_count
        idle = of.queued_steps == of.done_steps
        assert of.is_running == (not (done or (idle and (of.canceled or stopped))))

    def not_successful_at_first(self) -> bool:
        """Return whether a step ended without a success in time."""
        timed_out = {
            m.command.id
            for m in self.scenario.changes.transitions
            if m.command_event is CommandEvent.GIVE_UP
        }
        return bool(self.count(*FAILURES) or timed_out)

    @invariant()
    def every_event_is_notified(self) -> None:
        """One notification for each turn, and none for what is no turn."""
        events = Counter(m.command_event for m in self.scenario.changes.transitions)
        turns = sum(number for event, number in events.items() if event in ENDS)
        count = len(self.commands) + events[CommandEvent.HAND_OUT] + turns
        assert count + self.canceled_between == len(self.scenario.changes.notifications)

    @invariant()
    def progress_never_falls(self) -> None:
        """Progress is from 0 to 100, and 100 when all is done."""
        progress = [n.progress for n in self.scenario.changes.notifications]
        assert sorted(progress) == progress
        assert all(0 <= each <= 100 for each in progress)
        of = self.scenario.operation
        assert of.progress == (progress or [0])[-1]
        if of.status is OperationStatus.COMPLETED:
            assert 100 == of.progress
        assert START <= of.modified_at <= self.scenario.now


TestOperationLife = OperationLife.TestCase
TestOperationLife.settings = settings(
    max_examples=settings().max_examples * 2,
    stateful_step_count=30,
    deadline=None,
)
