"""Sample events, which test the receiver of a platform's format.

A platform's own receiver knows its platform's messages alone. So a ping in such a
format is a message like every other one, about nothing: its ids are zeros.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from pushserver.model.event import Event, EventType, new_event
from pushserver.model.event_payload import (
    CommandPayload,
    EventPayload,
    ShadowPayload,
    UpgradeResultPayload,
    UpgradeStatePayload,
)
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import CommandState
from pushserver.model.upgrade import DeviceUpgradeState

#: No event, command, task or operation has this id.
SAMPLE_ID = 0
#: A device may be called 0. None is written with zeros before its number.
SAMPLE_DEVICE_ID = "0" * 18
#: What the sample's command was answered: an empty object.
SAMPLE_RESULT = ParsedResult(response=b"{}")
_SAMPLE_SCOPE_ID = 0
_NAME = "ping"
_VERSION = "0"


def sample_event(event_type: EventType, at: int) -> Event:
    """Return a sample of what platforms are told, with every field that it can have."""
    payload = _PAYLOADS[event_type](at)
    return new_event(SAMPLE_ID, _SAMPLE_SCOPE_ID, event_type, at, payload)


def _command(at: int) -> CommandPayload:
    return CommandPayload(
        command_id=SAMPLE_ID,
        sequence=1,
        state=CommandState.SUCCESSFUL,
        endpoint=_NAME,
        created_at=at,
        sent_at=at,
        delivered_at=at,
        finished_at=at,
    )


def _shadow(_at: int) -> ShadowPayload:
    return ShadowPayload(
        service_id=_NAME,
        properties=msgspec.Raw(b"{}"),
        delivered=True,
        version=0,
        command_id=SAMPLE_ID,
    )


def _upgrade_state(_at: int) -> UpgradeStatePayload:
    return UpgradeStatePayload(
        task_id=SAMPLE_ID, operation_id=SAMPLE_ID, state=DeviceUpgradeState.IDLE
    )


def _upgrade_result(_at: int) -> UpgradeResultPayload:
    return UpgradeResultPayload(
        task_id=SAMPLE_ID,
        operation_id=SAMPLE_ID,
        success=True,
        target_version=_VERSION,
        source_version=_VERSION,
        current_version=_VERSION,
    )


_PAYLOADS: Mapping[EventType, Callable[[int], EventPayload]] = MappingProxyType(
    {
        EventType.COMMAND_STATUS: _command,
        EventType.SHADOW_STATUS: _shadow,
        EventType.UPGRADE_STATE: _upgrade_state,
        EventType.UPGRADE_RESULT: _upgrade_result,
    }
)
