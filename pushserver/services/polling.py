"""Polls: a device asks whether there is something to do."""

import asyncio
from functools import partial
from typing import TypeVar

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.command import Order
from pushserver.model.ids import IdSource
from pushserver.model.lane import Flight, Lane
from pushserver.model.state import Turn
from pushserver.model.turns import hand_out, record_written, withdraw
from pushserver.services.chores import Chores
from pushserver.services.holds import Hold, Holds, Visit
from pushserver.storage.deciding import NO_PAST, CommandStore, Decision, Past, Recall

T = TypeVar("T")

#: What may put something into a waiting poll's reach.
_WAKING = frozenset({Turn.RETRY, Turn.WITHDRAW, Turn.GIVE_UP})


@attrs.frozen
class Claim:
    """A poll that waited, and what it will be answered once that is on disk."""

    hold: Hold
    flight: Flight


@attrs.define(eq=False)
class Polling:
    """
    Hands commands out. `grace` is in microseconds.

    After `poll` returned a flight, its caller owes one of `written` and `lost`.
    """

    store: CommandStore
    clock: Clock
    ids: IdSource
    holds: Holds
    chores: Chores
    grace: int
    _unrecorded: dict[int, Flight] = attrs.field(factory=dict, init=False)

    def is_idle(self, device_id: int) -> bool:
        """Tell, without a statement, that there is nothing for this device."""
        return self.store.is_idle(device_id, self.clock.now(), self.grace)

    async def poll(
        self, visit: Visit, hold: int = 0, *, busy: bool = True
    ) -> Flight | None:
        """
        Hand out the device's next command; wait up to *hold* microseconds for one.

        *busy* is what `is_idle` denied. With the store away there is nothing to do: a
        device never gets an error.
        """
        try:
            return await self._poll(visit, hold, busy)
        except Unavailable:
            return None

    async def _poll(self, visit: Visit, hold: int, busy: bool) -> Flight | None:
        self.holds.dismiss(visit.device_id)
        if busy:
            flight = await self._hand_out(visit)
            if flight is not None:
                return flight
        if hold <= 0 or self.holds.is_closed:
            return None
        loop = asyncio.get_running_loop()
        return await self._wait(visit, loop.time() + hold / SECOND)

    async def _wait(self, visit: Visit, until: float) -> Flight | None:
        """Wait by the monotonic clock: the wall's may jump."""
        loop = asyncio.get_running_loop()
        while self._may_wait(visit) and loop.time() < until:
            hold = self.holds.enter(visit)
            try:
                flight = await self._ring(hold, until)
            except asyncio.CancelledError:
                self._take_back(hold)
                raise
            finally:
                newest = self.holds.is_newest(hold)
                self.holds.leave(hold)
            if flight is not None or not newest:
                return flight
            if not self.is_idle(visit.device_id):
                flight = await self._hand_out(visit)
                if flight is not None:
                    return flight
        return None

    def _may_wait(self, visit: Visit) -> bool:
        return visit.is_there() and not self.holds.is_closed

    def _take_back(self, hold: Hold) -> None:
        """Take back what was handed out to a poll that went in the same moment."""
        bell = hold.bell
        flight = bell.result() if bell.done() and not bell.cancelled() else None
        if flight is not None:
            self.lost(flight)

    async def _ring(self, hold: Hold, until: float) -> Flight | None:
        """Wait for the bell, or until the lane may have changed by itself."""
        loop, now = asyncio.get_running_loop(), self.clock.now()
        lane = self.store.lane(hold.visit.device_id)
        if lane is not None:
            change = (lane.next_change(now, self.grace) - now) / SECOND
            until = min(until, loop.time() + change)
        timer = loop.call_at(until, hold.ring)
        try:
            return await hold.bell
        finally:
            timer.cancel()

    async def _hand_out(self, visit: Visit) -> Flight | None:
        """Hand out; take back what the commit gave to a poll that was gone by then."""
        given: list[Flight | None] = []

        def then(flight: Flight | None, _heard: bool) -> None:
            given.append(flight)
            if flight is not None and gone:
                self.lost(flight)

        gone = False
        decide = partial(self.hand_out_to, visit)
        try:
            return await self.store.change(visit.device_id, decide, then=then)
        except asyncio.CancelledError:
            gone = True
            for flight in filter(None, given):
                self.lost(flight)
            raise

    async def fill(
        self,
        device_id: int,
        decide: Decision[T],
        recall: Recall | None = None,
    ) -> T:
        """
        Let *decide* put something into the lane; a poll that waits gets it at once.

        Raises:
            Unavailable: the store is away.
        """
        claims: list[Claim] = []

        def decide_both(lane: Lane, changes: Changes, past: Past) -> T:
            value = decide(lane, changes, past)
            claim = self.claim(lane, changes)
            if claim is not None:
                claims.append(claim)
            return value

        def then(value: T | None, _heard: bool) -> None:
            for claim in claims:
                if value is None:
                    claim.hold.ring()
                else:
                    self.settle(claim)

        return await self.store.change(device_id, decide_both, recall, then)

    def claim(self, lane: Lane, changes: Changes) -> Claim | None:
        """Decide what a poll gets that waits for this device, if one does."""
        hold = self.holds.find(lane.device_id)
        if hold is None:
            return None
        flight = self.hand_out_to(hold.visit, lane, changes, NO_PAST)
        if flight is None:
            return None
        hold.claimed = True
        return Claim(hold, flight)

    def settle(self, claim: Claim) -> None:
        """Answer the poll that waited, now that the hand-out is on disk."""
        if claim.hold.bell.done():
            self.lost(claim.flight)
        else:
            claim.hold.ring(claim.flight)

    def hand_out_to(
        self, visit: Visit, lane: Lane, changes: Changes, _past: Past
    ) -> Flight | None:
        """Decide what *visit* gets, if its peer is still there."""
        if not visit.is_there():
            return None
        now = self.clock.now()
        return hand_out(
            lane,
            lambda command: visit.delivery(command, self.ids(), now),
            changes,
            now=now,
            grace=self.grace,
        )

    async def order(self, flight: Flight) -> Order:
        """Return what is to be done, from memory or from the store."""
        return flight.command.order or await self.store.order(flight.command.id)

    def written(self, flight: Flight) -> None:
        """Note that the answer's last byte was written; recorded a moment later."""
        flight.written_at = self.clock.now()
        self._unrecorded[flight.delivery.id] = flight

    def lost(self, flight: Flight) -> None:
        """Take the hand-out back: its peer was gone before a byte was written."""
        self.chores.start(self._withdraw(flight))

    async def _withdraw(self, flight: Flight) -> None:
        def decide(lane: Lane, changes: Changes, _past: Past) -> None:
            withdraw(lane, flight, changes, now=self.clock.now())

        await self.store.change(flight.command.device_id, decide)

    async def record(self) -> int:
        """Record which answers were written and not answered yet; return how many."""
        flights, self._unrecorded = self._unrecorded, {}
        open_flights = [f for f in flights.values() if not f.command.is_over]
        try:
            await asyncio.gather(*map(self._record, open_flights))
        except Unavailable:
            self._unrecorded = {f.delivery.id: f for f in open_flights}
            raise
        return len(open_flights)

    async def _record(self, flight: Flight) -> None:
        def decide(lane: Lane, changes: Changes, _past: Past) -> None:
            record_written(lane, flight, changes)

        await self.store.change(flight.command.device_id, decide)

    def wake(self, changes: Changes) -> None:
        """Wake the polls for which these changes may hold something."""
        for command in changes.added:
            self.holds.wake(command.device_id)
        for move in changes.moves:
            if move.turn in _WAKING or move.command.is_over:
                self.holds.wake(move.command.device_id)
