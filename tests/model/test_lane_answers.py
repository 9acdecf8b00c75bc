"""What a result does to its command, wherever that stands."""

import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, Outcome, Result
from pushserver.model.lane import Lane
from pushserver.model.state import State, Turn
from pushserver.model.turns import (
    answered,
    cancel,
    give_up,
    give_up_waiting,
    look_after,
    record_written,
)
from tests.clock import START
from tests.model.values import (
    GRACE,
    TIMEOUT,
    command,
    fly,
    lane_of,
    new_id,
    once,
    result,
    said,
    state_of,
)

LATER = START + 9 * SECOND


def answer(
    lane: Lane, of: HandOut, for_: Command, *, failed: bool = False, at: int = LATER
) -> tuple[Result, Changes]:
    """Let a result for the delivery *of* arrive."""
    came, changes = result(command_id=for_.id, received_at=at), Changes(new_id)
    answered(lane, for_, of, changes, result=came, reading=said(failed))
    return came, changes


@pytest.mark.parametrize(
    ("failed", "state", "outcome"),
    [
        (False, State.SUCCESSFUL, Outcome.SUCCESSFUL),
        (True, State.FAILED, Outcome.FAILED),
    ],
)
def test_from_sent(failed: bool, state: State, outcome: Outcome) -> None:
    """A result ends what is in flight, and implies that the answer had arrived."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)

    came, changes = answer(lane, flight.delivery, wanted, failed=failed)

    assert (state, LATER, LATER) == (
        wanted.state,
        wanted.delivered_at,
        wanted.finished_at,
    )
    assert came.id == wanted.result_id
    assert (outcome, LATER, LATER) == (
        flight.delivery.outcome,
        flight.delivery.delivered_at,
        flight.delivery.ended_at,
    )
    assert 1 == len(changes.moves)
    assert lane.is_empty


def test_from_delivered() -> None:
    """The time at which the answer was written stays."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)
    flight.written_at = START + 1
    record_written(lane, flight, Changes(new_id))

    answer(lane, flight.delivery, wanted)

    assert (State.SUCCESSFUL, START + 1) == (wanted.state, wanted.delivered_at)


def test_written_but_not_recorded() -> None:
    """A write that was not recorded yet is recorded with the result."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)
    flight.written_at = START + 1

    _, changes = answer(lane, flight.delivery, wanted)

    assert (START + 1, START + 1) == (
        wanted.delivered_at,
        flight.delivery.delivered_at,
    )
    assert [Turn.SUCCEED] == [m.turn for m in changes.moves]


def test_from_timeout() -> None:
    """A late result mends TIMEOUT."""
    door = once()
    lane = lane_of(door)
    flight = fly(lane)
    look_after(lane, Changes(new_id), now=START + TIMEOUT)
    assert State.TIMEOUT is door.state

    _, changes = answer(lane, flight.delivery, door, at=START + 2 * TIMEOUT)

    assert (State.SUCCESSFUL, START + 2 * TIMEOUT) == (door.state, door.finished_at)
    assert Outcome.SUCCESSFUL is flight.delivery.outcome
    assert {flight.delivery.id} == set(changes.deliveries)


def test_from_waiting_again() -> None:
    """A late result ends a command that waits to be handed out again."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)
    give_up(lane, Changes(new_id), now=START + GRACE)
    assert State.PENDING is wanted.state

    answer(lane, flight.delivery, wanted)

    assert State.SUCCESSFUL is state_of(wanted)
    assert [] == lane.waiting


def test_closes_later_deliveries() -> None:
    """A late result of the first delivery ends the command in its second."""
    wanted = command()
    lane = lane_of(wanted)
    first = fly(lane, uuid="u1").delivery
    second = fly(lane, START + GRACE, uuid="u2").delivery

    _, changes = answer(lane, first, wanted, failed=True)

    assert (State.FAILED, None) == (wanted.state, lane.flight)
    assert (Outcome.FAILED, Outcome.CLOSED) == (first.outcome, second.outcome)
    assert LATER == second.ended_at
    assert {first.id, second.id} == set(changes.deliveries)


def test_closed_without_uuid_blocks() -> None:
    """The result of the closed delivery may still come: its endpoint waits."""
    wanted, other = command(), command()
    lane = lane_of(wanted, other)
    first = fly(lane).delivery
    fly(lane, START + GRACE)
    answer(lane, first, wanted)

    assert START + GRACE + TIMEOUT == lane.ready_at(other, LATER)


def test_second_result() -> None:
    """A second result for the same delivery changes nothing."""
    wanted = command()
    lane = lane_of(wanted)
    flight = fly(lane)
    first, _ = answer(lane, flight.delivery, wanted)

    _, changes = answer(lane, flight.delivery, wanted, failed=True, at=LATER + 1)

    assert Changes(new_id) == changes
    assert (State.SUCCESSFUL, first.id, LATER) == (
        wanted.state,
        wanted.result_id,
        wanted.finished_at,
    )


def test_result_of_a_closed_delivery() -> None:
    """The result of a delivery that was closed changes nothing any more."""
    wanted = command()
    lane = lane_of(wanted)
    first = fly(lane, uuid="u1").delivery
    second = fly(lane, START + GRACE, uuid="u2").delivery
    answer(lane, first, wanted)

    _, changes = answer(lane, second, wanted, failed=True)

    assert Changes(new_id) == changes
    assert (State.SUCCESSFUL, Outcome.CLOSED) == (wanted.state, second.outcome)


def test_next_follows() -> None:
    """After the result the next command is handed out at once."""
    wanted, following = command(), command()
    lane = lane_of(wanted, following)
    answer(lane, fly(lane).delivery, wanted)

    assert following is fly(lane, LATER).command


def test_given_up_while_waiting() -> None:
    """A waiting command with an attempt behind it can be ended as TIMEOUT."""
    wanted = command()
    lane, changes = lane_of(wanted), Changes(new_id)
    fly(lane)
    give_up(lane, Changes(new_id), now=START + GRACE)

    assert not cancel(lane, wanted, changes, now=LATER)
    give_up_waiting(lane, wanted, changes, now=LATER)

    assert (State.TIMEOUT, [], LATER) == (
        wanted.state,
        lane.waiting,
        wanted.finished_at,
    )
