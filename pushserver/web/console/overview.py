"""The first page: how the fleet stands, and what needs a person."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from pushserver.model.device_filter import DeviceFilter
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.token import Permission
from pushserver.web.console.needs import (
    MAX_COUNTED,
    DeviceCounts,
    find_needs,
    recent_commands,
)
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.plots import HEIGHT, WIDTH, latency_plots

pages = Pages()


@pages.page("", None, limits_itself=True, shared=True)
async def show_overview(call: SignedInCall) -> web.StreamResponse:
    """Show how devices and commands stand."""
    devices, oldest = DeviceCounts(), None
    commands: Mapping[CommandState, int] = {}
    if call.may(Permission.DEVICES_READ):
        devices = await _count_devices(call)
    if call.may(Permission.COMMANDS_READ):
        commands = await _count_commands(call)
        oldest = await _oldest_pending(call)
    return await call.render(
        "overview.html",
        devices=devices.by_state,
        commands=commands,
        oldest=oldest,
        needs=[each async for each in find_needs(call, devices, commands)],
        max_counted=MAX_COUNTED,
        plots=await latency_plots(call),
        plot_size=(WIDTH, HEIGHT),
        refused=_refused(call),
    )


def _refused(call: SignedInCall) -> Sequence[tuple[str, int]]:
    """Return how many polls this server refused since its start, by reason."""
    if call.scope_id != DEFAULT_SCOPE_ID or not call.may(Permission.METRICS_READ):
        return ()
    counts, prefix = call.services.counts, "refused."
    return sorted(
        (name.removeprefix(prefix), count)
        for name, count in counts.items()
        if name.startswith(prefix) and count
    )


async def _count_devices(call: SignedInCall) -> DeviceCounts:
    services, counts = call.services, DeviceCounts()
    now, rule, holds = services.clock.now(), services.online_rule, services.holds
    criteria = call.narrow(DeviceFilter())
    async with services.device_list.busy_ids(call.scope_id) as busy_ids:
        async for device in services.devices.iter_matching(call.scope_id, criteria):
            if device.shut_out_address is not None:
                counts.add("conflicts", device)
            if not device.is_adopted:
                counts.add("quarantined", device)
                continue
            is_busy = device.device_id in busy_ids
            is_held = holds.find_waiting(device.device_id) is not None
            state = rule.state_of(device, now, is_busy=is_busy, is_held=is_held)
            counts.add(state, device)
    return counts


async def _count_commands(call: SignedInCall) -> Mapping[CommandState, int]:
    """Count the commands of the last day by state; live ones of all times."""
    counts = {}
    for state in CommandState:
        criteria = await recent_commands(call, state)
        counts[state] = await call.services.store.count_commands(
            call.scope_id, criteria, up_to=MAX_COUNTED
        )
    return counts


async def _oldest_pending(call: SignedInCall) -> object:
    store = call.services.store
    found = await store.oldest_command(
        call.scope_id, CommandState.PENDING, await call.reach
    )
    record = None
    if found is not None:
        record = await store.find_command(call.scope_id, found)
    return None if record is None else record.command
