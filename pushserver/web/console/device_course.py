"""What happened with a device, besides its commands."""

from collections.abc import AsyncIterator, Iterable

from pushserver.model.audit import AuditAction
from pushserver.model.device import Device
from pushserver.model.token import Permission
from pushserver.model.unknown_request import UnknownRequest
from pushserver.storage.audit import AuditFilter
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.timeline import Moment

#: How many acts are looked at.
_MAX_ACTS = 100
_ACTS = {
    AuditAction.DEVICE_ADOPT: "adopted",
    AuditAction.DEVICE_CHANGE: "changed",
    AuditAction.DEVICE_KEY: "key",
    AuditAction.SHADOW_CHANGE: "desired",
}


async def device_moments(
    call: SignedInCall, device: Device, unknown: Iterable[UnknownRequest]
) -> AsyncIterator[Moment]:
    """Yield what happened with a device, as far as whoever looks may know."""
    for request in unknown:
        about = f"{request.method} {request.path}"
        yield Moment(request.at, "unknown_request", about=about)
    if device.identity_conflict_at is not None:
        about = device.shut_out_address or ""
        yield Moment(device.identity_conflict_at, "conflict", about=about)
    if call.may(Permission.ADMIN):
        criteria = AuditFilter(device_id=device.device_id)
        acts = await call.services.store.audit.newest_entries(
            call.scope_id, criteria, limit=_MAX_ACTS
        )
        for act in acts:
            if act.action in _ACTS:
                yield Moment(act.at, _ACTS[act.action], about=act.actor.name or "")
