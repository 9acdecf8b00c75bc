"""What happened with commands, in the order of time."""

from collections.abc import Iterable, Iterator, Sequence

import attrs

from pushserver.model.command import Command, DeliveryOutcome
from pushserver.storage.history import CommandRecord

#: How many moments are shown.
MAX_MOMENTS = 60


@attrs.frozen
class Moment:
    """
    Something that happened with a command, or else with a device.

    `what` names its text and its look; `about` is who did it, or what was sent.
    """

    at: int
    what: str
    command: Command | None = None
    about: str = ""


def timeline(records: Iterable[CommandRecord]) -> Sequence[Moment]:
    """Return what happened with these commands, newest first."""
    return in_order(moment for record in records for moment in _moments(record))


def in_order(moments: Iterable[Moment]) -> Sequence[Moment]:
    """Return the newest moments, newest first."""
    return sorted(moments, key=lambda each: -each.at)[:MAX_MOMENTS]


def _moments(record: CommandRecord) -> Iterator[Moment]:
    command = record.command
    yield Moment(command.created_at, "created", command)
    for delivery in record.deliveries:
        yield Moment(delivery.sent_at, "handed_out", command)
        is_lost = delivery.outcome is DeliveryOutcome.NO_ANSWER
        if is_lost and delivery.ended_at is not None:
            yield Moment(delivery.ended_at, "no_answer", command)
    if command.finished_at is not None:
        yield Moment(command.finished_at, f"{command.state.lower()}", command)
