"""Devices without uuid: a late result must not be taken for another command's."""

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
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
)


def given_up(lane: Lane, *, uuid: str | None = None) -> Lane:
    """Let the lane's first command be handed out and given up after the grace."""
    poll_command(lane, uuid=uuid)
    give_up_in_flight(lane, Changes(new_id, START), now=START + GRACE)
    return lane


def test_same_endpoint_waits() -> None:
    """Another command for the endpoint waits until the response timeout is over."""
    first, second = at_most_once_command(), at_most_once_command()
    lane = given_up(lane_with(first, second))

    assert CommandState.TIMEOUT is first.state
    assert lane.is_idle(START + TIMEOUT - 1, GRACE)
    assert poll_lane(lane, START + TIMEOUT - 1) is None
    assert START + TIMEOUT == lane.next_change_at(START + GRACE, GRACE)
    assert second is poll_command(lane, START + TIMEOUT).command


def test_same_command_goes_again() -> None:
    """The command itself may be handed out again at once."""
    queued = command()
    lane = given_up(lane_with(queued, command()))

    assert queued is poll_command(lane, START + GRACE).command


def test_other_endpoint_passes() -> None:
    """A command for another endpoint is handed out meanwhile."""
    first, same, other = (
        at_most_once_command(),
        at_most_once_command(),
        command("system_information"),
    )
    lane = given_up(lane_with(first, same, other))

    assert other is poll_command(lane, START + GRACE).command


def test_with_uuid_nothing_waits() -> None:
    """A device that sends a uuid needs no such care."""
    first, second = at_most_once_command(), at_most_once_command()
    lane = given_up(lane_with(first, second), uuid="u1")

    assert second is poll_command(lane, START + GRACE).command


def test_runs_from_the_write() -> None:
    """The wait runs from the last byte of the answer."""
    first, second = at_most_once_command(), at_most_once_command()
    lane = lane_with(first, second)
    poll_command(lane).written_at = START + 3 * SECOND
    give_up_in_flight(lane, Changes(new_id, START), now=START + 8 * SECOND)

    assert poll_lane(lane, START + TIMEOUT) is None
    assert poll_lane(lane, START + TIMEOUT + 3 * SECOND) is not None


def test_expires_while_it_waits() -> None:
    """A command that is held back expires all the same."""
    first, second = (
        at_most_once_command(),
        at_most_once_command(expires_at=START + 30 * SECOND),
    )
    lane = given_up(lane_with(first, second))

    apply_deadlines(lane, Changes(new_id, START), now=START + 30 * SECOND)

    assert CommandState.EXPIRED is second.state


def test_forgotten_in_time() -> None:
    """When the wait is over nothing remains of it."""
    lane = given_up(lane_with(at_most_once_command()))
    assert not lane.is_empty
    assert START + TIMEOUT == lane.next_deadline_at()

    apply_deadlines(lane, Changes(new_id, START), now=START + TIMEOUT)

    assert lane.is_empty


def test_several_endpoints() -> None:
    """Each endpoint waits for itself."""
    first, screen = at_most_once_command(), at_most_once_command("message_to_screen")
    lane = given_up(lane_with(first, screen))
    poll_command(lane, START + GRACE)
    give_up_in_flight(lane, Changes(new_id, START), now=START + 2 * GRACE)
    again, other = at_most_once_command(), at_most_once_command("message_to_screen")
    lane.insert(again)
    lane.insert(other)

    assert poll_lane(lane, START + TIMEOUT - 1) is None
    assert again is poll_command(lane, START + TIMEOUT).command
    assert START + TIMEOUT + GRACE == lane.ready_at(other, START)


def test_a_second_attempt_prolongs() -> None:
    """After another attempt of the command the wait runs from that one."""
    queued, other = command(max_attempts=2), command()
    lane = given_up(lane_with(queued, other))
    poll_command(lane, START + GRACE)
    give_up_in_flight(lane, Changes(new_id, START), now=START + 2 * GRACE)

    assert CommandState.TIMEOUT is queued.state
    assert poll_lane(lane, START + TIMEOUT) is None
    assert other is poll_command(lane, START + GRACE + TIMEOUT).command
