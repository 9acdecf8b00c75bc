"""When an answer is not waited for any longer, and what happens then."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Outcome
from pushserver.model.lane import NEVER
from pushserver.model.state import State, Turn
from pushserver.model.turns import give_up, look_after, record_written
from tests.clock import START
from tests.model.values import (
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

MINUTE = 60 * SECOND


def test_grace() -> None:
    """A poll within the grace gets nothing; the first after it, the command again."""
    wanted = command()
    lane = lane_of(wanted)
    first = fly(lane)

    assert poll(lane, START + GRACE - 1) is None
    assert State.SENT is wanted.state

    second = fly(lane, START + GRACE)

    assert (wanted, 2) == (second.command, wanted.attempts)
    assert (Outcome.NO_ANSWER, START + GRACE) == (
        first.delivery.outcome,
        first.delivery.ended_at,
    )
    assert second.delivery is not first.delivery


@pytest.mark.parametrize(("grace", "wait"), [(GRACE, MINUTE), (2 * MINUTE, 2 * MINUTE)])
def test_grace_of_slow_ones(grace: int, wait: int) -> None:
    """A device is given a minute or more for what may take long."""
    lane = lane_of(command("user_list_images", slow=True))
    fly(lane)

    assert poll(lane, START + wait - 1, grace=grace) is None
    assert poll(lane, START + wait, grace=grace) is not None


def test_grace_runs_from_the_write() -> None:
    """The grace and the response timeout run from the last byte, recorded or not."""
    lane = lane_of(command())
    flight = fly(lane)
    flight.written_at = START + 3 * SECOND

    assert START + 8 * SECOND == flight.grace_until(GRACE)
    assert START + 3 * SECOND + TIMEOUT == flight.timeout_at
    assert poll(lane, START + 8 * SECOND - 1) is None
    assert poll(lane, START + 8 * SECOND) is not None


def test_grace_ends_with_the_timeout() -> None:
    """A response timeout below the grace ends it."""
    lane = lane_of(command(response_timeout=2 * SECOND))
    fly(lane)

    assert poll(lane, START + 2 * SECOND) is not None


def test_written() -> None:
    """The write makes it DELIVERED, at the time of the write."""
    lane, changes = lane_of(command()), Changes(new_id)
    flight = fly(lane)
    flight.written_at = START + 1

    record_written(lane, flight, changes)
    record_written(lane, flight, changes)

    assert (State.DELIVERED, START + 1) == (
        flight.command.state,
        flight.command.delivered_at,
    )
    assert START + 1 == flight.delivery.delivered_at
    assert [Turn.WRITTEN] == [m.turn for m in changes.moves]


def test_written_is_old_news() -> None:
    """A write of which a result or a giving up has already told changes nothing."""
    lane, changes = lane_of(command(), command()), Changes(new_id)
    flight = fly(lane)
    flight.written_at = START + 1
    fly(lane, START + GRACE + 1)

    record_written(lane, flight, changes)

    assert Changes(new_id) == changes
    assert START + 1 == flight.delivery.delivered_at


def test_unwritten_is_not_recorded() -> None:
    """Nothing is recorded while the last byte is not written."""
    lane, changes = lane_of(command()), Changes(new_id)

    record_written(lane, fly(lane), changes)

    assert Changes(new_id) == changes


def test_at_most_once() -> None:
    """What may be handed out only once is TIMEOUT, and the next one follows."""
    door, other = once(), once("message_to_screen")
    lane = lane_of(door, other)
    fly(lane)

    flight = fly(lane, START + GRACE)

    assert other is flight.command
    assert (State.TIMEOUT, 1, START + GRACE) == (
        door.state,
        door.attempts,
        door.finished_at,
    )


def test_max_attempts() -> None:
    """What may be handed out again is, up to its number of attempts."""
    wanted = command(max_attempts=3)
    lane, now = lane_of(wanted), START
    for attempt in (1, 2, 3):
        fly(lane, now)
        assert attempt == wanted.attempts
        now += GRACE

    assert poll(lane, now) is None
    assert (State.TIMEOUT, 3) == (wanted.state, wanted.attempts)


def test_silence() -> None:
    """Without a poll the answer is given up after the response timeout."""
    again, door = command(), once()
    lane = lane_of(again)
    fly(lane)

    look_after(lane, Changes(new_id), now=START + TIMEOUT - 1)
    assert State.SENT is again.state

    look_after(lane, Changes(new_id), now=START + TIMEOUT)
    assert (State.PENDING, None) == (again.state, lane.flight)

    lane = lane_of(door)
    fly(lane)
    look_after(lane, Changes(new_id), now=START + TIMEOUT)
    assert (State.TIMEOUT, None) == (door.state, lane.flight)


def test_arriving_suspends_both() -> None:
    """While a result is on its way nothing is given up, for how long it may take."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)
    flight.arriving = 1

    assert poll(lane, START + 10 * TIMEOUT) is None
    look_after(lane, Changes(new_id), now=START + 10 * TIMEOUT)
    assert lane.flight is flight
    assert NEVER == lane.next_change(START, GRACE)

    flight.arriving = 0
    look_after(lane, Changes(new_id), now=START + 10 * TIMEOUT)

    assert lane.flight is None


def test_expires_with_an_attempt_behind() -> None:
    """What was handed out before and expires is TIMEOUT: nobody knows."""
    wanted = command(expires_at=START + 30 * SECOND)
    lane = lane_of(wanted)
    fly(lane)
    give_up(lane, Changes(new_id), now=START + 10 * SECOND)
    assert State.PENDING is wanted.state

    look_after(lane, Changes(new_id), now=START + 30 * SECOND)

    assert (State.TIMEOUT, START + 30 * SECOND) == (wanted.state, wanted.finished_at)
    assert lane.waiting == []


def test_expires_never_handed_out() -> None:
    """What was never handed out and expires is EXPIRED."""
    wanted = command(expires_at=START + 30 * SECOND)
    lane = lane_of(wanted)

    look_after(lane, Changes(new_id), now=START + 30 * SECOND - 1)
    assert State.PENDING is wanted.state

    look_after(lane, Changes(new_id), now=START + 30 * SECOND)
    assert State.EXPIRED is state_of(wanted)


def test_expires_in_flight() -> None:
    """What expires with the device goes on; it is only not handed out again."""
    wanted = command(expires_at=START + 30 * SECOND)
    lane = lane_of(wanted)
    fly(lane)

    look_after(lane, Changes(new_id), now=START + 60 * SECOND)
    assert State.SENT is wanted.state

    assert poll(lane, START + 60 * SECOND) is None
    assert State.TIMEOUT is state_of(wanted)


def test_deadlines() -> None:
    """The lane knows when something is to be done though nobody asks."""
    lane = lane_of(command(expires_at=START + MINUTE), command())

    assert START + MINUTE == lane.next_deadline()

    fly(lane).written_at = START + 1

    assert START + 1 + TIMEOUT == lane.next_deadline()
    assert NEVER == lane_of().next_deadline()


def test_nothing_in_flight() -> None:
    """Giving up when nothing is in flight changes nothing."""
    changes = Changes(new_id)

    give_up(lane_of(command()), changes, now=START)

    assert Changes(new_id) == changes
