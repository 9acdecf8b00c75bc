"""Events that the tests of bodies start from."""

from typing import Any

import msgspec

from pushserver.model.event import CommandTold, Event, EventType
from pushserver.model.state import State
from tests.clock import START
from tests.model.values import DEVICE

#: Ids beyond 2^53, which a program that reads numbers as doubles would spoil.
EVENT = 265_000_000_000_000_001
COMMAND = 265_000_000_000_000_003
OPERATION = 265_000_000_000_000_005


def event(kind: EventType, told: msgspec.Struct, **given: Any) -> Event:
    """Return an event that *told* is known of."""
    usual: dict[str, Any] = {
        "id": EVENT,
        "scope_id": 1,
        "at": START + 1_500,
        "device_id": DEVICE,
    }
    return Event(type=kind, data=msgspec.json.encode(told), **{**usual, **given})


def status(state: State, *, at: int = START + 1_500, **given: Any) -> Event:
    """Return the event of a command that has come to *state*."""
    usual: dict[str, Any] = {
        "command_id": COMMAND,
        "sequence": 4,
        "endpoint": "load_objects",
        "created_at": START,
    }
    told = CommandTold(state=state, **{**usual, **given})
    return event(EventType.COMMAND_STATUS, told, at=at)
