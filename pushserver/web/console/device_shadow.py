"""A device's shadow on its page: what is desired beside what is reported."""

from collections.abc import AsyncIterator, Sequence

import attrs
from aiohttp import web

from pushserver.errors import Invalid
from pushserver.model.merge_patch import check_merge_patch
from pushserver.model.shadow import PropertyValue, SyncStatus
from pushserver.model.token import Permission
from pushserver.services.adoption import get_or_adopt_device
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages

pages = Pages()


@attrs.frozen
class ShadowRow:
    """A property of a service; `status` is the service's."""

    service: str
    name: str
    desired: PropertyValue | None
    reported: str | None
    differs: bool
    status: SyncStatus


async def shadow_rows(call: SignedInCall, device_id: int) -> Sequence[ShadowRow]:
    """Return the properties of a device, if whoever looks may read them."""
    if not call.may(Permission.COMMANDS_READ):
        return ()
    return [row async for row in _rows(call, device_id)]


async def _rows(call: SignedInCall, device_id: int) -> AsyncIterator[ShadowRow]:
    to_text = call.services.protocols.of_device(device_id).format_value
    for service in await call.services.shadows.get(call.scope_id, device_id):
        status, delta = service.sync_status(to_text), service.delta(to_text)
        for name in sorted(service.property_names):
            yield ShadowRow(
                service.service_id,
                name,
                service.desired.get(name),
                service.reported.get(name),
                name in delta,
                status,
            )


@pages.form("/devices/{device_id}/shadow", Permission.COMMANDS_WRITE)
async def set_desired(call: SignedInCall) -> web.StreamResponse:
    """Set a desired property of a device, or desire it no longer."""
    service, name = call.form.get("service", ""), call.form.get("name", "")
    if not service or not name:
        raise Invalid("Name a service and a property.")
    services, protocol = call.services, call.path_device().protocol
    value = None if "remove" in call.form else call.form.get("value", "")
    patch = check_merge_patch(
        {service: {name: value}},
        services.protocols.named(protocol).format_value,
    )
    device_id = await _own_device(call)
    await services.shadows.patch(call.scope_id, device_id, patch, actor=call.actor)
    return call.see_other(call.back("/devices"), "desired")


@pages.form("/devices/{device_id}/shadow/refresh", Permission.COMMANDS_WRITE)
async def refresh(call: SignedInCall) -> web.StreamResponse:
    """Ask a device for all known properties."""
    device_id = await _own_device(call)
    await call.services.shadows.queue_reads(
        call.scope_id, device_id, {}, lambda _commands: b"", actor=call.actor
    )
    return call.see_other(call.back("/devices"), "refreshed")


async def _own_device(call: SignedInCall) -> int:
    """Return the path's device, which the scope has adopted, or adopts by this."""
    services, identity = call.services, call.path_device()
    device = await get_or_adopt_device(
        services.fleet, services.cluster_sync, call.token, identity, call.actor
    )
    return device.device_id
