"""The table of states, pair by pair."""

from itertools import product

import pytest

from pushserver.errors import Conflict
from pushserver.model.state import (
    IN_FLIGHT,
    OVER,
    TERMINAL,
    TRANSITIONS,
    Event,
    State,
    next_state,
)

#: The picture of the design, by hand: whatever is not here is refused.
TABLE = {
    (State.PENDING, Event.HAND_OUT): State.SENT,
    (State.PENDING, Event.EXPIRE): State.EXPIRED,
    (State.PENDING, Event.CANCEL): State.CANCELED,
    (State.PENDING, Event.GIVE_UP): State.TIMEOUT,
    (State.PENDING, Event.SUCCEED): State.SUCCESSFUL,
    (State.PENDING, Event.FAIL): State.FAILED,
    (State.SENT, Event.WRITTEN): State.DELIVERED,
    (State.SENT, Event.WITHDRAW): State.PENDING,
    (State.SENT, Event.RETRY): State.PENDING,
    (State.SENT, Event.GIVE_UP): State.TIMEOUT,
    (State.SENT, Event.SUCCEED): State.SUCCESSFUL,
    (State.SENT, Event.FAIL): State.FAILED,
    (State.DELIVERED, Event.RETRY): State.PENDING,
    (State.DELIVERED, Event.GIVE_UP): State.TIMEOUT,
    (State.DELIVERED, Event.SUCCEED): State.SUCCESSFUL,
    (State.DELIVERED, Event.FAIL): State.FAILED,
    (State.TIMEOUT, Event.SUCCEED): State.SUCCESSFUL,
    (State.TIMEOUT, Event.FAIL): State.FAILED,
}
ALL = list(product(State, Event))


@pytest.mark.parametrize(("state", "event"), [p for p in ALL if p in TABLE])
def test_allowed(state: State, event: Event) -> None:
    """An event that the table has leads where the table says."""
    assert TABLE[state, event] == next_state(state, event)


@pytest.mark.parametrize(("state", "event"), [p for p in ALL if p not in TABLE])
def test_refused(state: State, event: Event) -> None:
    """An event that the table does not have is a conflict that names both."""
    with pytest.raises(Conflict, match=rf"{state}.*{event}"):
        next_state(state, event)


def test_every_event_has_a_row() -> None:
    """No event is forgotten in the table."""
    assert set(Event) == set(TRANSITIONS)


def test_groups() -> None:
    """Only TIMEOUT is over and may still be mended."""
    ended = {State.SUCCESSFUL, State.FAILED, State.EXPIRED, State.CANCELED}

    assert ended == TERMINAL
    assert ended | {State.TIMEOUT} == OVER
    assert {State.SENT, State.DELIVERED} == IN_FLIGHT
