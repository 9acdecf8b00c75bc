"""A device upgrade in random order: its states form a path, and it ends once."""

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
from pushserver.model.command import Command, Delivery
from pushserver.model.operation import OperationStatus
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import FINISHED
from pushserver.model.upgrade import UpgradePhase
from tests.model.factories import poll_lane
from tests.model.upgrade_scenario import (
    NEW_VERSION_BODY,
    NOTHING,
    OLD_VERSION_BODY,
    UpgradeScenario,
    error_result,
)

#: What was handed out, and how.
CommandDelivery = tuple[Command, Delivery]
#: What a device may say: the version it should have, another, none, or an error.
RESULTS = {
    "new": ParsedResult(response=NEW_VERSION_BODY),
    "old": ParsedResult(response=OLD_VERSION_BODY),
    "nothing": ParsedResult(response=NOTHING),
    "error": error_result(),
}
#: From where to where a device upgrade may go.
STEPS = {
    ("idle", "downloading"),
    ("downloading", "downloaded"),
    ("downloaded", "updating"),
    ("downloading", "idle"),
    ("downloaded", "idle"),
    ("updating", "idle"),
}


class DeviceUpgradeLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, a device upgrade agrees with its steps.

    The model is what was handed out, and what was emitted so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[CommandDelivery] = []
        self.ended: list[str] = []

    @initialize(
        downloads=st.integers(1, 2),
        applies=st.integers(1, 2),
        retries=st.integers(0, 2),
        seconds=st.sampled_from([1, 30, 900]),
    )
    def begin(self, downloads: int, applies: int, retries: int, seconds: int) -> None:
        """Start with a device upgrade that has not started."""
        self.scenario = UpgradeScenario.of(
            download_steps=downloads,
            apply_steps=applies,
            max_retries=retries,
            seconds=seconds,
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
        queue(expires_at=self.scenario.now + lasts * SECOND, max_attempts=2)

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
    @rule(version=st.sampled_from([*RESULTS, "new", "new"]))
    def answer(self, version: str) -> None:
        """The device answers what it has."""
        in_flight = self.scenario.lane.in_flight
        assert in_flight is not None
        self.scenario.post_parsed(
            RESULTS[version], in_flight.command, in_flight.delivery
        )

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), answer=st.sampled_from(list(RESULTS)))
    def answer_late(self, data: st.DataObject, answer: str) -> None:
        """A result comes, of any delivery."""
        one, of = data.draw(st.sampled_from(self.deliveries))
        self.scenario.post_parsed(RESULTS[answer], one, of)

    @precondition(lambda self: self.scenario.lane.in_flight is not None)
    @rule()
    def lose(self) -> None:
        """The device was gone before a byte was written."""
        in_flight = self.scenario.lane.in_flight
        assert in_flight is not None
        self.deliveries.remove((in_flight.command, in_flight.delivery))
        self.scenario.revert_delivery(in_flight)

    @rule(seconds=st.sampled_from([1, 10, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.scenario.tick(seconds)
        self.scenario.expire_overdue()

    @precondition(lambda self: len(self.deliveries) > 2)
    @rule(certain=st.integers(0, 9))
    def cancel(self, certain: int) -> None:
        """Now and then somebody cancels it."""
        if certain == 0:
            self.scenario.cancel()

    @invariant()
    def states_form_a_path(self) -> None:
        """Each state follows the one before, from idle on."""
        states = ["idle", *(w for w in self.scenario.emitted if w.islower())]
        assert set(pairwise(states)) <= STEPS
        assert states[-1] == self.scenario.device_upgrade.state
        assert states.count("idle") <= 2

    @invariant()
    def it_ends_once(self) -> None:
        """While it runs no result is emitted; then exactly one, after all else."""
        ends = [word for word in self.scenario.emitted if not word.islower()]
        of = self.scenario.operation
        assert len(ends) == (not of.is_running)
        if not ends:
            return
        assert [*self.ended, *ends][0] == ends[0] == self.scenario.emitted[-1]
        self.ended = ends
        assert "idle" == self.scenario.device_upgrade.state
        assert of.status in (OperationStatus.COMPLETED, OperationStatus.FAILED)

    @invariant()
    def it_succeeds_if_the_version_was_read(self) -> None:
        """It has succeeded only if the device said so in the last step, late or not."""
        of, part = self.scenario.operation, self.scenario.device_upgrade
        if of.status is OperationStatus.COMPLETED:
            assert part.upgrade.target_version == part.current_version
            assert (None, None) == (part.error_code, part.error)
        elif of.status is OperationStatus.FAILED:
            assert part.error_code
            assert part.error

    @invariant()
    def one_step_at_a_time(self) -> None:
        """At most one command lives, of the next step, while it runs."""
        of = self.scenario.operation
        live = [
            c for c in self.scenario.changes.new_commands if c.state not in FINISHED
        ]
        assert of.done_steps <= of.queued_steps <= min(of.done_steps + 1, of.step_count)
        assert [c.step for c in live] == [of.done_steps] * len(live)
        assert len(live) == (of.is_running and of.queued_steps > of.done_steps)

    @invariant()
    def it_does_not_try_for_ever(self) -> None:
        """Steps are sent again as often as was allowed; the last one until its time."""
        part = self.scenario.device_upgrade
        assert part.retries_used <= part.upgrade.max_retries
        steps = [c.step or 0 for c in self.scenario.changes.new_commands]
        before = [
            s for s in steps if part.upgrade.phase_of(s) is not UpgradePhase.VERIFY
        ]
        assert len(before) <= len(set(before)) + part.retries_used


TestDeviceUpgradeLife = DeviceUpgradeLife.TestCase
TestDeviceUpgradeLife.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None
)
