"""The first page: how the fleet stands, and what needs a person."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import attrs
from aiohttp import web

from pushserver.clock import SECOND
from pushserver.model.device_filter import DeviceFilter
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.subscription import SubscriptionHealth
from pushserver.model.task import TaskState
from pushserver.model.token import Permission
from pushserver.services.token_reach import reaches_subscription
from pushserver.storage.history import CommandFilter
from pushserver.storage.tasks import TaskFilter
from pushserver.web.api.reach import own_tasks
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.plots import HEIGHT, WIDTH, latency_plots

pages = Pages()
#: Further than this is not counted: the page says that there are more.
MAX_COUNTED = 10_000
_DAY = 86_400 * SECOND


@attrs.frozen
class Need:
    """Something that a person should look at; `path` leads to where it is done."""

    what: str
    count: int
    path: str


@pages.page("", None, limits_itself=True)
async def show_overview(call: SignedInCall) -> web.StreamResponse:
    """Show how devices and commands stand."""
    devices, oldest = Counter[str](), None
    commands: Mapping[CommandState, int] = {}
    if call.may(Permission.DEVICES_READ):
        devices = await _count_devices(call)
    if call.may(Permission.COMMANDS_READ):
        commands = await _count_commands(call)
        oldest = await _oldest_pending(call)
    needs = [need async for need in _needs(call, devices, commands) if need.count]
    return call.render(
        "overview.html",
        devices=devices,
        commands=commands,
        oldest=oldest,
        needs=needs,
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


async def _count_devices(call: SignedInCall) -> Counter[str]:
    services, counts = call.services, Counter[str]()
    now, rule, holds = services.clock.now(), services.online_rule, services.holds
    busy_ids = await services.store.devices_in_flight(call.scope_id)
    criteria = DeviceFilter(among=await call.reach)
    async for device in services.devices.iter_matching(call.scope_id, criteria):
        counts["conflicts"] += device.shut_out_address is not None
        if not device.is_adopted:
            counts["quarantined"] += 1
            continue
        is_busy = device.device_id in busy_ids
        is_held = holds.find_waiting(device.device_id) is not None
        state = rule.state_of(device, now, is_busy=is_busy, is_held=is_held)
        counts[state] += 1
    return counts


async def _count_commands(call: SignedInCall) -> Mapping[CommandState, int]:
    """Count the commands of the last day by state; live ones of all times."""
    counts = {}
    since = call.services.clock.now() - _DAY
    for state in CommandState:
        is_live = state in (
            CommandState.PENDING,
            CommandState.SENT,
            CommandState.DELIVERED,
        )
        criteria = CommandFilter(
            states=frozenset({state}),
            device_ids=await call.reach,
            created_after=None if is_live else since,
        )
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


async def _needs(
    call: SignedInCall, devices: Counter[str], commands: Mapping[CommandState, int]
) -> AsyncIterator[Need]:
    yield Need("quarantined", devices["quarantined"], "/devices?q=state:quarantined")
    yield Need("conflicts", devices["conflicts"], "/devices")
    yield Need("offline", devices["offline"], "/devices?q=online:no")
    timeouts = commands.get(CommandState.TIMEOUT, 0)
    yield Need("timeouts", timeouts, "/commands?state=TIMEOUT")
    failed = commands.get(CommandState.FAILED, 0)
    yield Need("failed", failed, "/commands?state=FAILED")
    if call.may(Permission.COMMANDS_READ):
        criteria = CommandFilter(held=True, device_ids=await call.reach)
        held = await call.services.store.count_commands(
            call.scope_id, criteria, up_to=MAX_COUNTED
        )
        yield Need("held", held, "/commands?held=yes")
    if call.may(Permission.OPERATIONS_READ):
        yield Need("paused_tasks", await _count_paused_tasks(call), "/tasks")
    if call.may(Permission.SUBSCRIPTIONS_READ):
        yield Need("stopped_webhooks", _count_stopped(call), "/subscriptions")


async def _count_paused_tasks(call: SignedInCall) -> int:
    paused = own_tasks(call.token, TaskFilter(states=frozenset({TaskState.PAUSED})))
    if paused is None:
        return 0
    tasks = call.services.store.tasks.tasks
    return len(await tasks(call.scope_id, paused, before=None, limit=100))


def _count_stopped(call: SignedInCall) -> int:
    in_scope = call.services.subscription_registry.in_scope(call.scope_id)
    return sum(
        each.health is not SubscriptionHealth.ACTIVE
        for each in in_scope
        if reaches_subscription(call.token, each)
    )
