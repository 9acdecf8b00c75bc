"""The table of states, pair by pair."""

from itertools import product

import pytest

from pushserver.errors import Conflict
from pushserver.model.state import (
    IN_FLIGHT,
    OVER,
    TERMINAL,
    TRANSITIONS,
    State,
    Turn,
    next_state,
)

#: The picture of the design, by hand: whatever is not here is refused.
TABLE = {
    (State.PENDING, Turn.HAND_OUT): State.SENT,
    (State.PENDING, Turn.EXPIRE): State.EXPIRED,
    (State.PENDING, Turn.CANCEL): State.CANCELED,
    (State.PENDING, Turn.GIVE_UP): State.TIMEOUT,
    (State.PENDING, Turn.SUCCEED): State.SUCCESSFUL,
    (State.PENDING, Turn.FAIL): State.FAILED,
    (State.SENT, Turn.WRITTEN): State.DELIVERED,
    (State.SENT, Turn.WITHDRAW): State.PENDING,
    (State.SENT, Turn.RETRY): State.PENDING,
    (State.SENT, Turn.GIVE_UP): State.TIMEOUT,
    (State.SENT, Turn.SUCCEED): State.SUCCESSFUL,
    (State.SENT, Turn.FAIL): State.FAILED,
    (State.DELIVERED, Turn.RETRY): State.PENDING,
    (State.DELIVERED, Turn.GIVE_UP): State.TIMEOUT,
    (State.DELIVERED, Turn.SUCCEED): State.SUCCESSFUL,
    (State.DELIVERED, Turn.FAIL): State.FAILED,
    (State.TIMEOUT, Turn.SUCCEED): State.SUCCESSFUL,
    (State.TIMEOUT, Turn.FAIL): State.FAILED,
}
ALL = list(product(State, Turn))


@pytest.mark.parametrize(("state", "turn"), [p for p in ALL if p in TABLE])
def test_allowed(state: State, turn: Turn) -> None:
    """An turn that the table has leads where the table says."""
    assert TABLE[state, turn] == next_state(state, turn)


@pytest.mark.parametrize(("state", "turn"), [p for p in ALL if p not in TABLE])
def test_refused(state: State, turn: Turn) -> None:
    """An turn that the table does not have is a conflict that names both."""
    with pytest.raises(Conflict, match=rf"{state}.*{turn}"):
        next_state(state, turn)


def test_every_event_has_a_row() -> None:
    """No turn is forgotten in the table."""
    assert set(Turn) == set(TRANSITIONS)


def test_groups() -> None:
    """Only TIMEOUT is over and may still be mended."""
    ended = {State.SUCCESSFUL, State.FAILED, State.EXPIRED, State.CANCELED}

    assert ended == TERMINAL
    assert ended | {State.TIMEOUT} == OVER
    assert {State.SENT, State.DELIVERED} == IN_FLIGHT
