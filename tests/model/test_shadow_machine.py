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

from pushserver.dialects.controlid import configuration
from pushserver.model.command import Command, HandOut
from pushserver.model.shadow import Value
from pushserver.model.state import State
from tests.model.mirrored import Mirrored
from tests.model.values import poll

NAMES = ("language", "beep", "relay")
VALUES = st.sampled_from(["a", "b", 1, True])


class ShadowLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, a shadow tells the truth and converges.

    The model is a device with its settings. A result tells whether the device took
    what it was handed; the same command handed out again is taken again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mirrored = Mirrored()
        self.device = dict.fromkeys(NAMES, "factory")
        #: What was handed out, whether it failed, and what was read.
        self.done: list[tuple[Command, HandOut, bool, dict[str, str]]] = []
        self.sent: dict[int, dict[str, Value]] = {}

    def compare(self) -> None:
        """Compare, as a worker does, and note what is sent."""
        if self.mirrored.service.due or self.mirrored.service.lapsed:
            self.mirrored.compare()
        self.note()

    def note(self) -> None:
        """Note what the newest command carries."""
        service = self.mirrored.service
        if service.is_writing and service.command_id is not None:
            self.sent.setdefault(service.command_id, dict(service.sent))

    @rule(
        name=st.sampled_from(NAMES),
        value=VALUES,
        seconds=st.sampled_from([None, 20, 300]),
    )
    def desire(self, name: str, value: Value, seconds: int | None) -> None:
        """Somebody desires something."""
        desired = {**self.mirrored.service.desired, name: value}
        self.mirrored.desire(desired, seconds)
        self.note()

    @precondition(lambda self: self.mirrored.service.desired)
    @rule(data=st.data())
    def desire_no_more(self, data: st.DataObject) -> None:
        """Somebody takes a desire back."""
        desired = dict(self.mirrored.service.desired)
        del desired[data.draw(st.sampled_from(sorted(desired)))]
        self.mirrored.desire(desired)
        self.note()

    @rule()
    def refresh(self) -> None:
        """Somebody asks the device."""
        self.mirrored.refresh(*NAMES)

    @rule(name=st.sampled_from(NAMES), value=st.sampled_from("abc"))
    def change(self, name: str, value: str) -> None:
        """Somebody changes the device at the device; somebody else hears of it."""
        self.device[name] = value
        self.settle()
        self.ask()

    @rule(fails=st.booleans())
    def poll(self, fails: bool) -> None:
        """The device asks, and does what it is told."""
        mirrored = self.mirrored
        before = mirrored.lane.flight
        flight = poll(mirrored.lane, mirrored.now, uuid="u", changes=mirrored.changes)
        if flight is not None and flight is not before:
            self.take(flight.command, flight.delivery, fails)
        self.compare()

    def take(self, command: Command, of: HandOut, fails: bool) -> None:
        """Let the device do what it is told."""
        assert command.order is not None
        assert command.order.body is not None
        wanted = msgspec.json.decode(command.order.body)["general"]
        read: dict[str, str] = {}
        if command.endpoint == "get_configuration":
            read = {name: self.device[name] for name in wanted}
        elif not fails:
            self.device |= wanted
        self.done.append((command, of, fails, read))

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """A result comes, of any delivery."""
        command, of, fails, read = data.draw(st.sampled_from(self.done))
        reported = read if command.endpoint == "get_configuration" else None
        self.mirrored.answer(command, of, failed=fails, reported=reported)
        self.compare()

    @rule(seconds=st.sampled_from([1, 5, 30, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.mirrored.tick(seconds)
        self.mirrored.look_after()
        self.compare()

    @invariant()
    def one_write_waits_at_most(self) -> None:
        """Of one service at most one write is on its way."""
        live = [c.endpoint for c in self.mirrored.lane.commands]
        assert live.count("set_configuration") <= 1
        writes = live.count("set_configuration") == 1
        assert writes == self.mirrored.service.is_writing

    @invariant()
    def what_is_told_was_sent(self) -> None:
        """What is told is what a command carried; a failure is never told after."""
        sent = list(self.sent.values())
        assert all(properties in sent for _, properties, _ in self.mirrored.told)

    @invariant()
    def nothing_is_left(self) -> None:
        """What differs is on its way, or is known to have failed."""
        assert not self.mirrored.service.due
        standing = self.mirrored.standing
        differs = self.mirrored.service.differing(configuration.text)
        assert bool(differs) <= (standing in {"pending", "failed"})

    def settle(self) -> None:
        """Let the device do all that waits, without any trouble."""
        mirrored = self.mirrored
        for _ in range(100):
            mirrored.tick(300)
            mirrored.look_after()
            self.compare()
            flight = poll(
                mirrored.lane, mirrored.now, uuid="u", changes=mirrored.changes
            )
            if flight is None:
                break
            self.take(flight.command, flight.delivery, fails=False)
            command, of, fails, read = self.done[-1]
            reported = read if command.endpoint == "get_configuration" else None
            mirrored.answer(command, of, failed=fails, reported=reported)
            self.compare()
        assert State.PENDING not in {c.state for c in mirrored.lane.commands}

    def ask(self) -> None:
        """Let the device be asked for everything, and answer."""
        self.mirrored.refresh(*NAMES)
        self.settle()

    def teardown(self) -> None:
        """In the end, one more comparison brings the device to what is desired."""
        self.settle()
        self.mirrored.desire(self.mirrored.service.desired)
        self.settle()
        text = configuration.text
        desired = {n: text(v) for n, v in self.mirrored.service.desired.items()}
        assert desired == {n: self.device[n] for n in desired}
        assert {} == self.mirrored.service.differing(text)
        self.ask()
        assert self.device == dict(self.mirrored.service.reported)
        assert "inSync" == self.mirrored.standing


TestShadowLife = ShadowLife.TestCase
TestShadowLife.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None
)
