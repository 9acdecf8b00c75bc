"""Polls: a device asks whether there is something to do."""

import asyncio
from functools import partial
from typing import TypeVar

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import Order
from pushserver.model.ids import IdGenerator
from pushserver.model.lane import InFlight, Lane
from pushserver.model.state import CommandEvent
from pushserver.model.transitions import hand_out, record_written, revert_hand_out
from pushserver.services.background_tasks import BackgroundTasks
from pushserver.services.held_polls import HeldPoll, HeldPolls, Poll
from pushserver.storage.commands import (
    NO_PRIOR_STATE,
    CommandStore,
    Decision,
    Lookup,
    PriorState,
)

T = TypeVar("T")

#: What may put something into a waiting poll's reach.
_WAKING_EVENTS = frozenset(
    {CommandEvent.RETRY, CommandEvent.REVERT_HAND_OUT, CommandEvent.GIVE_UP}
)


@attrs.frozen
class ClaimedHold:
    """A poll that waited, and what it will be answered once that is on disk."""

    hold: HeldPoll
    in_flight: InFlight


@attrs.define(eq=False)
class Polling:
    """
    Hands commands out. `grace` is in microseconds.

    After `poll` returned a flight, its caller owes one of `mark_written` and `requeue`.
    """

    store: CommandStore
    clock: Clock
    ids: IdGenerator
    holds: HeldPolls
    background_tasks: BackgroundTasks
    grace: int
    _unrecorded: dict[int, InFlight] = attrs.field(factory=dict, init=False)

    def is_idle(self, device_id: int) -> bool:
        """Tell, without a statement, that there is nothing for this device."""
        return self.store.is_idle(device_id, self.clock.now(), self.grace)

    async def poll(
        self, visit: Poll, max_hold: int = 0, *, has_work: bool = True
    ) -> InFlight | None:
        """
        Hand out the device's next command; wait up to *max_hold* microseconds for one.

        *has_work* is what `is_idle` denied. With the store away there is nothing to do:
        a device never gets an error.
        """
        try:
            return await self._poll(visit, max_hold, has_work)
        except Unavailable:
            return None

    async def _poll(self, poll: Poll, max_hold: int, has_work: bool) -> InFlight | None:
        self.holds.release(poll.device_id)
        if has_work:
            in_flight = await self._hand_out(poll)
            if in_flight is not None:
                return in_flight
        if max_hold <= 0 or self.holds.is_closed:
            return None
        loop = asyncio.get_running_loop()
        return await self._hold_poll(poll, loop.time() + max_hold / SECOND)

    async def _hold_poll(self, poll: Poll, deadline: float) -> InFlight | None:
        """Wait by the monotonic clock: the wall's may jump."""
        loop = asyncio.get_running_loop()
        while self._may_wait(poll) and loop.time() < deadline:
            hold = self.holds.add(poll)
            try:
                in_flight = await self._wait_for_change(hold, deadline)
            except asyncio.CancelledError:
                self._requeue_answer(hold)
                raise
            finally:
                newest = self.holds.is_newest(hold)
                self.holds.remove(hold)
            if in_flight is not None or not newest:
                return in_flight
            if not self.is_idle(poll.device_id):
                in_flight = await self._hand_out(poll)
                if in_flight is not None:
                    return in_flight
        return None

    def _may_wait(self, poll: Poll) -> bool:
        return poll.is_connected() and not self.holds.is_closed

    def _requeue_answer(self, hold: HeldPoll) -> None:
        """Take back what was handed out to a poll that went in the same moment."""
        waiter = hold.waiter
        in_flight = (
            waiter.result() if waiter.done() and not waiter.cancelled() else None
        )
        if in_flight is not None:
            self.requeue(in_flight)

    async def _wait_for_change(
        self, hold: HeldPoll, deadline: float
    ) -> InFlight | None:
        """Wait for the bell, or until the lane may have changed by itself."""
        loop, now = asyncio.get_running_loop(), self.clock.now()
        lane = self.store.cached_lane(hold.poll.device_id)
        if lane is not None:
            seconds = (lane.next_change_at(now, self.grace) - now) / SECOND
            deadline = min(deadline, loop.time() + seconds)
        timer = loop.call_at(deadline, hold.notify)
        try:
            return await hold.waiter
        finally:
            timer.cancel()

    async def _hand_out(self, poll: Poll) -> InFlight | None:
        """Hand out; take back what the commit gave to a poll that was gone by then."""
        delivered: list[InFlight | None] = []

        def then(in_flight: InFlight | None, _is_awaited: bool) -> None:
            delivered.append(in_flight)
            if in_flight is not None and is_canceled:
                self.requeue(in_flight)

        is_canceled = False
        decide = partial(self.deliver_to, poll)
        try:
            return await self.store.change_lane(poll.device_id, decide, on_done=then)
        except asyncio.CancelledError:
            is_canceled = True
            for in_flight in filter(None, delivered):
                self.requeue(in_flight)
            raise

    async def change_and_deliver(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
    ) -> T:
        """
        Let *decide* put something into the lane; a poll that waits gets it at once.

        Raises:
            Unavailable: the store is away.
        """
        claims: list[ClaimedHold] = []

        def decide_and_claim(lane: Lane, changes: Changes, prior: PriorState) -> T:
            value = decide(lane, changes, prior)
            claim = self.claim_hold(lane, changes)
            if claim is not None:
                claims.append(claim)
            return value

        def then(value: T | None, _is_awaited: bool) -> None:
            for claim in claims:
                if value is None:
                    claim.hold.notify()
                else:
                    self.answer_hold(claim)

        return await self.store.change_lane(device_id, decide_and_claim, lookup, then)

    def claim_hold(self, lane: Lane, changes: Changes) -> ClaimedHold | None:
        """Decide what a poll gets that waits for this device, if one does."""
        hold = self.holds.find_waiting(lane.device_id)
        if hold is None:
            return None
        in_flight = self.deliver_to(hold.poll, lane, changes, NO_PRIOR_STATE)
        if in_flight is None:
            return None
        hold.is_claimed = True
        return ClaimedHold(hold, in_flight)

    def answer_hold(self, claim: ClaimedHold) -> None:
        """Answer the poll that waited, now that the hand-out is on disk."""
        if claim.hold.waiter.done():
            self.requeue(claim.in_flight)
        else:
            claim.hold.notify(claim.in_flight)

    def deliver_to(
        self, poll: Poll, lane: Lane, changes: Changes, _prior: PriorState
    ) -> InFlight | None:
        """Decide what *poll* gets, if its peer is still there."""
        if not poll.is_connected():
            return None
        now = self.clock.now()
        return hand_out(
            lane,
            lambda command: poll.new_delivery(command, self.ids(), now),
            changes,
            now=now,
            grace=self.grace,
        )

    async def load_order(self, in_flight: InFlight) -> Order:
        """Return what is to be done, from memory or from the store."""
        return in_flight.command.order or await self.store.read_order(
            in_flight.command.id
        )

    def mark_written(self, in_flight: InFlight) -> None:
        """Note that the answer's last byte was written; recorded a moment later."""
        in_flight.written_at = self.clock.now()
        self._unrecorded[in_flight.delivery.id] = in_flight

    def requeue(self, in_flight: InFlight) -> None:
        """Take the hand-out back: its peer was gone before a byte was written."""
        self.background_tasks.start(self._requeue(in_flight))

    async def _requeue(self, in_flight: InFlight) -> None:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            revert_hand_out(lane, in_flight, changes, now=self.clock.now())

        await self.store.change_lane(in_flight.command.device_id, decide)

    async def record_written(self) -> int:
        """Record which answers were written and not answered yet; return how many."""
        unrecorded, self._unrecorded = self._unrecorded, {}
        still_open = [f for f in unrecorded.values() if not f.command.is_finished]
        try:
            await asyncio.gather(*map(self._record_one, still_open))
        except Unavailable:
            self._unrecorded = {f.delivery.id: f for f in still_open}
            raise
        return len(still_open)

    async def _record_one(self, in_flight: InFlight) -> None:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            record_written(lane, in_flight, changes)

        await self.store.change_lane(in_flight.command.device_id, decide)

    def on_commit(self, changes: Changes) -> None:
        """Wake the polls for which these changes may hold something."""
        for command in changes.new_commands:
            self.holds.wake(command.device_id)
        for move in changes.transitions:
            if move.command_event in _WAKING_EVENTS or move.command.is_finished:
                self.holds.wake(move.command.device_id)
