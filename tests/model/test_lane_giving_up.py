"""When an answer is given up, and what happens then."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import DeliveryOutcome
from pushserver.model.in_flight import NEVER
from pushserver.model.state import CommandEvent, CommandState
from pushserver.model.transfers import record_written
from pushserver.model.transitions import apply_deadlines, give_up_in_flight
from tests.clock import START
from tests.model.factories import (
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

MINUTE = 60 * SECOND


def test_grace() -> None:
    """A poll within the grace gets nothing; the first after it, the command again."""
    queued = command()
    lane = lane_with(queued)
    first = poll_command(lane)

    assert poll_lane(lane, START + GRACE - 1) is None
    assert CommandState.SENT is queued.state

    second = poll_command(lane, START + GRACE)

    assert (queued, 2) == (second.command, queued.attempts)
    assert (DeliveryOutcome.NO_ANSWER, START + GRACE) == (
        first.delivery.outcome,
        first.delivery.ended_at,
    )
    assert second.delivery is not first.delivery


@pytest.mark.parametrize(("grace", "wait"), [(GRACE, MINUTE), (2 * MINUTE, 2 * MINUTE)])
def test_grace_of_slow_ones(grace: int, wait: int) -> None:
    """A device is given a minute or more for what may take long."""
    lane = lane_with(command("user_list_images", slow=True))
    poll_command(lane)

    assert poll_lane(lane, START + wait - 1, grace=grace) is None
    assert poll_lane(lane, START + wait, grace=grace) is not None


def test_grace_runs_from_the_write() -> None:
    """The grace and the response timeout run from the last byte, recorded or not."""
    lane = lane_with(command())
    in_flight = poll_command(lane)
    in_flight.written_at = START + 3 * SECOND

    assert START + 8 * SECOND == in_flight.grace_ends_at(GRACE)
    assert START + 3 * SECOND + TIMEOUT == in_flight.timeout_at
    assert poll_lane(lane, START + 8 * SECOND - 1) is None
    assert poll_lane(lane, START + 8 * SECOND) is not None


def test_grace_ends_with_the_timeout() -> None:
    """A response timeout below the grace ends it."""
    lane = lane_with(command(response_timeout=2 * SECOND))
    poll_command(lane)

    assert poll_lane(lane, START + 2 * SECOND) is not None


def test_written() -> None:
    """The write makes it DELIVERED, at the time of the write."""
    lane, changes = lane_with(command()), Changes(new_id, START)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1

    record_written(lane, in_flight, changes)
    record_written(lane, in_flight, changes)

    assert (CommandState.DELIVERED, START + 1) == (
        in_flight.command.state,
        in_flight.command.delivered_at,
    )
    assert START + 1 == in_flight.delivery.delivered_at
    assert [CommandEvent.WRITTEN] == [m.command_event for m in changes.transitions]


def test_late_written_is_ignored() -> None:
    """
    Recording that an answer was written changes nothing after a result or a give-up.
    """
    lane, changes = lane_with(command(), command()), Changes(new_id, START)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1
    poll_command(lane, START + GRACE + 1)

    record_written(lane, in_flight, changes)

    assert Changes(new_id, START) == changes
    assert START + 1 == in_flight.delivery.delivered_at


def test_unwritten_is_not_recorded() -> None:
    """Nothing is recorded while the last byte is not written."""
    lane, changes = lane_with(command()), Changes(new_id, START)

    record_written(lane, poll_command(lane), changes)

    assert Changes(new_id, START) == changes


def test_at_most_once() -> None:
    """
    A command that may be handed out only once is TIMEOUT, and the next one follows.
    """
    door, other = at_most_once_command(), at_most_once_command("message_to_screen")
    lane = lane_with(door, other)
    poll_command(lane)

    in_flight = poll_command(lane, START + GRACE)

    assert other is in_flight.command
    assert (CommandState.TIMEOUT, 1, START + GRACE) == (
        door.state,
        door.attempts,
        door.finished_at,
    )


def test_max_attempts() -> None:
    """A command that may be handed out again is, up to its number of attempts."""
    queued = command(max_attempts=3)
    lane, now = lane_with(queued), START
    for attempt in (1, 2, 3):
        poll_command(lane, now)
        assert attempt == queued.attempts
        now += GRACE

    assert poll_lane(lane, now) is None
    assert (CommandState.TIMEOUT, 3) == (queued.state, queued.attempts)


def test_no_answer() -> None:
    """Without a poll the answer is given up after the response timeout."""
    again, door = command(), at_most_once_command()
    lane = lane_with(again)
    poll_command(lane)

    apply_deadlines(lane, Changes(new_id, START), now=START + TIMEOUT - 1)
    assert CommandState.SENT is again.state

    apply_deadlines(lane, Changes(new_id, START), now=START + TIMEOUT)
    assert (CommandState.PENDING, None) == (again.state, lane.in_flight)

    lane = lane_with(door)
    poll_command(lane)
    apply_deadlines(lane, Changes(new_id, START), now=START + TIMEOUT)
    assert (CommandState.TIMEOUT, None) == (door.state, lane.in_flight)


def test_arriving_suspends_both() -> None:
    """While a result is on its way nothing is given up, for how long it may take."""
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)
    in_flight.transfers.add("a result")

    assert poll_lane(lane, START + 10 * TIMEOUT) is None
    apply_deadlines(lane, Changes(new_id, START), now=START + 10 * TIMEOUT)
    assert lane.in_flight is in_flight
    assert NEVER == lane.next_change_at(START, GRACE)

    in_flight.transfers.clear()
    apply_deadlines(lane, Changes(new_id, START), now=START + 10 * TIMEOUT)

    assert lane.in_flight is None


def test_expires_with_an_attempt_behind() -> None:
    """A command that expires after an attempt is TIMEOUT: its outcome is unknown."""
    queued = command(expires_at=START + 30 * SECOND)
    lane = lane_with(queued)
    poll_command(lane)
    give_up_in_flight(lane, Changes(new_id, START), now=START + 10 * SECOND)
    assert CommandState.PENDING is queued.state

    apply_deadlines(lane, Changes(new_id, START), now=START + 30 * SECOND)

    assert (CommandState.TIMEOUT, START + 30 * SECOND) == (
        queued.state,
        queued.finished_at,
    )
    assert lane.waiting == []


def test_expires_never_handed_out() -> None:
    """A command that expires without having been handed out is EXPIRED."""
    queued = command(expires_at=START + 30 * SECOND)
    lane = lane_with(queued)

    apply_deadlines(lane, Changes(new_id, START), now=START + 30 * SECOND - 1)
    assert CommandState.PENDING is queued.state

    apply_deadlines(lane, Changes(new_id, START), now=START + 30 * SECOND)
    assert CommandState.EXPIRED is state_of(queued)


def test_expires_in_flight() -> None:
    """A command that expires in flight goes on; it is only not handed out again."""
    queued = command(expires_at=START + 30 * SECOND)
    lane = lane_with(queued)
    poll_command(lane)

    apply_deadlines(lane, Changes(new_id, START), now=START + 60 * SECOND)
    assert CommandState.SENT is queued.state

    assert poll_lane(lane, START + 60 * SECOND) is None
    assert CommandState.TIMEOUT is state_of(queued)


def test_deadlines() -> None:
    """The lane knows when something is to be done though nobody asks."""
    lane = lane_with(command(expires_at=START + MINUTE), command())

    assert START + MINUTE == lane.next_deadline_at()

    poll_command(lane).written_at = START + 1

    assert START + 1 + TIMEOUT == lane.next_deadline_at()
    assert NEVER == lane_with().next_deadline_at()


def test_nothing_in_flight() -> None:
    """Giving up when nothing is in flight changes nothing."""
    changes = Changes(new_id, START)

    give_up_in_flight(lane_with(command()), changes, now=START)

    assert Changes(new_id, START) == changes
