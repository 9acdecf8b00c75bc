"""The command's states: one table, and nothing else moves a command."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pushserver.errors import Conflict


class CommandState(enum.StrEnum):
    """Where a command stands."""

    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class CommandEvent(enum.StrEnum):
    """What moves a command."""

    HAND_OUT = "handOut"  # its device polled and is given it
    WRITTEN = "written"  # the answer's last byte was written
    REVERT_HAND_OUT = "withdraw"  # the device was gone before a byte was written
    SUCCEED = "succeed"  # the device posted a response
    FAIL = "fail"  # the device posted an error
    RETRY = "retry"  # no answer, and it may be handed out again
    GIVE_UP = "giveUp"  # no answer, and it may not
    EXPIRE = "expire"  # never handed out, and too late now
    CANCEL = "cancel"  # never handed out, and not wanted any more


class TransitionRule(NamedTuple):
    """From where a turn leads, and to where."""

    sources: frozenset[CommandState]
    target: CommandState


def _rule(*sources: CommandState, to: CommandState) -> TransitionRule:
    return TransitionRule(frozenset(sources), to)


_ANSWERABLE = (
    CommandState.PENDING,
    CommandState.SENT,
    CommandState.DELIVERED,
    CommandState.TIMEOUT,
)

TRANSITIONS: Mapping[CommandEvent, TransitionRule] = MappingProxyType(
    {
        CommandEvent.HAND_OUT: _rule(CommandState.PENDING, to=CommandState.SENT),
        CommandEvent.WRITTEN: _rule(CommandState.SENT, to=CommandState.DELIVERED),
        CommandEvent.REVERT_HAND_OUT: _rule(CommandState.SENT, to=CommandState.PENDING),
        CommandEvent.SUCCEED: _rule(*_ANSWERABLE, to=CommandState.SUCCESSFUL),
        CommandEvent.FAIL: _rule(*_ANSWERABLE, to=CommandState.FAILED),
        CommandEvent.RETRY: _rule(
            CommandState.SENT, CommandState.DELIVERED, to=CommandState.PENDING
        ),
        CommandEvent.GIVE_UP: _rule(
            CommandState.PENDING,
            CommandState.SENT,
            CommandState.DELIVERED,
            to=CommandState.TIMEOUT,
        ),
        CommandEvent.EXPIRE: _rule(CommandState.PENDING, to=CommandState.EXPIRED),
        CommandEvent.CANCEL: _rule(CommandState.PENDING, to=CommandState.CANCELED),
    }
)

#: States that nothing leads out of; derived, so it cannot disagree with the table.
TERMINAL = frozenset(CommandState) - frozenset().union(
    *(transition.sources for transition in TRANSITIONS.values())
)
#: States in which nothing more is done for a command, though TIMEOUT may be mended.
FINISHED = TERMINAL | {CommandState.TIMEOUT}
#: States in which a command waits or is with its device: those of a lane.
LIVE = frozenset(CommandState) - FINISHED
#: States in which a command is with its device.
IN_FLIGHT = frozenset({CommandState.SENT, CommandState.DELIVERED})


def next_state(state: CommandState, command_event: CommandEvent) -> CommandState:
    """
    Return where *command_event* leads from *state*.

    Raises:
        Conflict: the table has no such transition.
    """
    transition = TRANSITIONS[command_event]
    if state not in transition.sources:
        raise Conflict(
            f"A command that is {state} cannot take the turn {command_event}."
        )
    return transition.target
