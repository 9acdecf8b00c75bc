"""One poll: it waits until there is a command for it, or its time is over."""

import asyncio
import math
from collections.abc import Callable, Sequence

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.in_flight import InFlight
from pushserver.services.held_polls import HeldPoll, HeldPolls
from pushserver.services.lanes import Lanes
from pushserver.storage.base import Store

log = structlog.get_logger(__name__)


@attrs.frozen(eq=False)
class Holding:
    """What all held polls share."""

    store: Store
    clock: Clock
    lanes: Lanes
    holds: HeldPolls

    def seconds_to_change(self, device_id: int) -> float:
        """Return for how long the device's lane stays as it is by itself."""
        lane = self.store.cached_lane(device_id)
        if lane is None:
            return math.inf
        now = self.clock.now()
        return (lane.next_change_at(now, self.lanes.grace) - now) / SECOND

    def is_idle(self, device_id: int) -> bool:
        """Tell, without a statement, whether there is nothing for this device."""
        return self.store.is_idle(device_id, self.clock.now(), self.lanes.grace)


@attrs.define(eq=False)
class PollHold(HeldPoll):
    """
    Holds a poll until `deadline`, by the monotonic clock: the wall clock may jump. One
    that nobody holds has its deadline already, and gets what there is.

    `on_end` is called once, with its answer or with nothing. An object of this kind is
    all that a held poll keeps: there may be many thousands.
    """

    holding: Holding
    deadline: float
    on_end: Callable[[Sequence[InFlight]], None]
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _handing_out: asyncio.Future[tuple[InFlight, ...]] | None = attrs.field(
        default=None, init=False
    )
    _is_abandoned: bool = attrs.field(default=False, init=False)

    def hand_out(self) -> None:
        """Take what there is for the device; wait if that is nothing."""
        self._handing_out = self.holding.lanes.hand_out(self.poll)
        self._handing_out.add_done_callback(self._take)

    def wait(self) -> None:
        """Wait, if there is still somebody who does, and time."""
        loop, poll = asyncio.get_running_loop(), self.poll
        if (
            loop.time() >= self.deadline
            or poll.is_gone()
            or poll.has_ended()
            or self.holding.holds.is_closed
        ):
            self.on_end(())
            return
        self.holding.holds.add(self)
        change_in = self.holding.seconds_to_change(poll.device_id)
        look_at = min(self.deadline, loop.time() + change_in)
        self._timer = loop.call_at(look_at, self.notify)

    def abandon(self) -> None:
        """Give up: nobody reads the answer. What there is of one is requeued."""
        self._is_abandoned = True
        self._stop_waiting()
        if self._handing_out is not None:
            self._handing_out.cancel()

    def _stop_waiting(self) -> bool:
        """Stop waiting; tell whether this was still the device's newest poll."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self.holding.holds.remove(self)

    def wake(self, in_flights: Sequence[InFlight]) -> None:
        """Take the answer, or look what there is."""
        is_newest = self._stop_waiting()
        if self._is_abandoned:
            self.holding.lanes.requeue(in_flights)
        elif in_flights or not is_newest:
            self.on_end(in_flights)
        elif self.holding.is_idle(self.poll.device_id):
            self.wait()
        else:
            self.hand_out()

    def _take(self, handing_out: asyncio.Future[tuple[InFlight, ...]]) -> None:
        """Take what was handed out; if the store is away, that is nothing, for good."""
        self._handing_out = None
        if handing_out.cancelled():
            return
        error = handing_out.exception()
        is_away = error is not None
        if is_away and not isinstance(error, Unavailable):
            log.error("poll.failed", exc_info=error)
        in_flights = () if is_away else handing_out.result()
        if self._is_abandoned:
            self.holding.lanes.requeue(in_flights)
        elif in_flights or is_away or self._is_overtaken():
            self.on_end(in_flights)
        else:
            self.wait()

    def _is_overtaken(self) -> bool:
        """Tell whether a later poll of the device, maybe elsewhere, got a command."""
        lane = self.holding.store.cached_lane(self.poll.device_id)
        return lane is not None and lane.was_handed_out_after(self.poll.began_at)
