"""Events that the tests of bodies start from."""

from typing import Any

import msgspec

from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import CommandPayload
from pushserver.model.state import CommandState
from tests.clock import START
from tests.model.factories import DEVICE

#: Ids beyond 2^53, which a program that reads numbers as doubles would spoil.
EVENT = 265_000_000_000_000_001
COMMAND = 265_000_000_000_000_003
OPERATION = 265_000_000_000_000_005


def event(kind: EventType, payload: msgspec.Struct, **overrides: Any) -> Event:
    """Return an event with *payload*."""
    defaults: dict[str, Any] = {
        "id": EVENT,
        "scope_id": 1,
        "at": START + 1_500,
        "device_id": DEVICE,
    }
    return Event(
        type=kind, data=msgspec.json.encode(payload), **{**defaults, **overrides}
    )


def command_event(
    state: CommandState, *, at: int = START + 1_500, **overrides: Any
) -> Event:
    """Return the event of a command that has reached *state*."""
    defaults: dict[str, Any] = {
        "command_id": COMMAND,
        "sequence": 4,
        "endpoint": "load_objects",
        "created_at": START,
    }
    payload = CommandPayload(state=state, **{**defaults, **overrides})
    return event(EventType.COMMAND_STATUS, payload, at=at)
