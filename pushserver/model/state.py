"""The command's states: one table, and nothing else moves a command."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pushserver.errors import Conflict


class State(enum.StrEnum):
    """Where a command stands."""

    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class Turn(enum.StrEnum):
    """What moves a command."""

    HAND_OUT = "handOut"  # its device polled and is given it
    WRITTEN = "written"  # the answer's last byte was written
    WITHDRAW = "withdraw"  # the device was gone before a byte was written
    SUCCEED = "succeed"  # the device posted a response
    FAIL = "fail"  # the device posted an error
    RETRY = "retry"  # no answer, and it may be handed out again
    GIVE_UP = "giveUp"  # no answer, and it may not
    EXPIRE = "expire"  # never handed out, and too late now
    CANCEL = "cancel"  # never handed out, and not wanted any more


class Transition(NamedTuple):
    """From where a turn leads, and to where."""

    sources: frozenset[State]
    target: State


def _from(*sources: State, to: State) -> Transition:
    return Transition(frozenset(sources), to)


_OPEN = (State.PENDING, State.SENT, State.DELIVERED, State.TIMEOUT)

TRANSITIONS: Mapping[Turn, Transition] = MappingProxyType(
    {
        Turn.HAND_OUT: _from(State.PENDING, to=State.SENT),
        Turn.WRITTEN: _from(State.SENT, to=State.DELIVERED),
        Turn.WITHDRAW: _from(State.SENT, to=State.PENDING),
        Turn.SUCCEED: _from(*_OPEN, to=State.SUCCESSFUL),
        Turn.FAIL: _from(*_OPEN, to=State.FAILED),
        Turn.RETRY: _from(State.SENT, State.DELIVERED, to=State.PENDING),
        Turn.GIVE_UP: _from(
            State.PENDING, State.SENT, State.DELIVERED, to=State.TIMEOUT
        ),
        Turn.EXPIRE: _from(State.PENDING, to=State.EXPIRED),
        Turn.CANCEL: _from(State.PENDING, to=State.CANCELED),
    }
)

#: States that nothing leads out of; derived, so it cannot disagree with the table.
TERMINAL = frozenset(State) - frozenset().union(
    *(transition.sources for transition in TRANSITIONS.values())
)
#: States in which nothing more is done for a command, though TIMEOUT may be mended.
OVER = TERMINAL | {State.TIMEOUT}
#: States in which a command is with its device.
IN_FLIGHT = frozenset({State.SENT, State.DELIVERED})


def next_state(state: State, turn: Turn) -> State:
    """
    Return where *turn* leads from *state*.

    Raises:
        Conflict: the table has no such transition.
    """
    transition = TRANSITIONS[turn]
    if state not in transition.sources:
        raise Conflict(f"A command that is {state} cannot take the turn {turn}.")
    return transition.target
