"""A service's whole life in random order, beside the device that it mirrors."""

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from pushserver.model.command import Command, Delivery
from pushserver.model.shadow import PropertyValue
from pushserver.model.state import CommandState
from pushserver.protocols.controlid import configuration
from tests.model.factories import poll_lane
from tests.model.shadow_scenario import ShadowScenario

NAMES = ("language", "beep", "relay")
VALUES = st.sampled_from(["a", "b", 1, True])


class ShadowLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, a shadow is true and converges.

    The model is a device with its settings. A result says whether the device applied
    its command; the same command handed out again is applied again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scenario = ShadowScenario()
        self.device = dict.fromkeys(NAMES, "factory")
        #: What was handed out, whether it failed, and what was read.
        self.done: list[tuple[Command, Delivery, bool, dict[str, str]]] = []
        self.sent: dict[int, dict[str, PropertyValue]] = {}

    def compare(self) -> None:
        """Compare, as a worker does, and note what is sent."""
        if (
            self.scenario.service.needs_reconcile
            or self.scenario.service.is_write_expired
        ):
            self.scenario.compare()
        self.record_write()

    def record_write(self) -> None:
        """Note what the newest command carries."""
        service = self.scenario.service
        if service.is_writing and service.write_command_id is not None:
            self.sent.setdefault(service.write_command_id, dict(service.sent_values))

    @rule(
        name=st.sampled_from(NAMES),
        value=VALUES,
        seconds=st.sampled_from([None, 20, 300]),
    )
    def desire(self, name: str, value: PropertyValue, seconds: int | None) -> None:
        """Somebody desires something."""
        desired = {**self.scenario.service.desired, name: value}
        self.scenario.set_desired(desired, seconds)
        self.record_write()

    @precondition(lambda self: self.scenario.service.desired)
    @rule(data=st.data())
    def desire_no_more(self, data: st.DataObject) -> None:
        """Somebody takes a desire back."""
        desired = dict(self.scenario.service.desired)
        del desired[data.draw(st.sampled_from(sorted(desired)))]
        self.scenario.set_desired(desired)
        self.record_write()

    @rule()
    def refresh(self) -> None:
        """Somebody asks the device."""
        self.scenario.refresh(*NAMES)

    @rule(name=st.sampled_from(NAMES), value=st.sampled_from("abc"))
    def change(self, name: str, value: str) -> None:
        """Somebody changes the device's settings on the device itself."""
        self.device[name] = value
        self.settle()
        self.ask()

    @rule(fails=st.booleans())
    def poll(self, fails: bool) -> None:
        """The device polls, and runs the command it gets."""
        scenario = self.scenario
        before = scenario.lane.in_flight
        in_flight = poll_lane(
            scenario.lane, scenario.now, uuid="u", changes=scenario.changes
        )
        if in_flight is not None and in_flight is not before:
            self.carry_out(in_flight.command, in_flight.delivery, fails)
        self.compare()

    def carry_out(self, command: Command, of: Delivery, fails: bool) -> None:
        """Let the device run the command."""
        assert command.order is not None
        assert command.order.body is not None
        properties = msgspec.json.decode(command.order.body)["general"]
        read: dict[str, str] = {}
        if command.endpoint == "get_configuration":
            read = {name: self.device[name] for name in properties}
        elif not fails:
            self.device |= properties
        self.done.append((command, of, fails, read))

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """A result comes, of any delivery."""
        command, of, fails, read = data.draw(st.sampled_from(self.done))
        reported = read if command.endpoint == "get_configuration" else None
        self.scenario.post_result(command, of, failed=fails, reported=reported)
        self.compare()

    @rule(seconds=st.sampled_from([1, 5, 30, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.scenario.tick(seconds)
        self.scenario.expire_overdue()
        self.compare()

    @invariant()
    def one_write_waits_at_most(self) -> None:
        """Of one service at most one write is on its way."""
        live = [c.endpoint for c in self.scenario.lane.commands]
        assert live.count("set_configuration") <= 1
        writes = live.count("set_configuration") == 1
        assert writes == self.scenario.service.is_writing

    @invariant()
    def emitted_values_were_sent(self) -> None:
        """An event has what its command carried; no failure follows a success."""
        sent = list(self.sent.values())
        assert all(properties in sent for _, properties, _ in self.scenario.payloads)

    @invariant()
    def nothing_is_left(self) -> None:
        """What differs is on its way, or is known to have failed."""
        assert not self.scenario.service.needs_reconcile
        status = self.scenario.sync_status
        differs = self.scenario.service.delta(configuration.format_value)
        assert bool(differs) <= (status in {"pending", "failed"})

    def settle(self) -> None:
        """Let the device do all that waits, without any trouble."""
        scenario = self.scenario
        for _ in range(100):
            scenario.tick(300)
            scenario.expire_overdue()
            self.compare()
            in_flight = poll_lane(
                scenario.lane, scenario.now, uuid="u", changes=scenario.changes
            )
            if in_flight is None:
                break
            self.carry_out(in_flight.command, in_flight.delivery, fails=False)
            command, of, fails, read = self.done[-1]
            reported = read if command.endpoint == "get_configuration" else None
            scenario.post_result(command, of, failed=fails, reported=reported)
            self.compare()
        assert CommandState.PENDING not in {c.state for c in scenario.lane.commands}

    def ask(self) -> None:
        """Let the device be asked for everything, and answer."""
        self.scenario.refresh(*NAMES)
        self.settle()

    def teardown(self) -> None:
        """In the end, one more comparison brings the device to what is desired."""
        self.settle()
        self.scenario.set_desired(self.scenario.service.desired)
        self.settle()
        text = configuration.format_value
        desired = {n: text(v) for n, v in self.scenario.service.desired.items()}
        assert desired == {n: self.device[n] for n in desired}
        assert {} == self.scenario.service.delta(text)
        self.ask()
        assert self.device == dict(self.scenario.service.reported)
        assert "inSync" == self.scenario.sync_status


TestShadowLife = ShadowLife.TestCase
TestShadowLife.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None
)
