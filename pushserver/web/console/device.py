"""One device: facts, queue, and what happened with its commands."""

from collections.abc import Sequence

from aiohttp import web

from pushserver.model.state import FINISHED, LIVE, CommandState
from pushserver.model.token import Permission
from pushserver.storage.history import CommandFilter, CommandRecord
from pushserver.web.console.device_address import DeviceAddress
from pushserver.web.console.device_course import device_moments
from pushserver.web.console.device_rows import device_rows
from pushserver.web.console.device_shadow import shadow_rows
from pushserver.web.console.device_strip import device_strip
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.timeline import in_order, timeline
from pushserver.web.request import device_base

pages = Pages()
#: How many commands of the queue, and of those that are over, are shown.
SHOWN = 25


@pages.page("/devices/{device_id}", Permission.DEVICES_READ)
async def show_device(call: SignedInCall) -> web.StreamResponse:
    """Show a device."""
    services, device_id = call.services, call.path_device().device_id
    device = services.devices.get(call.scope_id, device_id)
    (row,) = await device_rows(services, [device], call.scope_id)
    queue = sorted(
        await _commands(call, device_id, LIVE),
        key=lambda record: record.command.queue_key,
    )
    recent = await _commands(call, device_id, FINISHED)
    unknown = await services.unknown_requests.list_newest(call.scope_id, device_id)
    moments = [each async for each in device_moments(call, device, unknown)]
    happened = in_order([*timeline([*queue, *recent]), *moments])
    protocol = services.protocols.of_device(device_id)
    return await call.render(
        "device.html",
        row=row,
        device=device,
        queue=queue,
        recent=recent,
        timeline=happened,
        strip=device_strip(device, happened, services.clock.now()),
        unknown_requests=unknown,
        shadow=await shadow_rows(call, device_id),
        address=DeviceAddress.of(protocol, device_base(call.request)),
    )


async def _commands(
    call: SignedInCall, device_id: int, states: frozenset[CommandState]
) -> Sequence[CommandRecord]:
    """Return the newest of a device's commands, if whoever looks may read them."""
    if not call.may(Permission.COMMANDS_READ):
        return ()
    return await call.services.store.commands(
        call.scope_id,
        CommandFilter(states=states, device_id=device_id),
        before=None,
        limit=SHOWN,
        include_bodies=False,
        include_results=False,
    )


@pages.form("/devices/{device_id}/withdraw", Permission.COMMANDS_WRITE)
async def withdraw_all(call: SignedInCall) -> web.StreamResponse:
    """Take back all that waits for a device, or is with it."""
    identity = call.path_device()
    await call.services.withdrawals.withdraw_matching(
        call.scope_id,
        CommandFilter(device_id=identity.device_id),
        is_dry_run=False,
        actor=call.actor,
    )
    return call.see_other(call.back("/devices"), "withdrawn_all")
