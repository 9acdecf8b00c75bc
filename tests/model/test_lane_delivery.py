"""Which command a poll gets, and when."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import DeliveryOutcome
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.in_flight import NEVER
from pushserver.model.state import CommandEvent, CommandState
from pushserver.model.transitions import give_up_in_flight, revert_hand_out
from pushserver.model.withdrawal import withdraw
from tests.clock import START
from tests.model.factories import (
    GRACE,
    at_most_once_command,
    command,
    lane_with,
    new_id,
    poll_command,
    poll_lane,
)


def test_delivery() -> None:
    """A poll gets the command: it is SENT, in its first attempt, with a delivery."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)

    in_flight = poll_lane(lane, START + 1, uuid="u1", changes=changes)

    assert in_flight is not None
    assert in_flight.command is queued
    assert (CommandState.SENT, 1, START + 1) == (
        queued.state,
        queued.attempts,
        queued.sent_at,
    )
    assert [in_flight.delivery] == changes.new_deliveries
    assert ("u1", queued.id) == (in_flight.delivery.uuid, in_flight.delivery.command_id)
    assert [CommandEvent.HAND_OUT] == [m.command_event for m in changes.transitions]
    assert (in_flight, 0) == (lane.in_flight, lane.depth)


def test_nothing_waits() -> None:
    """A poll of a device for which nothing waits gets nothing and changes nothing."""
    lane, changes = lane_with(), Changes(new_id, START)

    assert lane.is_idle(START, GRACE)
    assert poll_lane(lane, START, changes=changes) is None
    assert Changes(new_id, START) == changes


def test_one_in_flight() -> None:
    """While one command is with the device no other is handed out."""
    lane = lane_with(command(), command(endpoint="get_configuration"))
    poll_command(lane)

    assert lane.is_idle(START + 1, GRACE)
    assert poll_lane(lane, START + 1) is None
    assert 1 == lane.depth


def test_order() -> None:
    """Higher priority goes first, and within one priority who came first."""
    first, second = command(), command()
    urgent, late = command(priority=100), command(priority=-100)
    again = command(priority=100)
    lane = lane_with(first, late, second, urgent, again)
    handed = []

    while lane.waiting:
        handed.append(poll_command(lane).command)
        lane.in_flights.clear()

    assert [urgent, again, first, second, late] == handed


def test_not_before() -> None:
    """A command is not handed out before its time; others pass it by."""
    later = command(not_before=START + 60 * SECOND, priority=5)
    now = command()
    lane = lane_with(later, now)

    assert now is poll_command(lane).command

    lane.in_flights.clear()

    assert poll_lane(lane, START + 60 * SECOND - 1) is None
    assert later is poll_command(lane, START + 60 * SECOND).command


def test_next_change() -> None:
    """A held poll knows when something may be there for it."""
    lane = lane_with(command(not_before=START + 60 * SECOND))

    assert START + 60 * SECOND == lane.next_change_at(START, GRACE)
    assert NEVER == lane_with().next_change_at(START, GRACE)

    poll_command(lane, START + 60 * SECOND)

    assert START + 65 * SECOND == lane.next_change_at(START + 61 * SECOND, GRACE)


def test_poll_from_before_the_delivery() -> None:
    """A poll that began before what is in flight was handed out gives up nothing."""
    door = at_most_once_command()
    lane = lane_with(door, command())
    in_flight = poll_command(lane, START + 1)

    assert poll_lane(lane, START + 60 * SECOND, polled_at=START) is None
    assert [in_flight] == lane.in_flights
    assert poll_lane(lane, START + 60 * SECOND, polled_at=START + 1) is not None
    assert CommandState.TIMEOUT is door.state


def test_expired() -> None:
    """A command that waited for too long is EXPIRED, and the next one is handed out."""
    old, new = at_most_once_command(expires_at=START + 30 * SECOND), command()
    lane, changes = lane_with(old, new), Changes(new_id, START)

    in_flight = poll_lane(lane, START + 30 * SECOND, changes=changes)

    assert in_flight is not None
    assert in_flight.command is new
    assert (CommandState.EXPIRED, START + 30 * SECOND) == (old.state, old.finished_at)
    assert {old.id, new.id} == set(changes.changed_commands)


