"""The state machine of commands: one table, and the only one."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class CommandState(enum.StrEnum):
    """The state of a command."""

    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class CommandEvent(enum.StrEnum):
    """An event that moves a command to another state."""

    HAND_OUT = "handOut"  # the device polled and is handed it
    WRITTEN = "written"  # the answer's last byte was written
    REVERT_HAND_OUT = "revert"  # the device was gone before a byte was written
    SUCCEED = "succeed"  # the device posted a response
    FAIL = "fail"  # the device posted an error, or a response that says no
    RETRY = "retry"  # no answer; it may be handed out again
    GIVE_UP = "giveUp"  # no answer, or an unreadable one; it may not
    EXPIRE = "expire"  # expired without being handed out
    CANCEL = "cancel"  # canceled without being handed out


class TransitionRule(NamedTuple):
    """The states in which an event may happen, and the state that follows."""

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

#: States without transitions; derived, so it cannot disagree with the table.
TERMINAL = frozenset(CommandState) - frozenset().union(
    *(transition.sources for transition in TRANSITIONS.values())
)
#: States in which a command has ended, although a late result may still end TIMEOUT.
FINISHED = TERMINAL | {CommandState.TIMEOUT}
#: States of commands in a lane: waiting, or with the device.
LIVE = frozenset(CommandState) - FINISHED
#: States in which a command is with its device.
IN_FLIGHT = frozenset({CommandState.SENT, CommandState.DELIVERED})
