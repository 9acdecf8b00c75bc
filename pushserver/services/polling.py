"""Polls: hand out the device's next command, or hold the poll until there is one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.metrics.histogram import Histogram
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import EventType
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.transfers import keep_busy, record_written
from pushserver.services.held_polls import HeldPolls, Poll
from pushserver.services.lanes import Lanes
from pushserver.services.poll_hold import Holding, PollHold
from pushserver.services.transfers import Voucher
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState


@attrs.define(eq=False)
class PollAnswer:
    """
    What a poll gets; write it to the device inside the `with` block.

    The writer sets `has_started` before the first byte and `is_written` after the last.
    If the block ends before the first byte, the commands are requeued: it was no
    attempt. If it ends amid the answer, they stay in flight, and what runs against them
    runs from then: the device may have read enough of it.
    """

    in_flights: Sequence[InFlight]
    polling: "Polling"
    has_started: bool = False
    is_written: bool = False

    def __enter__(self) -> Self:
        for each in self.in_flights:
            each.transfers.add(self)
        return self

    def __exit__(self, *_raised: object) -> None:
        if self.has_started and not self.is_written:
            self.polling.lanes.background_tasks.start(self._end_broken_off())
            return
        self._end()
        if self.is_written:
            self.polling.mark_written(self.in_flights)
        else:
            self.polling.lanes.requeue(self.in_flights)

    def vouching(self) -> Voucher:
        """Return a block for a write that takes long: other servers wait, too."""
        device_id = self.in_flights[0].command.device_id
        return Voucher(self.polling.lanes, device_id, self._is_mine)

    def _is_mine(self, in_flight: InFlight) -> bool:
        ids = [each.delivery.id for each in self.in_flights]
        return in_flight.delivery.id in ids

    def _end(self) -> None:
        for each in self.in_flights:
            each.transfers.discard(self)

    async def _end_broken_off(self) -> None:
        """Let what runs against the commands run from now on."""

        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            keep_busy(lane, self._is_mine, changes.now, changes)

        device_id = self.in_flights[0].command.device_id
        try:
            await self.polling.lanes.change(device_id, decide)
        finally:
            self._end()
            self.polling.holds.wake(device_id)


@attrs.define(eq=False)
class Polling:
    """
    Hands commands out to polls, and holds polls while there is none.

    `to_device` is told how long commands took to their devices, the first time. That
    answers were written is stored a moment later: a result that comes before stores it
    with its own change. `_followed` are those of which somebody is told.
    """

    store: Store
    clock: Clock
    lanes: Lanes
    holds: HeldPolls
    to_device: Histogram
    _followed: dict[int, InFlight] = attrs.field(factory=dict, init=False)
    _unrecorded: dict[int, InFlight] = attrs.field(factory=dict, init=False)
    _older: dict[int, InFlight] = attrs.field(factory=dict, init=False)

    _holding: Holding = attrs.field(init=False)

    @_holding.default
    def _share(self) -> Holding:
        return Holding(self.store, self.clock, self.lanes, self.holds)

    def is_idle(self, device_id: int) -> bool:
        """Tell, without a statement, whether there is nothing for this device."""
        return self._holding.is_idle(device_id)

    async def poll(
        self, poll: Poll, max_hold: int = 0, *, has_work: bool = True
    ) -> PollAnswer | None:
        """
        Hand out the device's next command; wait up to *max_hold* microseconds for one.

        *has_work* is the opposite of `is_idle`. If the store is away, the answer is
        empty: a device never gets an error.
        """
        ended = asyncio.get_running_loop().create_future()

        def end(in_flights: Sequence[InFlight]) -> None:
            if ended.cancelled():
                self.lanes.requeue(in_flights)
            else:
                ended.set_result(in_flights)

        hold = self.begin(poll, max_hold, end, has_work=has_work)
        try:
            in_flights: Sequence[InFlight] = await ended
        except asyncio.CancelledError:
            if ended.cancelled():
                hold.abandon()
            else:
                self.lanes.requeue(ended.result())
            raise
        return PollAnswer(in_flights, self) if in_flights else None

    def begin(
        self,
        poll: Poll,
        max_hold: int,
        on_end: Callable[[Sequence[InFlight]], None],
        *,
        has_work: bool,
    ) -> PollHold:
        """Do what `poll` does; call *on_end* with what was handed out, maybe now."""
        deadline = asyncio.get_running_loop().time() + max_hold / SECOND
        hold = PollHold(poll, self._holding, deadline, on_end)
        self.holds.release(poll.device_id)
        (hold.hand_out if has_work else hold.wait)()
        return hold

    def mark_written(self, in_flights: Sequence[InFlight]) -> None:
        """Remember that the last byte was written, to be stored soon."""
        now = self.clock.now()
        for each in in_flights:
            each.written_at, command = now, each.command
            if command.attempts == 1:
                ready_at = max(command.created_at, command.not_before or 0)
                self.to_device.observe((now - ready_at) / SECOND)
            waiting = self._followed if self._is_followed(command) else self._unrecorded
            waiting[each.delivery.id] = each

    def _is_followed(self, command: Command) -> bool:
        """Tell whether an event, an operation or a service follows its states."""
        if command.operation_id is not None or command.service_id is not None:
            return True
        types = self.store.event_interest.get(command.scope_id, ())
        return EventType.COMMAND_STATUS in types

    async def record_followed(self) -> int:
        """Store what somebody is told of; return how many commands that is."""
        followed, self._followed = self._followed, {}
        return await self._record(followed)

    async def record_older(self) -> int:
        """
        Store what was written before the last call; return how many commands that is.

        Most devices have answered by then, and nothing is left to be stored of them.
        """
        older, self._older, self._unrecorded = self._older, self._unrecorded, {}
        return await self._record(older)

    async def record_written(self) -> int:
        """Store which commands were written and have no result yet; return how many."""
        unrecorded = self._followed | self._older | self._unrecorded
        self._followed, self._older, self._unrecorded = {}, {}, {}
        return await self._record(unrecorded)

    async def _record(self, written: Mapping[int, InFlight]) -> int:
        still_open = [f for f in written.values() if not f.command.is_finished]
        try:
            await asyncio.gather(*map(self._record_one, still_open))
        except Unavailable:
            self._followed |= {f.delivery.id: f for f in still_open}
            raise
        return len(still_open)

    def _record_one(self, in_flight: InFlight) -> Awaitable[None]:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            record_written(lane, in_flight, changes)

        return self.lanes.change(in_flight.command.device_id, decide)
