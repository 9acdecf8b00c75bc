"""A wall clock that jumps: deadlines move along, and nothing is hurried or frozen."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.model.transitions import apply_deadlines, give_up_in_flight
from tests.clock import START
from tests.model.factories import (
    DAY,
    GRACE,
    TIMEOUT,
    at_most_once_command,
    command,
    lane_with,
    new_id,
    poll_command,
    poll_lane,
    state_of,
)

JUMPS = pytest.mark.parametrize("jump", [-365 * DAY, -3600 * SECOND, 3600 * SECOND])


def shifted(lane: Lane, jump: int) -> Lane:
    """Return *lane* after the wall clock jumped."""
    lane.shift_deadlines(jump)
    return lane


@JUMPS
def test_waiting(jump: int) -> None:
    """A waiting command expires after as long as before the jump."""
    door = at_most_once_command(expires_at=START + 30 * SECOND)
    lane, now = shifted(lane_with(door), jump), START + jump

    apply_deadlines(lane, Changes(new_id, START), now=now + 30 * SECOND - 1)
    assert CommandState.PENDING is door.state

    apply_deadlines(lane, Changes(new_id, START), now=now + 30 * SECOND)
    assert CommandState.EXPIRED is state_of(door)


@JUMPS
@pytest.mark.parametrize("written", [False, True])
def test_in_flight(jump: int, written: bool) -> None:
    """The grace and the response timeout take as long as before."""
    door = at_most_once_command()
    lane = lane_with(door)
    in_flight = poll_command(lane)
    in_flight.written_at = START if written else None
    shifted(lane, jump)

    assert START + jump + GRACE == in_flight.grace_ends_at(GRACE)
    assert START + jump + TIMEOUT == lane.next_deadline_at()


@JUMPS
def test_busy(jump: int) -> None:
    """So they do after an answer or a result that was on its way."""
    lane = lane_with(at_most_once_command())
    poll_command(lane).delivery.busy_until = START + SECOND
    shifted(lane, jump)

    assert START + SECOND + jump + TIMEOUT == lane.next_deadline_at()


@JUMPS
def test_expiry_in_flight(jump: int) -> None:
    """A command in flight may be handed out again for as long as before the jump."""
    queued = command(expires_at=START + 60 * SECOND)
    lane = lane_with(queued)
    poll_command(lane)
    shifted(lane, jump)

    give_up_in_flight(lane, Changes(new_id, START), now=START + jump + GRACE)
    assert CommandState.PENDING is queued.state

    apply_deadlines(lane, Changes(new_id, START), now=START + jump + 60 * SECOND)
    assert CommandState.TIMEOUT is state_of(queued)


@JUMPS
def test_held_back(jump: int) -> None:
    """An endpoint is held back for as long as before."""
    first, second = (
        at_most_once_command(),
        at_most_once_command(expires_at=START + 3 * TIMEOUT),
    )
    lane = lane_with(first, second)
    poll_command(lane)
    give_up_in_flight(lane, Changes(new_id, START), now=START + GRACE)
    shifted(lane, jump)

    assert poll_lane(lane, START + jump + TIMEOUT - 1) is None
    assert second is poll_command(lane, START + jump + TIMEOUT).command


@JUMPS
def test_not_before(jump: int) -> None:
    """A command that may not go yet can still go before it expires."""
    lane = lane_with(
        at_most_once_command(
            not_before=START + 2 * 3600 * SECOND,
            expires_at=START + 2 * 3600 * SECOND + 30 * SECOND,
        )
    )
    shifted(lane, jump)
    (door,) = lane.waiting

    ready = lane.ready_at(door, START + jump)

    assert ready < door.expires_at
    assert door is poll_command(lane, ready).command
