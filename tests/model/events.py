"""What decisions tell: where it is noted, and how it is read."""

from collections.abc import Iterable

import msgspec

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import CommandTold, Event, EventType
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.turns import answered
from tests.clock import START
from tests.model.values import new_id, result, said

EVERYTHING = {FIRST_SCOPE: frozenset(EventType)}
LATER = START + 7 * SECOND


def changes(interest: dict[int, frozenset[EventType]] = EVERYTHING) -> Changes:
    """Return where decisions note what they do."""
    return Changes(new_id, interest)


def commands_of(events: Iterable[Event]) -> list[CommandTold]:
    """Return what events of commands tell."""
    decode = msgspec.json.Decoder(CommandTold).decode
    return [decode(e.data) for e in events if e.type is EventType.COMMAND_STATUS]


def answer(
    lane: Lane, of: Command, noted: Changes, at: int, *, failed: bool = False
) -> None:
    """Let the result of a command that was handed out arrive."""
    handed = noted.handed_out[-1]
    came = result(command_id=of.id, delivery_id=handed.id, received_at=at)
    noted.keep(came)
    answered(lane, of, handed, noted, result=came, reading=said(failed))
