"""What a result does to its command, wherever that stands."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, DeliveryOutcome, Result
from pushserver.model.lane import Lane
from pushserver.model.state import CommandEvent, CommandState
from pushserver.model.transfers import record_written
from pushserver.model.transitions import (
    apply_deadlines,
    apply_result,
    give_up_in_flight,
)
from pushserver.model.withdrawal import withdraw
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
    came, changes = result(command_id=for_.id, received_at=at), Changes(new_id, START)
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
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)

    came, changes = answer(lane, in_flight.delivery, queued, failed=failed)

    assert (state, LATER, LATER) == (
        queued.state,
        queued.delivered_at,
        queued.finished_at,
    )
    assert came.id == queued.result_id
    assert (outcome, LATER, LATER) == (
        in_flight.delivery.outcome,
        in_flight.delivery.delivered_at,
        in_flight.delivery.ended_at,
    )
    assert 1 == len(changes.transitions)
    assert lane.is_empty


def test_from_delivered() -> None:
    """The time at which the answer was written stays."""
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1
    record_written(lane, in_flight, Changes(new_id, START))

    answer(lane, in_flight.delivery, queued)

    assert (CommandState.SUCCESSFUL, START + 1) == (queued.state, queued.delivered_at)


def test_written_but_not_recorded() -> None:
    """A write that was not recorded yet is recorded with the result."""
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)
    in_flight.written_at = START + 1

    _, changes = answer(lane, in_flight.delivery, queued)

    assert (START + 1, START + 1) == (
        queued.delivered_at,
        in_flight.delivery.delivered_at,
    )
    assert [CommandEvent.SUCCEED] == [m.command_event for m in changes.transitions]


def test_from_timeout() -> None:
    """A late result mends TIMEOUT."""
    door = at_most_once_command()
    lane = lane_with(door)
    in_flight = poll_command(lane)
    apply_deadlines(lane, Changes(new_id, START), now=START + TIMEOUT)
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
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)
    give_up_in_flight(lane, Changes(new_id, START), now=START + GRACE)
    assert CommandState.PENDING is queued.state

    answer(lane, in_flight.delivery, queued)

    assert CommandState.SUCCESSFUL is state_of(queued)
    assert [] == lane.waiting


def test_closes_later_deliveries() -> None:
    """A late result of the first delivery ends the command in its second."""
    queued = command()
    lane = lane_with(queued)
    first = poll_command(lane, uuid="u1").delivery
    second = poll_command(lane, START + GRACE, uuid="u2").delivery

    _, changes = answer(lane, first, queued, failed=True)

    assert (CommandState.FAILED, None) == (queued.state, lane.in_flight)
    assert (DeliveryOutcome.FAILED, DeliveryOutcome.CLOSED) == (
        first.outcome,
        second.outcome,
    )
    assert LATER == second.ended_at
    assert {first.id, second.id} == set(changes.changed_deliveries)


def test_closed_without_uuid_blocks() -> None:
    """The result of the closed delivery may still come: its endpoint waits."""
    queued, other = command(), command()
    lane = lane_with(queued, other)
    first = poll_command(lane).delivery
    poll_command(lane, START + GRACE)
    answer(lane, first, queued)

    assert START + GRACE + TIMEOUT == lane.ready_at(other, LATER)


def test_second_result() -> None:
    """A second result for the same delivery changes nothing."""
    queued = command()
    lane = lane_with(queued)
    in_flight = poll_command(lane)
    first, _ = answer(lane, in_flight.delivery, queued)

    _, changes = answer(lane, in_flight.delivery, queued, failed=True, at=LATER + 1)

    assert Changes(new_id, START) == changes
    assert (CommandState.SUCCESSFUL, first.id, LATER) == (
        queued.state,
        queued.result_id,
        queued.finished_at,
    )


def test_result_of_a_closed_delivery() -> None:
    """The result of a delivery that was closed changes nothing any more."""
    queued = command()
    lane = lane_with(queued)
    first = poll_command(lane, uuid="u1").delivery
    second = poll_command(lane, START + GRACE, uuid="u2").delivery
    answer(lane, first, queued)

    _, changes = answer(lane, second, queued, failed=True)

    assert Changes(new_id, START) == changes
    assert (CommandState.SUCCESSFUL, DeliveryOutcome.CLOSED) == (
        queued.state,
        second.outcome,
    )


def test_next_follows() -> None:
    """After the result the next command is handed out at once."""
    queued, following = command(), command()
    lane = lane_with(queued, following)
    answer(lane, poll_command(lane).delivery, queued)

    assert following is poll_command(lane, LATER).command


def test_given_up_while_waiting() -> None:
    """A waiting command with an attempt behind it can be ended as TIMEOUT."""
    queued = command()
    lane, changes = lane_with(queued), Changes(new_id, START)
    poll_command(lane)
    give_up_in_flight(lane, Changes(new_id, START), now=START + GRACE)

    withdraw(lane, queued, changes, now=LATER)

    assert (CommandState.TIMEOUT, [], LATER) == (
        queued.state,
        lane.waiting,
        queued.finished_at,
    )