def test_expired_alone_is_not_quiet() -> None:
    """A poll that finds only what expired gets nothing, but ends it."""
    old = at_most_once_command(expires_at=START + 30 * SECOND)
    lane = lane_with(old)

    assert not lane.is_idle(START + 30 * SECOND, GRACE)
    assert poll_lane(lane, START + 30 * SECOND) is None
    assert CommandState.EXPIRED is old.state
    assert lane.is_empty


def test_expires_to_the_microsecond() -> None:
    """A command is handed out until just before it expires."""
    lane = lane_with(at_most_once_command(expires_at=START + 30 * SECOND))

    assert poll_lane(lane, START + 30 * SECOND - 1) is not None


@pytest.mark.parametrize("delivery", list(DeliveryGuarantee))
def test_withdraw(delivery: DeliveryGuarantee) -> None:
    """A hand-out of which no byte was written is undone: it was no attempt."""
    queued = command(guarantee=delivery, max_attempts=1)
    lane, changes = lane_with(queued), Changes(new_id, START)
    in_flight = poll_command(lane)

    revert_hand_out(lane, in_flight, changes, now=START + 1)

    assert (CommandState.PENDING, 0, None) == (
        queued.state,
        queued.attempts,
        queued.sent_at,
    )
    assert DeliveryOutcome.NOT_WRITTEN is in_flight.delivery.outcome
    assert [in_flight.delivery] == list(changes.changed_deliveries.values())
    assert queued is poll_command(lane, START + 2).command


def test_revert_keeps_position() -> None:
    """A withdrawn command goes before later ones, but not before higher priorities."""
    first = command()
    lane = lane_with(first, command())
    in_flight = poll_command(lane)

    revert_hand_out(lane, in_flight, Changes(new_id, START), now=START)

    assert first is lane.waiting[0]

    in_flight = poll_command(lane)
    urgent = command(priority=1)
    lane.insert(urgent)
    revert_hand_out(lane, in_flight, Changes(new_id, START), now=START)

    assert [urgent, first] == lane.waiting[:2]


def test_withdraw_too_late() -> None:
    """A hand-out that is not in flight any more is not taken back."""
    lane, changes = lane_with(command()), Changes(new_id, START)
    in_flight = poll_command(lane)
    poll_command(lane, START + GRACE)

    revert_hand_out(lane, in_flight, changes, now=START + GRACE)

    assert Changes(new_id, START) == changes


def test_withdrawn_then_expired() -> None:
    """Without an attempt behind it a command that was taken back is EXPIRED."""
    queued = at_most_once_command(expires_at=START + 30 * SECOND)
    lane = lane_with(queued)
    revert_hand_out(lane, poll_command(lane), Changes(new_id, START), now=START + 1)

    poll_lane(lane, START + 30 * SECOND)

    assert CommandState.EXPIRED is queued.state


def test_cancel() -> None:
    """A command that was never handed out can be canceled."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)

    withdraw(lane, queued, changes, now=START + 1)

    assert (CommandState.CANCELED, START + 1) == (queued.state, queued.finished_at)
    assert [queued] == list(changes.changed_commands.values())
    assert lane.is_empty


def test_withdrawn_while_it_waits_again() -> None:
    """A command that was given once ends as TIMEOUT, and is not given again."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)
    poll_command(lane)
    give_up_in_flight(lane, Changes(new_id, START), now=START + GRACE)

    withdraw(lane, queued, changes, now=START + GRACE)

    assert (CommandState.TIMEOUT, True) == (queued.state, queued.withdrawn)
    assert [] == lane.waiting


def test_withdrawn_in_flight() -> None:
    """What is with the device stays there, and is not retried when it is given up."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)
    poll_command(lane)

    withdraw(lane, queued, changes, now=START)

    assert (CommandState.SENT, True) == (queued.state, queued.withdrawn)
    assert [queued] == list(changes.changed_commands.values())
    give_up_in_flight(lane, changes, now=START + GRACE)
    assert (CommandState.TIMEOUT, []) == (queued.state, lane.waiting)


def test_withdrawn_and_not_written() -> None:
    """What was withdrawn before a byte of it was written was never handed out."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)
    in_flight = poll_command(lane)
    withdraw(lane, queued, changes, now=START)

    revert_hand_out(lane, in_flight, changes, now=START)

    assert (CommandState.CANCELED, False) == (queued.state, queued.withdrawn)
    assert lane.is_empty
