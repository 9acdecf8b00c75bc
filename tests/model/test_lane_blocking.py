"""Devices without uuid: a late result must not be taken for another command's."""

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.state import State
from pushserver.model.turns import give_up, look_after
from tests.clock import START
from tests.model.values import GRACE, TIMEOUT, command, fly, lane_of, new_id, once, poll


def given_up(lane: Lane, *, uuid: str | None = None) -> Lane:
    """Let the lane's first command be handed out and given up after the grace."""
    fly(lane, uuid=uuid)
    give_up(lane, Changes(new_id), now=START + GRACE)
    return lane


def test_same_endpoint_waits() -> None:
    """Another command for the endpoint waits until the response timeout is over."""
    first, second = once(), once()
    lane = given_up(lane_of(first, second))

    assert State.TIMEOUT is first.state
    assert lane.is_quiet(START + TIMEOUT - 1, GRACE)
    assert poll(lane, START + TIMEOUT - 1) is None
    assert START + TIMEOUT == lane.next_change(START + GRACE, GRACE)
    assert second is fly(lane, START + TIMEOUT).command


def test_same_command_goes_again() -> None:
    """The command itself may be handed out again at once."""
    wanted = command()
    lane = given_up(lane_of(wanted, command()))

    assert wanted is fly(lane, START + GRACE).command


def test_other_endpoint_passes() -> None:
    """A command for another endpoint is handed out meanwhile."""
    first, same, other = once(), once(), command("system_information")
    lane = given_up(lane_of(first, same, other))

    assert other is fly(lane, START + GRACE).command


def test_with_uuid_nothing_waits() -> None:
    """A device that sends a uuid needs no such care."""
    first, second = once(), once()
    lane = given_up(lane_of(first, second), uuid="u1")

    assert second is fly(lane, START + GRACE).command


def test_runs_from_the_write() -> None:
    """The wait runs from the last byte of the answer."""
    first, second = once(), once()
    lane = lane_of(first, second)
    fly(lane).written_at = START + 3 * SECOND
    give_up(lane, Changes(new_id), now=START + 8 * SECOND)

    assert poll(lane, START + TIMEOUT) is None
    assert poll(lane, START + TIMEOUT + 3 * SECOND) is not None


def test_expires_while_it_waits() -> None:
    """A command that is held back expires all the same."""
    first, second = once(), once(expires_at=START + 30 * SECOND)
    lane = given_up(lane_of(first, second))

    look_after(lane, Changes(new_id), now=START + 30 * SECOND)

    assert State.EXPIRED is second.state


def test_forgotten_in_time() -> None:
    """When the wait is over nothing remains of it."""
    lane = given_up(lane_of(once()))
    assert not lane.is_empty
    assert START + TIMEOUT == lane.next_deadline()

    look_after(lane, Changes(new_id), now=START + TIMEOUT)

    assert lane.is_empty


def test_several_endpoints() -> None:
    """Each endpoint waits for itself."""
    first, screen = once(), once("message_to_screen")
    lane = given_up(lane_of(first, screen))
    fly(lane, START + GRACE)
    give_up(lane, Changes(new_id), now=START + 2 * GRACE)
    again, other = once(), once("message_to_screen")
    lane.insert(again)
    lane.insert(other)

    assert poll(lane, START + TIMEOUT - 1) is None
    assert again is fly(lane, START + TIMEOUT).command
    assert START + TIMEOUT + GRACE == lane.ready_at(other, START)


def test_a_second_attempt_prolongs() -> None:
    """After another attempt of the command the wait runs from that one."""
    wanted, other = command(max_attempts=2), command()
    lane = given_up(lane_of(wanted, other))
    fly(lane, START + GRACE)
    give_up(lane, Changes(new_id), now=START + 2 * GRACE)

    assert State.TIMEOUT is wanted.state
    assert poll(lane, START + TIMEOUT) is None
    assert other is fly(lane, START + GRACE + TIMEOUT).command
