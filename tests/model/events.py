"""Record the events of decisions, and read them back."""

from collections.abc import Iterable

import msgspec

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import CommandPayload
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.transitions import apply_result
from tests.clock import START
from tests.model.factories import new_id, parsed_result, result

ALL_EVENTS = {DEFAULT_SCOPE_ID: frozenset(EventType)}
LATER = START + 7 * SECOND


def new_changes(interest: dict[int, frozenset[EventType]] = ALL_EVENTS) -> Changes:
    """Return changes in which decisions record what they do."""
    return Changes(new_id, START, interest)


def command_payloads(events: Iterable[Event]) -> list[CommandPayload]:
    """Return the payloads of command events."""
    decode = msgspec.json.Decoder(CommandPayload).decode
    return [decode(e.data or b"") for e in events if e.type is EventType.COMMAND_STATUS]


def post_result(
    lane: Lane,
    command: Command,
    changes_made: Changes,
    at: int,
    *,
    failed: bool = False,
) -> None:
    """Post the result of a command that was handed out."""
    delivery = changes_made.new_deliveries[-1]
    posted = result(command_id=command.id, delivery_id=delivery.id, received_at=at)
    changes_made.add_result(posted)
    apply_result(
        lane,
        command,
        delivery,
        changes_made,
        result=posted,
        parsed_result=parsed_result(failed),
    )
