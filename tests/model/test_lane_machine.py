"""A device's whole life in random order, compared with a small model."""

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
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.in_flight import NEVER
from pushserver.model.lane import Lane
from pushserver.model.state import IN_FLIGHT, TERMINAL, TRANSITIONS, CommandState
from pushserver.model.transfers import record_written
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    enqueue,
    hand_out,
    revert_hand_out,
)
from pushserver.model.withdrawal import withdraw
from tests.clock import START
from tests.model.factories import (
    DEVICE,
    GRACE,
    TIMEOUT,
    command,
    delivery,
    new_id,
    parsed_result,
    result,
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
        self.seen: dict[int, CommandState] = {}
        self.deliveries: list[Delivery] = []
        self.reverted: set[int] = set()
        self.answered: set[int] = set()
        self.recorded: dict[int, CommandState] = {}
        self.with_uuid = True
        self.max_commands = 1

    @initialize(with_uuid=st.booleans(), max_commands=st.sampled_from([1, 1, 3]))
    def firmware(self, with_uuid: bool, max_commands: int) -> None:
        """Let the device be a new or an old one; new ones may take several commands."""
        self.with_uuid = with_uuid
        self.max_commands = max_commands if with_uuid else 1

    def apply(self, step: Any) -> None:
        """Take one step and compare what it recorded with what changed."""
        changes = Changes(new_id, START)
        step(changes)
        for move in changes.transitions:
            assert (
                self.recorded[move.command.id]
                in TRANSITIONS[move.command_event].sources
            )
            self.recorded[move.command.id] = TRANSITIONS[move.command_event].target
        moved = {m.command.id for m in changes.transitions}
        assert moved <= set(changes.changed_commands)
        changed = {i for i, c in self.commands.items() if c.state != self.seen[i]}
        assert changed <= set(changes.changed_commands)

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
            guarantee=DeliveryGuarantee.AT_MOST_ONCE
            if once
            else DeliveryGuarantee.AT_LEAST_ONCE,
            priority=priority,
            max_attempts=3,
            created_at=self.now,
            not_before=begins,
            expires_at=(begins or self.now) + lasts * SECOND,
        )
        self.commands[new.id] = new
        self.seen[new.id] = self.recorded[new.id] = CommandState.PENDING
        self.apply(lambda changes: enqueue(self.lane, new, changes))

    @rule()
    def poll(self) -> None:
        """The device asks; what it gets is checked against the model's own rule."""
        before = self.in_flight_ids()
        quiet = self.lane.is_idle(self.now, GRACE)
        self.apply(self._poll)
        if quiet:
            assert before == self.in_flight_ids()

    def _poll(self, changes: Changes) -> None:
        answer = hand_out(
            self.lane,
            self._delivery,
            changes,
            now=self.now,
            polled_at=self.now,
            grace=GRACE,
            limit=self.max_commands,
        )
        for in_flight in answer:
            self.deliveries.append(in_flight.delivery)
            self.check_order(in_flight.command)

    def _delivery(self, of: Command, _delivery_id: int, now: int) -> Delivery:
        uuid = f"u{len(self.deliveries)}" if self.with_uuid else None
        return delivery(of, uuid=uuid, sent_at=now)

    def check_order(self, chosen: Command) -> None:
        """Nobody who could have gone before it waits."""
        assert chosen.expires_at > self.now
        assert (chosen.not_before or 0) <= self.now
        better = [
            c
            for c in self.commands.values()
            if c.state is CommandState.PENDING
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
            and one.id not in self.reverted
            and self.now < (one.delivered_at or one.sent_at) + TIMEOUT
        }

    @precondition(lambda self: self.lane.in_flights)
    @rule(data=st.data())
    def mark_written(self, data: st.DataObject) -> None:
        """The answer's last byte leaves, and that is recorded."""
        in_flight = data.draw(st.sampled_from(self.lane.in_flights))
        in_flight.written_at = in_flight.written_at or self.now
        self.apply(lambda changes: record_written(self.lane, in_flight, changes))

    @precondition(lambda self: any(not f.written_at for f in self.lane.in_flights))
    @rule(data=st.data())
    def revert_delivery(self, data: st.DataObject) -> None:
        """The device was gone before a byte was written."""
        unwritten = [f for f in self.lane.in_flights if not f.written_at]
        in_flight = data.draw(st.sampled_from(unwritten))
        self.reverted.add(in_flight.delivery.id)
        self.apply(
            lambda changes: revert_hand_out(self.lane, in_flight, changes, now=self.now)
        )

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), failed=st.booleans())
    def post_result(self, data: st.DataObject, failed: bool) -> None:
        """A result comes for any delivery that the device has had."""
        had = [d for d in self.deliveries if d.id not in self.reverted]
        if not had:
            return
        one = data.draw(st.sampled_from(had))
        queued, came = self.commands[one.command_id], result(received_at=self.now)
        before = queued.state
        self.answered.add(one.id)
        self.apply(
            lambda changes: apply_result(
                self.lane,
                queued,
                one,
                changes,
                result=came,
                parsed_result=parsed_result(failed),
            )
        )
        ended = CommandState.FAILED if failed else CommandState.SUCCESSFUL
        assert queued.state == (before if before in TERMINAL else ended)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """A program takes a command back; what waits ends, and all is not retried."""
        live = list(self.lane.commands)
        if not live:
            return
        queued = data.draw(st.sampled_from(live))
        was_waiting, attempts = queued.state is CommandState.PENDING, queued.attempts
        self.apply(lambda changes: withdraw(self.lane, queued, changes, now=self.now))
        ended = CommandState.TIMEOUT if attempts else CommandState.CANCELED
        assert not was_waiting or queued.state is ended
        assert queued.withdrawn is (attempts > 0)

    @rule(seconds=st.sampled_from([1, 4, 5, 30, 180, 400]))
    def expire_overdue(self, seconds: int) -> None:
        """Time passes, and the server does what is due."""
        self.now += seconds * SECOND
        self.apply(lambda changes: apply_deadlines(self.lane, changes, now=self.now))
        assert self.lane.next_deadline_at() > self.now

    def in_flight_ids(self) -> list[int]:
        """Return what is with the device, by the states alone."""
        return [i for i, c in self.commands.items() if c.state in IN_FLIGHT]

    @invariant()
    def one_answer_in_flight(self) -> None:
        """Never is more than one answer with the device, and the lane knows which."""
        in_lane = [each.command.id for each in self.lane.in_flights]
        assert self.in_flight_ids() == sorted(in_lane)
        assert len(in_lane) <= self.max_commands

    @invariant()
    def withdrawn_never_waits(self) -> None:
        """What was taken back is not handed out again."""
        waiting = [c for c in self.lane.waiting if c.withdrawn]
        assert [] == waiting

    @invariant()
    def once_is_once(self) -> None:
        """What may be handed out once has one delivery that was not taken back."""
        for one in self.commands.values():
            had = [
                d
                for d in self.deliveries
                if d.command_id == one.id and d.id not in self.reverted
            ]
            limit = (
                1
                if one.guarantee is DeliveryGuarantee.AT_MOST_ONCE
                else one.max_attempts
            )
            assert len(had) == one.attempts <= limit

    @invariant()
    def the_end_is_the_end(self) -> None:
        """Terminal states never change, and never handed out means just that."""
        for one in self.commands.values():
            before, self.seen[one.id] = self.seen[one.id], one.state
            assert before not in TERMINAL or before == one.state
            if one.state in (CommandState.EXPIRED, CommandState.CANCELED):
                assert one.attempts == 0

    @invariant()
    def everything_is_recorded(self) -> None:
        """The recorded changes say the same as the commands themselves."""
        assert self.recorded == {i: c.state for i, c in self.commands.items()}

    @invariant()
    def the_queue_is_in_order(self) -> None:
        """The lane holds what is PENDING, in order, and nothing else."""
        pending = [c for c in self.commands.values() if c.state is CommandState.PENDING]
        ordered = sorted(pending, key=lambda c: (-c.priority, c.id))
        assert ordered == self.lane.waiting
        assert self.lane.next_change_at(self.now, GRACE) <= NEVER


TestDeviceLife = DeviceLife.TestCase
TestDeviceLife.settings = settings(
    max_examples=settings().max_examples, stateful_step_count=40, deadline=None
)
