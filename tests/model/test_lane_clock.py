"""A wall clock that jumps: what is scheduled for an instant moves, nothing else."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.lane import Lane
from tests.clock import START
from tests.model.factories import (
    DAY,
    GRACE,
    TIMEOUT,
    at_most_once_command,
    lane_with,
    poll_command,
    poll_lane,
)

JUMPS = pytest.mark.parametrize("jump", [-365 * DAY, -3600 * SECOND, 3600 * SECOND])
LATER = START + 2 * 3600 * SECOND


def planned_lane(not_before: int) -> Lane:
    """Return a lane with a door that is planned, and has half a minute then."""
    return lane_with(
        at_most_once_command(not_before=not_before, expires_at=not_before + 30 * SECOND)
    )


@JUMPS
def test_seconds(jump: int) -> None:
    """What waits, or is in flight, has the seconds that were said."""
    door = at_most_once_command(expires_at=START + 30 * SECOND)
    waiting, busy = lane_with(door), lane_with(at_most_once_command())
    in_flight = poll_command(busy)
    for lane in (waiting, busy):
        lane.move_schedules(jump, START)

    assert START + 30 * SECOND == waiting.next_deadline_at()
    assert START + GRACE == in_flight.grace_ends_at(GRACE)
    assert START + TIMEOUT == busy.next_deadline_at()


@JUMPS
def test_not_before(jump: int) -> None:
    """A planned command keeps its instant by name, and its seconds after it."""
    lane = planned_lane(LATER)
    lane.move_schedules(jump, START)
    (door,) = lane.waiting

    assert (LATER - jump, LATER - jump + 30 * SECOND) == (
        door.not_before,
        door.expires_at,
    )
    assert poll_lane(lane, LATER - jump - 1) is None
    assert door is poll_command(lane, LATER - jump).command


@pytest.mark.parametrize(("after", "moved"), [(0, 0), (1, 60)])
def test_it_has_come(after: int, moved: int) -> None:
    """The seconds of a command whose instant has come pass as they do."""
    lane = planned_lane(START + SECOND + after)

    lane.move_schedules(-60, START + SECOND)

    (door,) = lane.waiting
    assert START + 31 * SECOND + after + moved == door.expires_at
