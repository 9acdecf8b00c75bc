"""How a service of a device follows the commands that write and read it.

`Changes.move` calls `follow`, so what the shadow says is written, and told, in the very
transaction that moves the command.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from pushserver.model.event import EventType, ShadowTold
from pushserver.model.shadow import Service, Written
from pushserver.model.state import State, Turn

if TYPE_CHECKING:
    from pushserver.model.changes import Changes
    from pushserver.model.command import Command

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

#: Why a write came to nothing that the device said nothing of.
_REASONS: Mapping[Turn, str] = MappingProxyType(
    {
        Turn.GIVE_UP: "No answer.",
        Turn.EXPIRE: "It expired.",
        Turn.CANCEL: "Canceled.",
    }
)
_BACK = (Turn.RETRY, Turn.WITHDRAW)


def follow(
    service: Service,
    command: "Command",
    before: State,
    turn: Turn,
    at: int,
    changes: "Changes",
) -> None:
    """Let the service know that a command of its moved from *before*."""
    if command.id == service.command_id:
        _follow_write(service, command, before, turn, at, changes)
    elif command.id == service.read_id and turn is Turn.SUCCEED:
        _take_reading(service, command, at, changes)


def _follow_write(
    service: Service,
    command: "Command",
    before: State,
    turn: Turn,
    at: int,
    changes: "Changes",
) -> None:
    if turn is Turn.SUCCEED:
        _deliver(service, at)
        _tell(service, at, changes)
    elif turn is Turn.FAIL or turn in _REASONS:
        _fail(service, command, turn, at, changes)
        if before is not State.TIMEOUT:
            _tell(service, at, changes)
    elif turn not in _BACK:
        return
    service.due = service.has_moved and not service.planned
    changes.track_service(service)


def _deliver(service: Service, at: int) -> None:
    service.reported = {**service.reported, **service.carried}
    service.reported_at, service.verified = at, False
    service.outcome, service.error = Written.DELIVERED, None


def _fail(
    service: Service, command: "Command", turn: Turn, at: int, changes: "Changes"
) -> None:
    """Note a failure; an earlier hand-out, or one without answer, may have worked."""
    said = changes.said.get(command.id)
    service.outcome = Written.FAILED
    service.error = said.error if said else _encode(_REASONS.get(turn, "It failed."))
    service.lapsed = turn is Turn.EXPIRE
    if turn is Turn.GIVE_UP or command.attempts > 1:
        service.doubt(at)


def _tell(service: Service, at: int, changes: "Changes") -> None:
    assert service.command_id is not None  # noqa: S101 - it is what has just ended
    told = ShadowTold(
        service_id=service.service_id,
        properties=msgspec.Raw(_encode(service.sent)),
        delivered=service.outcome is Written.DELIVERED,
        version=service.sent_version,
        command_id=service.command_id,
        error=None if service.error is None else _plain(service.error),
    )
    kind = EventType.SHADOW_STATUS
    changes.tell(service.scope_id, kind, at, told, service.device_id)


def _plain(error: bytes) -> str:
    """Return an error for people: what a JSON string holds, else the JSON itself."""
    value = _decode(error) if error[:1] == b'"' else None
    return value if isinstance(value, str) else error.decode()


def _take_reading(
    service: Service, command: "Command", at: int, changes: "Changes"
) -> None:
    """Learn what the device has, unless something newer is known of it."""
    said = changes.said.get(command.id)
    if said is None or said.reported is None:
        return
    if (service.reported_at or 0) > (command.sent_at or 0):
        return
    kept = {k: v for k, v in service.reported.items() if k not in service.asked}
    service.reported = {**kept, **said.reported}
    service.reported_at, service.verified = at, True
    changes.track_service(service)
