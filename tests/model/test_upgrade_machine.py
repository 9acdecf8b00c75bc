"""A part's whole life in random order: its states form a path, and it ends once."""

from itertools import pairwise

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
from pushserver.model.operation import Status
from pushserver.model.reading import Reading
from pushserver.model.state import OVER
from pushserver.model.upgrade import Phase
from tests.model.upgrades import NEW_SAID, NOTHING, OLD_SAID, UpgradeWork, error
from tests.model.values import poll

#: What was handed out, and how.
Given = tuple[Command, HandOut]
#: What a device may say: the version it should have, another, none, or an error.
SAID = {
    "new": Reading(response=NEW_SAID),
    "old": Reading(response=OLD_SAID),
    "nothing": Reading(response=NOTHING),
    "error": error(),
}
#: From where to where a part may go.
STEPS = {
    ("idle", "downloading"),
    ("downloading", "downloaded"),
    ("downloaded", "updating"),
    ("downloading", "idle"),
    ("downloaded", "idle"),
    ("updating", "idle"),
}


class PartLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, a part tells the truth of its steps.

    The model is what was handed out, and what was told so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Given] = []
        self.ended: list[str] = []

    @initialize(
        downloads=st.integers(1, 2),
        applies=st.integers(1, 2),
        retries=st.integers(0, 2),
        seconds=st.sampled_from([1, 30, 900]),
    )
    def begin(self, downloads: int, applies: int, retries: int, seconds: int) -> None:
        """A part that has not begun."""
        self.work = UpgradeWork.of(
            downloads=downloads, applies=applies, retries=retries, seconds=seconds
        )

    @precondition(lambda self: self.work.operation.wants_step)
    @rule(again=st.booleans(), lasts=st.sampled_from([20, 300, 86_400]))
    def go_on(self, again: bool, lasts: int) -> None:
        """The next step is queued."""
        queue = self.work.queue_again if again else self.work.queue
        queue(expires_at=self.work.now + lasts * SECOND, max_attempts=2)

    @rule()
    def poll(self) -> None:
        """The device asks."""
        work = self.work
        before = work.lane.flight
        flight = poll(work.lane, work.now, uuid="u", changes=work.changes)
        if flight is not None and flight is not before:
            self.deliveries.append((flight.command, flight.delivery))

    @precondition(lambda self: self.work.lane.flight is not None)
    @rule(said=st.sampled_from([*SAID, "new", "new"]))
    def answer(self, said: str) -> None:
        """The device answers what it has."""
        flight = self.work.lane.flight
        assert flight is not None
        self.work.say(SAID[said], flight.command, flight.delivery)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), said=st.sampled_from(list(SAID)))
    def answer_late(self, data: st.DataObject, said: str) -> None:
        """A result comes, of any delivery."""
        one, of = data.draw(st.sampled_from(self.deliveries))
        self.work.say(SAID[said], one, of)

    @precondition(lambda self: self.work.lane.flight is not None)
    @rule()
    def lose(self) -> None:
        """The device was gone before a byte was written."""
        flight = self.work.lane.flight
        assert flight is not None
        self.deliveries.remove((flight.command, flight.delivery))
        self.work.take_back(flight)

    @rule(seconds=st.sampled_from([1, 10, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.work.tick(seconds)
        self.work.look_after()

    @precondition(lambda self: len(self.deliveries) > 2)
    @rule(certain=st.integers(0, 9))
    def cancel(self, certain: int) -> None:
        """Now and then somebody cancels it."""
        if certain == 0:
            self.work.cancel()

    @invariant()
    def states_form_a_path(self) -> None:
        """Each state follows the one before, from idle on."""
        states = ["idle", *(w for w in self.work.heard if w.islower())]
        assert set(pairwise(states)) <= STEPS
        assert states[-1] == self.work.part.state
        assert states.count("idle") <= 2

    @invariant()
    def it_ends_once(self) -> None:
        """While it runs no result is told; then exactly one, after all else."""
        ends = [word for word in self.work.heard if not word.islower()]
        of = self.work.operation
        assert len(ends) == (not of.is_running)
        if not ends:
            return
        assert [*self.ended, *ends][0] == ends[0] == self.work.heard[-1]
        self.ended = ends
        assert "idle" == self.work.part.state
        assert of.status in (Status.COMPLETED, Status.FAILED)

    @invariant()
    def it_succeeds_if_the_version_was_read(self) -> None:
        """It has succeeded only if the device said so in the last step, late or not."""
        of, part = self.work.operation, self.work.part
        if of.status is Status.COMPLETED:
            assert part.upgrade.target_version == part.current_version
            assert (None, None) == (part.error_code, part.error)
        elif of.status is Status.FAILED:
            assert part.error_code
            assert part.error

    @invariant()
    def one_step_at_a_time(self) -> None:
        """At most one command lives, of the next step, while it runs."""
        of = self.work.operation
        live = [c for c in self.work.changes.added if c.state not in OVER]
        assert of.done <= of.queued <= min(of.done + 1, of.steps)
        assert [c.step for c in live] == [of.done] * len(live)
        assert len(live) == (of.is_running and of.queued > of.done)

    @invariant()
    def it_does_not_try_for_ever(self) -> None:
        """Steps are sent again as often as was allowed; the last one until its time."""
        part = self.work.part
        assert part.tries <= part.upgrade.retries
        steps = [c.step or 0 for c in self.work.changes.added]
        before = [s for s in steps if part.upgrade.phase(s) is not Phase.VERIFY]
        assert len(before) <= len(set(before)) + part.tries


TestPartLife = PartLife.TestCase
TestPartLife.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None
)
