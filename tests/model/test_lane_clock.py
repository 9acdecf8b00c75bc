"""A wall clock that jumps: deadlines move along, and nothing is hurried or frozen."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import State
from pushserver.model.turns import give_up, look_after
from tests.clock import START
from tests.model.values import (
    DAY,
    GRACE,
    TIMEOUT,
    command,
    fly,
    lane_of,
    new_id,
    once,
    poll,
    state_of,
)

JUMPS = pytest.mark.parametrize("jump", [-365 * DAY, -3600 * SECOND, 3600 * SECOND])


def shifted(lane: Lane, jump: int) -> Lane:
    """Return *lane* after the wall clock jumped."""
    lane.shift(jump)
    return lane


@JUMPS
def test_waiting(jump: int) -> None:
    """What waits expires after as long as before."""
    door = once(expires_at=START + 30 * SECOND)
    lane, now = shifted(lane_of(door), jump), START + jump

    look_after(lane, Changes(new_id), now=now + 30 * SECOND - 1)
    assert State.PENDING is door.state

    look_after(lane, Changes(new_id), now=now + 30 * SECOND)
    assert State.EXPIRED is state_of(door)


@JUMPS
@pytest.mark.parametrize("written", [False, True])
def test_in_flight(jump: int, written: bool) -> None:
    """The grace and the response timeout take as long as before."""
    door = once()
    lane = lane_of(door)
    flight = fly(lane)
    flight.written_at = START if written else None
    shifted(lane, jump)

    assert START + jump + GRACE == flight.grace_until(GRACE)
    assert START + jump + TIMEOUT == lane.next_deadline()


@JUMPS
def test_expiry_in_flight(jump: int) -> None:
    """What is with its device may be handed out again for as long as before."""
    wanted = command(expires_at=START + 60 * SECOND)
    lane = lane_of(wanted)
    fly(lane)
    shifted(lane, jump)

    give_up(lane, Changes(new_id), now=START + jump + GRACE)
    assert State.PENDING is wanted.state

    look_after(lane, Changes(new_id), now=START + jump + 60 * SECOND)
    assert State.TIMEOUT is state_of(wanted)


@JUMPS
def test_held_back(jump: int) -> None:
    """An endpoint is held back for as long as before."""
    first, second = once(), once(expires_at=START + 3 * TIMEOUT)
    lane = lane_of(first, second)
    fly(lane)
    give_up(lane, Changes(new_id), now=START + GRACE)
    shifted(lane, jump)

    assert poll(lane, START + jump + TIMEOUT - 1) is None
    assert second is fly(lane, START + jump + TIMEOUT).command


@JUMPS
def test_not_before(jump: int) -> None:
    """A command that may not go yet can still go before it expires."""
    lane = lane_of(
        once(
            not_before=START + 2 * 3600 * SECOND,
            expires_at=START + 2 * 3600 * SECOND + 30 * SECOND,
        )
    )
    shifted(lane, jump)
    (door,) = lane.waiting

    ready = lane.ready_at(door, START + jump)

    assert ready < door.expires_at
    assert door is fly(lane, ready).command
