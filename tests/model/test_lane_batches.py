"""Several commands in one answer: each has its own fate, the answer has one grace."""

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.state import CommandState
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    hand_out,
    revert_hand_out,
)
from tests.clock import START
from tests.model.factories import (
    GRACE,
    at_most_once_command,
    command,
    delivery,
    lane_with,
    new_id,
    parsed_result,
    result,
)


def hand_out_all(lane: Lane, now: int = START, limit: int = 3) -> list[InFlight]:
    """Let the device poll; return what the answer carries."""
    answer = hand_out(
        lane,
        lambda of, _id, at: delivery(of, uuid=str(new_id()), sent_at=at),
        Changes(new_id, START),
        now=now,
        polled_at=now,
        grace=GRACE,
        limit=limit,
    )
    return list(answer)


def states(*commands: Command) -> list[CommandState]:
    """Return where commands stand."""
    return [each.state for each in commands]


def test_as_many_as_fit() -> None:
    """An answer carries the first of what waits, and no more than it may."""
    commands = [command(), command(), command(priority=1), command()]
    lane = lane_with(*commands)

    answer = hand_out_all(lane)

    assert [commands[2], commands[0], commands[1]] == [f.command for f in answer]
    assert answer == lane.in_flights
    assert [commands[3]] == lane.waiting


def test_what_expired_is_left_out() -> None:
    """What expired before its turn is ended on the way, and takes no place."""
    late, fresh = command(expires_at=START), command()
    lane = lane_with(late, fresh)

    assert [fresh] == [f.command for f in hand_out_all(lane, limit=1)]
    assert CommandState.EXPIRED is late.state


def test_result_of_one() -> None:
    """A result ends its own command; the others stay with the device."""
    one, other = command(), command()
    lane = lane_with(one, other)
    first, second = hand_out_all(lane)

    apply_result(
        lane,
        other,
        second.delivery,
        Changes(new_id, START),
        result=result(received_at=START),
        parsed_result=parsed_result(False),
    )

    assert [CommandState.SENT, CommandState.SUCCESSFUL] == states(one, other)
    assert [first] == lane.in_flights


def test_each_guarantee() -> None:
    """What is given up together is ended or waits again as each guarantee has it."""
    once, again = at_most_once_command(), command()
    lane = lane_with(once, again)
    hand_out_all(lane)

    assert [again] == [f.command for f in hand_out_all(lane, START + GRACE)]
    assert [CommandState.TIMEOUT, CommandState.SENT] == states(once, again)


def test_the_longest_grace_counts() -> None:
    """A poll gets nothing before the last grace in the answer is over."""
    quick, slow = command(), command(slow=True)
    lane = lane_with(quick, slow)
    hand_out_all(lane)

    assert lane.is_idle(START + GRACE, GRACE)
    assert [] == hand_out_all(lane, START + GRACE)
    assert START + 60 * SECOND == lane.next_change_at(START, GRACE)


def test_each_response_timeout() -> None:
    """A command is given up when its own response timeout is over."""
    short, long = command(response_timeout=20 * SECOND), command()
    lane = lane_with(short, long)
    hand_out_all(lane)
    assert START + 20 * SECOND == lane.next_deadline_at()

    apply_deadlines(lane, Changes(new_id, START), now=START + 20 * SECOND)

    assert [CommandState.PENDING, CommandState.SENT] == states(short, long)


def test_not_written() -> None:
    """An answer of which no byte was written is no attempt of any of its commands."""
    commands = [at_most_once_command(), command()]
    lane = lane_with(*commands)

    for each in hand_out_all(lane):
        revert_hand_out(lane, each, Changes(new_id, START), now=START)

    assert [0, 0] == [each.attempts for each in commands]
    assert (commands, []) == (lane.waiting, lane.in_flights)
