"""The one way to change devices' lanes.

If a change makes a command ready, the same decision hands it out to the device's held
poll, so both share one commit.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import attrs

from pushserver.model.changes import Changes
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.transitions import hand_out, revert_hand_out
from pushserver.services.background_tasks import BackgroundTasks
from pushserver.services.held_polls import HeldPoll, HeldPolls, Poll
from pushserver.storage.commands import (
    CommandStore,
    CompletionCallback,
    Decision,
    Lookup,
    PriorState,
)

T = TypeVar("T")


@attrs.define(eq=False)
class Lanes:
    """
    Changes lanes. `grace` is in microseconds.

    Decisions that concern no device are made on the lane of `NO_DEVICE`.
    """

    store: CommandStore
    holds: HeldPolls
    background_tasks: BackgroundTasks
    grace: int

    def change(
        self,
        device_id: int,
        decide: Decision[T],
        lookup: Lookup | None = None,
        on_done: CompletionCallback | None = None,
    ) -> asyncio.Future[T]:
        """
        Let *decide* change the device's lane; return its value when that is on disk.

        What *decide* raises is raised here and changes nothing. *on_done* is called as
        that of `CommandStore.change_lane`.

        Raises:
            Unavailable: the store is away. The lane is unchanged.
        """
        hold: HeldPoll | None = None
        answer: tuple[InFlight, ...] = ()

        def decide_and_offer(lane: Lane, changes: Changes, prior: PriorState) -> T:
            nonlocal hold, answer
            value = decide(lane, changes, prior)
            hold = self.holds.find_waiting(device_id)
            if hold is not None:
                answer = self._hand_out(lane, hold.poll, changes)
                hold.is_claimed = bool(answer)
            return value

        def answer_hold(is_committed: bool, is_awaited: bool) -> None:
            if on_done is not None:
                on_done(is_committed, is_awaited)
            if hold is None or not answer:
                return
            if not is_committed:
                hold.notify()
            elif not hold.notify(answer):
                self.requeue(answer)

        return self.store.change_lane(device_id, decide_and_offer, lookup, answer_hold)

    def hand_out(self, poll: Poll) -> asyncio.Future[tuple[InFlight, ...]]:
        """
        Return the future with the commands for *poll*; requeued if it is cancelled.

        It raises Unavailable if the store is away, or the server is stopping.
        """
        answer: tuple[InFlight, ...] = ()

        def decide(
            lane: Lane, changes: Changes, _prior: PriorState
        ) -> tuple[InFlight, ...]:
            nonlocal answer
            if not poll.is_gone():
                answer = self._hand_out(lane, poll, changes)
            return answer

        def requeue_unless_awaited(is_committed: bool, is_awaited: bool) -> None:
            if is_committed and not is_awaited:
                self.requeue(answer)

        return self.store.change_lane(
            poll.device_id, decide, on_done=requeue_unless_awaited
        )

    def _hand_out(
        self, lane: Lane, poll: Poll, changes: Changes
    ) -> tuple[InFlight, ...]:
        if lane.keys is not None and not poll.is_served(lane.keys):
            return ()
        return hand_out(
            lane,
            poll.new_delivery,
            changes,
            now=changes.now,
            polled_at=poll.began_at,
            grace=self.grace,
            limit=poll.max_commands,
        )

    def requeue(self, in_flights: Sequence[InFlight]) -> None:
        """Revert a hand-out of which no byte was written, in the background."""
        if in_flights:
            self.background_tasks.start(self._requeue(in_flights))

    async def _requeue(self, in_flights: Sequence[InFlight]) -> None:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
            for each in in_flights:
                revert_hand_out(lane, each, changes, now=changes.now)

        await self.change(in_flights[0].command.device_id, decide)
