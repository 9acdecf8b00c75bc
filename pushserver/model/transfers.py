"""Rules for answers and results that are on their way.

What runs against a delivery, its grace and its response timeout, runs from the last
byte of its answer, and not while an answer or a result is on its way.
"""

from collections.abc import Callable

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command_events import apply_event
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent

#: For how long after it was last seen to go on a transfer is vouched for.
VOUCH_FOR = 40 * SECOND


def record_written(lane: Lane, in_flight: InFlight, changes: Changes) -> None:
    """Record that the answer's last byte was written, unless that is recorded."""
    live = lane.find_live(in_flight)
    if live is None or in_flight.written_at is None:
        return
    live.written_at = in_flight.written_at
    if live.delivery.delivered_at is None:
        live.delivery.delivered_at = live.written_at
        if _was_vouched_for_by(live, live.written_at):
            live.delivery.busy_until = None
        changes.changed_deliveries[live.delivery.id] = live.delivery
        apply_event(live.command, CommandEvent.WRITTEN, in_flight.written_at, changes)


def _was_vouched_for_by(in_flight: InFlight, at: int) -> bool:
    """Tell whether it is vouched for since *at* or before, so for its answer alone."""
    busy_until = in_flight.delivery.busy_until
    return busy_until is not None and busy_until <= at + VOUCH_FOR


def keep_busy(
    lane: Lane, is_meant: Callable[[InFlight], bool], until: int, changes: Changes
) -> None:
    """Let what runs against the deliveries that are meant run from *until*."""
    for in_flight in filter(is_meant, lane.in_flights):
        in_flight.delivery.busy_until = until
        changes.changed_deliveries[in_flight.delivery.id] = in_flight.delivery
