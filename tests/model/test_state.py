"""The table of states, pair by pair."""

from itertools import product

import pytest

from pushserver.errors import Conflict
from pushserver.model.changes import Changes
from pushserver.model.command_events import apply_event
from pushserver.model.state import (
    FINISHED,
    IN_FLIGHT,
    TERMINAL,
    TRANSITIONS,
    CommandEvent,
    CommandState,
)
from tests.clock import START
from tests.model.factories import command, new_id

#: The picture of the design, by hand: whatever is not here is refused.
TABLE = {
    (CommandState.PENDING, CommandEvent.HAND_OUT): CommandState.SENT,
    (CommandState.PENDING, CommandEvent.EXPIRE): CommandState.EXPIRED,
    (CommandState.PENDING, CommandEvent.CANCEL): CommandState.CANCELED,
    (CommandState.PENDING, CommandEvent.GIVE_UP): CommandState.TIMEOUT,
    (CommandState.PENDING, CommandEvent.SUCCEED): CommandState.SUCCESSFUL,
    (CommandState.PENDING, CommandEvent.FAIL): CommandState.FAILED,
    (CommandState.SENT, CommandEvent.WRITTEN): CommandState.DELIVERED,
    (CommandState.SENT, CommandEvent.REVERT_HAND_OUT): CommandState.PENDING,
    (CommandState.SENT, CommandEvent.RETRY): CommandState.PENDING,
    (CommandState.SENT, CommandEvent.GIVE_UP): CommandState.TIMEOUT,
    (CommandState.SENT, CommandEvent.SUCCEED): CommandState.SUCCESSFUL,
    (CommandState.SENT, CommandEvent.FAIL): CommandState.FAILED,
    (CommandState.DELIVERED, CommandEvent.RETRY): CommandState.PENDING,
    (CommandState.DELIVERED, CommandEvent.GIVE_UP): CommandState.TIMEOUT,
    (CommandState.DELIVERED, CommandEvent.SUCCEED): CommandState.SUCCESSFUL,
    (CommandState.DELIVERED, CommandEvent.FAIL): CommandState.FAILED,
    (CommandState.TIMEOUT, CommandEvent.SUCCEED): CommandState.SUCCESSFUL,
    (CommandState.TIMEOUT, CommandEvent.FAIL): CommandState.FAILED,
}
ALL = list(product(CommandState, CommandEvent))


@pytest.mark.parametrize(("state", "turn"), [p for p in ALL if p in TABLE])
def test_allowed(state: CommandState, turn: CommandEvent) -> None:
    """An turn that the table has leads where the table says."""
    one = command(state=state)
    apply_event(one, turn, START, Changes(new_id, START))

    assert TABLE[state, turn] == one.state


@pytest.mark.parametrize(("state", "turn"), [p for p in ALL if p not in TABLE])
def test_refused(state: CommandState, turn: CommandEvent) -> None:
    """An turn that the table does not have is a conflict that names both."""
    with pytest.raises(Conflict, match=rf"{state}.*{turn}"):
        apply_event(command(state=state), turn, START, Changes(new_id, START))


def test_every_event_has_a_row() -> None:
    """No turn is forgotten in the table."""
    assert set(CommandEvent) == set(TRANSITIONS)


def test_groups() -> None:
    """Only TIMEOUT has ended and may still be corrected."""
    ended = {
        CommandState.SUCCESSFUL,
        CommandState.FAILED,
        CommandState.EXPIRED,
        CommandState.CANCELED,
    }

    assert ended == TERMINAL
    assert ended | {CommandState.TIMEOUT} == FINISHED
    assert {CommandState.SENT, CommandState.DELIVERED} == IN_FLIGHT
