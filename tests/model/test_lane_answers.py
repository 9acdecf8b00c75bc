"""What a result does to its command, wherever that stands."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, DeliveryOutcome, Result
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent, CommandState
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    cancel_command,
    give_up_in_flight,
    give_up_waiting,
    record_written,
)
from tests.clock import START
from tests.model.factories import (
    GRACE,
    TIMEOUT,
    at_most_once_command,
    command,
    lane_with,
    new_id,
    parsed_result,
    poll_command,
    result,
    state_of,
)

LATER = START + 9 * SECOND


def answer(
    lane: Lane, of: Delivery, for_: Command, *, failed: bool = False, at: int = LATER
) -> tuple[Result, Changes]:
    """Let a result for the delivery *of* arrive."""
    came, changes = result(command_id=for_.id, received_at=at), Changes(new_id)
    apply_result(
        lane, for_, of, changes, result=came, parsed_result=parsed_result(failed)
    )
    return came, changes


@pytest.mark.parametrize(
    ("failed", "state", "outcome"),
    [
        (False, CommandState.SUCCESSFUL, DeliveryOutcome.SUCCESSFUL),
        (True, CommandState.FAILED, DeliveryOutcome.FAILED),
    ],
)
def test_from_sent(failed: bool, state: CommandState, outcome: DeliveryOutcome) -> None:
    """A result ends what is in flight, and implies that the answer had arrived."""
    wanted = command()
    lane = lane_with(wanted)
    in_flight = poll_command(lane)

    came, changes = answer(lane, in_flight.delivery, wanted, failed=failed)

    assert (state, LATER, LATER) == (
        wanted.state,
        wanted.delivered_at,
        wanted.finished_at,
    )
    assert came.id == wanted.result_id
    assert (outcome, LATER, LATER) == (
        in_flight.delivery.outcome,
        in_flight.delivery.delivered_at,
        in_flight.delivery.ended_at,
    )
    assert 1 == len(changes.transitions)
    assert lane.is_empty


def test_from_delivered() -> None:
    """The time at which the answer was written stays."""
    wanted = command()
    lane = lane_with(wanted)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1
    record_written(lane, in_flight, Changes(new_id))

    answer(lane, in_flight.delivery, wanted)

    assert (CommandState.SUCCESSFUL, START + 1) == (wanted.state, wanted.delivered_at)


def test_written_but_not_recorded() -> None:
    """A write that was not recorded yet is recorded with the result."""
    wanted = command()
    lane = lane_with(wanted)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1

    _, changes = answer(lane, in_flight.delivery, wanted)

    assert (START + 1, START + 1) == (
        wanted.delivered_at,
        in_flight.delivery.delivered_at,
    )
    assert [CommandEvent.SUCCEED] == [m.command_event for m in changes.transitions]


def test_from_timeout() -> None:
    """A late result mends TIMEOUT."""
    door = at_most_once_command()
    lane = lane_with(door)
    in_flight = poll_command(lane)
    apply_deadlines(lane, Changes(new_id), now=START + TIMEOUT)
    assert CommandState.TIMEOUT is door.state

    _, changes = answer(lane, in_flight.delivery, door, at=START + 2 * TIMEOUT)

    assert (CommandState.SUCCESSFUL, START + 2 * TIMEOUT) == (
        door.state,
        door.finished_at,
    )
    assert DeliveryOutcome.SUCCESSFUL is in_flight.delivery.outcome
    assert {in_flight.delivery.id} == set(changes.changed_deliveries)


def test_from_waiting_again() -> None:
    """A late result ends a command that waits to be handed out again."""
    wanted = command()
    lane = lane_with(wanted)
    in_flight = poll_command(lane)
    give_up_in_flight(lane, Changes(new_id), now=START + GRACE)
    assert CommandState.PENDING is wanted.state

    answer(lane, in_flight.delivery, wanted)

    assert CommandState.SUCCESSFUL is state_of(wanted)
    assert [] == lane.waiting


def test_closes_later_deliveries() -> None:
    """A late result of the first delivery ends the command in its second."""
    wanted = command()
    lane = lane_with(wanted)
    first = poll_command(lane, uuid="u1").delivery
    second = poll_command(lane, START + GRACE, uuid="u2").delivery

    _, changes = answer(lane, first, wanted, failed=True)

    assert (CommandState.FAILED, None) == (wanted.state, lane.in_flight)
    assert (DeliveryOutcome.FAILED, DeliveryOutcome.CLOSED) == (
        first.outcome,
        second.outcome,
    )
    assert LATER == second.ended_at
    assert {first.id, second.id} == set(changes.changed_deliveries)


def test_closed_without_uuid_blocks() -> None:
    """The result of the closed delivery may still come: its endpoint waits."""
    wanted, other = command(), command()
    lane = lane_with(wanted, other)
    first = poll_command(lane).delivery
    poll_command(lane, START + GRACE)
    answer(lane, first, wanted)

    assert START + GRACE + TIMEOUT == lane.ready_at(other, LATER)


def test_second_result() -> None:
    """A second result for the same delivery changes nothing."""
    wanted = command()
    lane = lane_with(wanted)
    in_flight = poll_command(lane)
    first, _ = answer(lane, in_flight.delivery, wanted)

    _, changes = answer(lane, in_flight.delivery, wanted, failed=True, at=LATER + 1)

    assert Changes(new_id) == changes
    assert (CommandState.SUCCESSFUL, first.id, LATER) == (
        wanted.state,
        wanted.result_id,
        wanted.finished_at,
    )


def test_result_of_a_closed_delivery() -> None:
    """The result of a delivery that was closed changes nothing any more."""
    wanted = command()
    lane = lane_with(wanted)
    first = poll_command(lane, uuid="u1").delivery
    second = poll_command(lane, START + GRACE, uuid="u2").delivery
    answer(lane, first, wanted)

    _, changes = answer(lane, second, wanted, failed=True)

    assert Changes(new_id) == changes
    assert (CommandState.SUCCESSFUL, DeliveryOutcome.CLOSED) == (
        wanted.state,
        second.outcome,
    )


def test_next_follows() -> None:
    """After the result the next command is handed out at once."""
    wanted, following = command(), command()
    lane = lane_with(wanted, following)
    answer(lane, poll_command(lane).delivery, wanted)

    assert following is poll_command(lane, LATER).command


def test_given_up_while_waiting() -> None:
    """A waiting command with an attempt behind it can be ended as TIMEOUT."""
    wanted = command()
    lane, changes = lane_with(wanted), Changes(new_id)
    poll_command(lane)
    give_up_in_flight(lane, Changes(new_id), now=START + GRACE)

    assert not cancel_command(lane, wanted, changes, now=LATER)
    give_up_waiting(lane, wanted, changes, now=LATER)

    assert (CommandState.TIMEOUT, [], LATER) == (
        wanted.state,
        lane.waiting,
        wanted.finished_at,
    )
