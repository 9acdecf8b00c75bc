"""Which command a poll gets, and when."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Outcome
from pushserver.model.lane import NEVER
from pushserver.model.state import State, Turn
from pushserver.model.turns import cancel, give_up, withdraw
from tests.clock import START
from tests.model.values import GRACE, command, fly, lane_of, new_id, once, poll


def test_hand_out() -> None:
    """A poll gets the command: it is SENT, in its first attempt, with a delivery."""
    wanted = command()
    lane, changes = lane_of(wanted), Changes(new_id)

    flight = poll(lane, START + 1, uuid="u1", changes=changes)

    assert flight is not None
    assert flight.command is wanted
    assert (State.SENT, 1, START + 1) == (wanted.state, wanted.attempts, wanted.sent_at)
    assert [flight.delivery] == changes.handed_out
    assert ("u1", wanted.id) == (flight.delivery.uuid, flight.delivery.command_id)
    assert [Turn.HAND_OUT] == [m.turn for m in changes.moves]
    assert (flight, 0) == (lane.flight, lane.depth)


def test_nothing_waits() -> None:
    """A poll of a device for which nothing waits gets nothing and changes nothing."""
    lane, changes = lane_of(), Changes(new_id)

    assert lane.is_quiet(START, GRACE)
    assert poll(lane, START, changes=changes) is None
    assert Changes(new_id) == changes


def test_one_in_flight() -> None:
    """While one command is with the device no other is handed out."""
    lane = lane_of(command(), command(endpoint="get_configuration"))
    fly(lane)

    assert lane.is_quiet(START + 1, GRACE)
    assert poll(lane, START + 1) is None
    assert 1 == lane.depth


def test_order() -> None:
    """Higher priority goes first, and within one priority who came first."""
    first, second = command(), command()
    urgent, late = command(priority=100), command(priority=-100)
    again = command(priority=100)
    lane = lane_of(first, late, second, urgent, again)
    handed = []

    while lane.waiting:
        handed.append(fly(lane).command)
        lane.flight = None

    assert [urgent, again, first, second, late] == handed


def test_not_before() -> None:
    """A command is not handed out before its time; others pass it by."""
    later = command(not_before=START + 60 * SECOND, priority=5)
    now = command()
    lane = lane_of(later, now)

    assert now is fly(lane).command

    lane.flight = None

    assert poll(lane, START + 60 * SECOND - 1) is None
    assert later is fly(lane, START + 60 * SECOND).command


def test_next_change() -> None:
    """A held poll knows when something may be there for it."""
    lane = lane_of(command(not_before=START + 60 * SECOND))

    assert START + 60 * SECOND == lane.next_change(START, GRACE)
    assert NEVER == lane_of().next_change(START, GRACE)

    fly(lane, START + 60 * SECOND)

    assert START + 65 * SECOND == lane.next_change(START + 61 * SECOND, GRACE)


def test_expired() -> None:
    """What waited for too long is EXPIRED and what follows is handed out."""
    old, new = once(expires_at=START + 30 * SECOND), command()
    lane, changes = lane_of(old, new), Changes(new_id)

    flight = poll(lane, START + 30 * SECOND, changes=changes)

    assert flight is not None
    assert flight.command is new
    assert (State.EXPIRED, START + 30 * SECOND) == (old.state, old.finished_at)
    assert {old.id, new.id} == set(changes.commands)


def test_expired_alone_is_not_quiet() -> None:
    """A poll that finds only what expired gets nothing, but ends it."""
    old = once(expires_at=START + 30 * SECOND)
    lane = lane_of(old)

    assert not lane.is_quiet(START + 30 * SECOND, GRACE)
    assert poll(lane, START + 30 * SECOND) is None
    assert State.EXPIRED is old.state
    assert lane.is_empty


def test_expires_to_the_microsecond() -> None:
    """A command is handed out until just before it expires."""
    lane = lane_of(once(expires_at=START + 30 * SECOND))

    assert poll(lane, START + 30 * SECOND - 1) is not None


@pytest.mark.parametrize("delivery", list(Delivery))
def test_withdraw(delivery: Delivery) -> None:
    """A hand-out of which no byte was written is undone: it was no attempt."""
    wanted = command(delivery=delivery, max_attempts=1)
    lane, changes = lane_of(wanted), Changes(new_id)
    flight = fly(lane)

    withdraw(lane, flight, changes, now=START + 1)

    assert (State.PENDING, 0, None) == (
        wanted.state,
        wanted.attempts,
        wanted.sent_at,
    )
    assert Outcome.NOT_WRITTEN is flight.delivery.outcome
    assert [flight.delivery] == list(changes.deliveries.values())
    assert wanted is fly(lane, START + 2).command


def test_withdraw_keeps_the_place() -> None:
    """What was taken back goes before what came later, but not before its betters."""
    first = command()
    lane = lane_of(first, command())
    flight = fly(lane)

    withdraw(lane, flight, Changes(new_id), now=START)

    assert first is lane.waiting[0]

    flight = fly(lane)
    urgent = command(priority=1)
    lane.insert(urgent)
    withdraw(lane, flight, Changes(new_id), now=START)

    assert [urgent, first] == lane.waiting[:2]


def test_withdraw_too_late() -> None:
    """A hand-out that is not in flight any more is not taken back."""
    lane, changes = lane_of(command()), Changes(new_id)
    flight = fly(lane)
    fly(lane, START + GRACE)

    withdraw(lane, flight, changes, now=START + GRACE)

    assert Changes(new_id) == changes


def test_withdrawn_then_expired() -> None:
    """Without an attempt behind it a command that was taken back is EXPIRED."""
    wanted = once(expires_at=START + 30 * SECOND)
    lane = lane_of(wanted)
    withdraw(lane, fly(lane), Changes(new_id), now=START + 1)

    poll(lane, START + 30 * SECOND)

    assert State.EXPIRED is wanted.state


def test_cancel() -> None:
    """A command that was never handed out can be canceled."""
    wanted = command()
    lane, changes = lane_of(wanted), Changes(new_id)

    assert cancel(lane, wanted, changes, now=START + 1)
    assert (State.CANCELED, START + 1) == (wanted.state, wanted.finished_at)
    assert [wanted] == list(changes.commands.values())
    assert lane.is_empty


def test_cancel_refused() -> None:
    """A command that was handed out, even if it waits again, cannot be canceled."""
    wanted = command()
    lane, changes = lane_of(wanted), Changes(new_id)
    fly(lane)

    assert not cancel(lane, wanted, changes, now=START)

    give_up(lane, Changes(new_id), now=START + GRACE)

    assert not cancel(lane, wanted, changes, now=START + GRACE)
    assert Changes(new_id) == changes
    assert State.PENDING is wanted.state
