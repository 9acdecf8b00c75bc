"""Who adopted a device, and what the audit says of its settings."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry, Detail, device_entry
from pushserver.model.device import DeviceState


def adoption(device_id: int, new: Collection[int], actor: Actor) -> Mapping[str, Any]:
    """Return the settings of an adopted device; only *new* ones get their adopter."""
    adopted_by = {"adopted_by": actor} if device_id in new else {}
    return {"state": DeviceState.ADOPTED, **adopted_by}


def adoption_entry(
    scope_id: int,
    actor: Actor,
    device_id: int,
    settings: Iterable[str],
    new: Collection[int],
) -> AuditEntry:
    """Return the entry of a device that is adopted, or was before and is changed."""
    if device_id not in new:
        return change_entry(scope_id, actor, device_id, settings)
    action, detail = AuditAction.DEVICE_ADOPT, _fields(settings)
    return device_entry(scope_id, actor, action, device_id, detail)


def change_entry(
    scope_id: int, actor: Actor, device_id: int, settings: Iterable[str]
) -> AuditEntry:
    """Return the entry of a device whose *settings* are changed."""
    action, detail = AuditAction.DEVICE_CHANGE, _fields(settings)
    return device_entry(scope_id, actor, action, device_id, detail)


def _fields(settings: Iterable[str]) -> Detail | None:
    names = " ".join(sorted(settings))
    return {"fields": names} if names else None
