"""A device's whole life in random order, beside a model that is told in few words."""

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
from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut
from pushserver.model.lane import NEVER, Lane
from pushserver.model.state import IN_FLIGHT, TERMINAL, TRANSITIONS, State
from pushserver.model.turns import (
    add,
    answered,
    cancel,
    hand_out,
    look_after,
    record_written,
    withdraw,
)
from tests.clock import START
from tests.model.values import (
    DEVICE,
    GRACE,
    TIMEOUT,
    command,
    delivery,
    new_id,
    result,
    said,
)

ENDPOINTS = ("load_objects", "execute_actions", "reboot")


class DeviceLife(RuleBasedStateMachine):
    """
    Whatever happens, in whatever order, the promises hold.

    The model: the states as last seen, and of each delivery whether it was answered
    or taken back. It knows nothing of lanes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.lane = Lane(DEVICE)
        self.commands: dict[int, Command] = {}
        self.seen: dict[int, State] = {}
        self.deliveries: list[HandOut] = []
        self.taken_back: set[int] = set()
        self.answered: set[int] = set()
        self.noted: dict[int, State] = {}
        self.with_uuid = True

    @initialize(with_uuid=st.booleans())
    def firmware(self, with_uuid: bool) -> None:
        """Let the device be a new or an old one."""
        self.with_uuid = with_uuid

    def do(self, step: Any) -> None:
        """Take one step and compare what it noted with what changed."""
        changes = Changes(new_id)
        step(changes)
        for move in changes.moves:
            assert self.noted[move.command.id] in TRANSITIONS[move.turn].sources
            self.noted[move.command.id] = TRANSITIONS[move.turn].target
        assert {m.command.id for m in changes.moves} == set(changes.commands)
        changed = {i for i, c in self.commands.items() if c.state != self.seen[i]}
        assert changed <= set(changes.commands)

    @rule(
        endpoint=st.sampled_from(ENDPOINTS),
        once=st.booleans(),
        priority=st.sampled_from([-100, 0, 0, 0, 100]),
        wait=st.sampled_from([None, 10, 400]),
        lasts=st.sampled_from([20, 300, 86_400]),
    )
    def enqueue(
        self, endpoint: str, once: bool, priority: int, wait: int | None, lasts: int
    ) -> None:
        """A program puts a command into the queue."""
        begins = None if wait is None else self.now + wait * SECOND
        new = command(
            endpoint,
            delivery=Delivery.AT_MOST_ONCE if once else Delivery.AT_LEAST_ONCE,
            priority=priority,
            max_attempts=3,
            created_at=self.now,
            not_before=begins,
            expires_at=(begins or self.now) + lasts * SECOND,
        )
        self.commands[new.id] = new
        self.seen[new.id] = self.noted[new.id] = State.PENDING
        self.do(lambda changes: add(self.lane, new, changes))

    @rule()
    def poll(self) -> None:
        """The device asks; what it gets is checked against the model's own rule."""
        before = self.flying()
        quiet = self.lane.is_quiet(self.now, GRACE)
        self.do(self._poll)
        if quiet:
            assert before == self.flying()

    def _poll(self, changes: Changes) -> None:
        flight = hand_out(self.lane, self._delivery, changes, now=self.now, grace=GRACE)
        if flight is not None:
            self.deliveries.append(flight.delivery)
            self.check_turn(flight.command)

    def _delivery(self, of: Command) -> HandOut:
        uuid = f"u{len(self.deliveries)}" if self.with_uuid else None
        return delivery(of, uuid=uuid, sent_at=self.now)

    def check_turn(self, chosen: Command) -> None:
        """Nobody who could have gone before it waits."""
        assert chosen.expires_at > self.now
        assert (chosen.not_before or 0) <= self.now
        better = [
            c
            for c in self.commands.values()
            if c.state is State.PENDING
            and (c.not_before or 0) <= self.now < c.expires_at
            and (-c.priority, c.id) < (-chosen.priority, chosen.id)
        ]
        if self.with_uuid:
            assert [] == better
        else:
            assert all(self.others_before(c) for c in better)
            assert not self.others_before(chosen) - self.answered

    def others_before(self, waiting: Command) -> set[int]:
        """Return the young deliveries of other commands for the same endpoint."""
        return {
            one.id
            for one in self.deliveries
            for other in (self.commands[one.command_id],)
            if other.endpoint == waiting.endpoint
            and other.id != waiting.id
            and one.id not in self.taken_back
            and self.now < (one.delivered_at or one.sent_at) + TIMEOUT
        }

    @precondition(lambda self: self.lane.flight is not None)
    @rule()
    def write(self) -> None:
        """The answer's last byte leaves, and that is recorded."""
        flight = self.lane.flight
        assert flight is not None
        flight.written_at = flight.written_at or self.now
        self.do(lambda changes: record_written(self.lane, flight, changes))

    @precondition(lambda self: self.lane.flight and not self.lane.flight.written_at)
    @rule()
    def lose(self) -> None:
        """The device was gone before a byte was written."""
        flight = self.lane.flight
        assert flight is not None
        self.taken_back.add(flight.delivery.id)
        self.do(lambda changes: withdraw(self.lane, flight, changes, now=self.now))

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), failed=st.booleans())
    def answer(self, data: st.DataObject, failed: bool) -> None:
        """A result comes for any delivery that the device has had."""
        had = [d for d in self.deliveries if d.id not in self.taken_back]
        if not had:
            return
        one = data.draw(st.sampled_from(had))
        wanted, came = self.commands[one.command_id], result(received_at=self.now)
        before = wanted.state
        self.answered.add(one.id)
        self.do(
            lambda changes: answered(
                self.lane, wanted, one, changes, result=came, reading=said(failed)
            )
        )
        ended = State.FAILED if failed else State.SUCCESSFUL
        assert wanted.state == (before if before in TERMINAL else ended)

    @rule(data=st.data())
    def withdraw_order(self, data: st.DataObject) -> None:
        """A program cancels; that works only for what was never handed out."""
        if not self.commands:
            return
        wanted = data.draw(st.sampled_from(list(self.commands.values())))
        fresh = wanted.state is State.PENDING and not wanted.attempts
        self.do(
            lambda changes: self.agree(
                fresh, cancel(self.lane, wanted, changes, now=self.now)
            )
        )

    @staticmethod
    def agree(expected: bool, actual: bool) -> None:
        """The lane and the model say the same."""
        assert expected == actual

    @rule(seconds=st.sampled_from([1, 4, 5, 30, 180, 400]))
    def wait(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.now += seconds * SECOND
        self.do(lambda changes: look_after(self.lane, changes, now=self.now))
        assert self.lane.next_deadline() > self.now

    def flying(self) -> list[int]:
        """Return what is with the device, by the states alone."""
        return [i for i, c in self.commands.items() if c.state in IN_FLIGHT]

    @invariant()
    def one_in_flight(self) -> None:
        """Never are two commands with the device, and the lane knows which one is."""
        flight = self.lane.flight
        assert self.flying() == ([] if flight is None else [flight.command.id])

    @invariant()
    def once_is_once(self) -> None:
        """What may be handed out once has one delivery that was not taken back."""
        for one in self.commands.values():
            had = [
                d
                for d in self.deliveries
                if d.command_id == one.id and d.id not in self.taken_back
            ]
            limit = 1 if one.delivery is Delivery.AT_MOST_ONCE else one.max_attempts
            assert len(had) == one.attempts <= limit

    @invariant()
    def the_end_is_the_end(self) -> None:
        """Terminal states never change, and never handed out means just that."""
        for one in self.commands.values():
            before, self.seen[one.id] = self.seen[one.id], one.state
            assert before not in TERMINAL or before == one.state
            if one.state in (State.EXPIRED, State.CANCELED):
                assert one.attempts == 0

    @invariant()
    def everything_is_noted(self) -> None:
        """What was noted to be written says the same as the commands themselves."""
        assert self.noted == {i: c.state for i, c in self.commands.items()}

    @invariant()
    def the_queue_is_in_order(self) -> None:
        """The lane holds what is PENDING, in order, and nothing else."""
        pending = [c for c in self.commands.values() if c.state is State.PENDING]
        ordered = sorted(pending, key=lambda c: (-c.priority, c.id))
        assert ordered == self.lane.waiting
        assert self.lane.next_change(self.now, GRACE) <= NEVER


TestDeviceLife = DeviceLife.TestCase
TestDeviceLife.settings = settings(
    max_examples=settings().max_examples, stateful_step_count=40, deadline=None
)
