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
from pushserver.model.command import Command, HandOut
from pushserver.model.operation import OnFailure, Status
from pushserver.model.state import OVER, State, Turn
from tests.clock import START
from tests.model.values import poll
from tests.model.work import Work, operation

#: What was handed out, and how.
Given = tuple[Command, HandOut]
FAILURES = (State.FAILED, State.EXPIRED, State.CANCELED)
ENDS = {Turn.SUCCEED, Turn.FAIL, Turn.GIVE_UP, Turn.EXPIRE, Turn.CANCEL}


class OperationLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, an operation tells the truth of its steps.

    The model is the list of commands that its steps became, and of their deliveries.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work = Work(operation())
        self.commands: list[Command] = []
        self.deliveries: list[Given] = []
        self.called_off_between = 0
        self.queued_when_ended: int | None = None
        self.is_wanted = True

    @initialize(
        steps=st.integers(1, 4),
        on_failure=st.sampled_from(OnFailure),
        is_wanted=st.booleans(),
    )
    def begin(self, steps: int, on_failure: OnFailure, is_wanted: bool) -> None:
        """Let there be an operation with so many steps, never canceled if wanted."""
        self.is_wanted = is_wanted
        self.work = Work(operation(steps=steps, on_failure=on_failure))

    @precondition(lambda self: self.work.operation.wants_step)
    @rule(again=st.booleans(), lasts=st.sampled_from([20, 300, 86_400]))
    def go_on(self, again: bool, lasts: int) -> None:
        """The next step is queued."""
        queue = self.work.queue_again if again else self.work.queue
        expires_at = self.work.now + lasts * SECOND
        self.commands.append(queue(expires_at=expires_at, max_attempts=2))

    @rule()
    def poll(self) -> None:
        """The device asks."""
        work = self.work
        before = work.lane.flight
        flight = poll(work.lane, work.now, uuid="u", changes=work.changes)
        if flight is not None and flight is not before:
            self.deliveries.append((flight.command, flight.delivery))

    @precondition(lambda self: self.work.lane.flight is not None)
    @rule()
    def lose(self) -> None:
        """The device was gone before a byte was written."""
        flight = self.work.lane.flight
        assert flight is not None
        self.deliveries.remove((flight.command, flight.delivery))
        self.work.take_back(flight)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), failed=st.booleans())
    def answer(self, data: st.DataObject, failed: bool) -> None:
        """A result comes, of any delivery."""
        one, of = data.draw(st.sampled_from(self.deliveries))
        self.work.answer(one, of, failed=failed)

    @rule(seconds=st.sampled_from([1, 5, 30, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.work.tick(seconds)
        self.work.look_after()

    @precondition(lambda self: self.work.lane.flight is not None)
    @rule()
    def never_answered(self) -> None:
        """The answer of what is in flight does not come in time."""
        self.wait(180)

    @precondition(lambda self: not self.is_wanted)
    @rule()
    def cancel(self) -> None:
        """Somebody cancels it."""
        of = self.work.operation
        between = not any(c.state not in OVER for c in self.commands)
        if of.is_running and not of.canceled and between:
            self.called_off_between += 1
        self.work.cancel()

    def many(self, *states: State) -> int:
        """Return how many commands are in these states."""
        return sum(one.state in states for one in self.commands)

    @invariant()
    def it_counts_its_steps(self) -> None:
        """Its numbers are those of its commands."""
        of = self.work.operation
        counted: tuple[Any, ...] = (
            len(self.commands),
            self.many(*OVER),
            self.many(*FAILURES) + self.called_off_between,
            self.many(State.TIMEOUT),
        )
        assert counted == (of.queued, of.done, of.failed, of.unknown)
        assert of.done <= of.queued <= min(of.done + 1, of.steps)

    @invariant()
    def it_ends_by_what_is_known(self) -> None:
        """FAILED before STALE before COMPLETED, which is when all have succeeded."""
        of, status = self.work.operation, self.work.operation.status
        if of.is_running:
            assert of.ended_at is None
            return
        assert (status is Status.COMPLETED) == (
            self.many(State.SUCCESSFUL) == of.steps and not self.called_off_between
        )
        unknown = self.many(State.TIMEOUT) and not of.failed
        assert (status is Status.STALE) == bool(unknown)

    @invariant()
    def the_end_is_the_end(self) -> None:
        """After it has ended no step is queued, and it does not run again."""
        of = self.work.operation
        if self.queued_when_ended is not None:
            assert (False, self.queued_when_ended) == (of.is_running, of.queued)
        elif not of.is_running:
            self.queued_when_ended = of.queued

    @invariant()
    def it_stops_when_it_should(self) -> None:
        """It goes on to its end, unless it was canceled or a step stopped it."""
        of = self.work.operation
        stopped = of.on_failure is OnFailure.STOP and self.not_successful_at_first()
        done = of.done == of.steps
        idle = of.queued == of.done
        assert of.is_running == (not (done or (idle and (of.canceled or stopped))))

    def not_successful_at_first(self) -> bool:
        """Tell whether a step ended otherwise than by success in time."""
        timed_out = {
            m.command.id for m in self.work.changes.moves if m.turn is Turn.GIVE_UP
        }
        return bool(self.many(*FAILURES) or timed_out)

    @invariant()
    def every_turn_is_told(self) -> None:
        """One notification for each turn, and none for what is no turn."""
        events = Counter(m.turn for m in self.work.changes.moves)
        turns = sum(number for event, number in events.items() if event in ENDS)
        told = len(self.commands) + events[Turn.HAND_OUT] + turns
        assert told + self.called_off_between == len(self.work.changes.notifications)

    @invariant()
    def progress_never_falls(self) -> None:
        """Progress is from 0 to 100, and 100 when all is done."""
        progress = [n.progress for n in self.work.changes.notifications]
        assert sorted(progress) == progress
        assert all(0 <= each <= 100 for each in progress)
        of = self.work.operation
        assert of.progress == (progress or [0])[-1]
        if of.status is Status.COMPLETED:
            assert 100 == of.progress
        assert START <= of.modified_at <= self.work.now


TestOperationLife = OperationLife.TestCase
TestOperationLife.settings = settings(
    max_examples=settings().max_examples * 2,
    stateful_step_count=30,
    deadline=None,
)
