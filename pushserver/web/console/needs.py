"""What needs a person, and where they do something about it."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping

import attrs

from pushserver.clock import SECOND
from pushserver.model.device import Device
from pushserver.model.state import LIVE, CommandState
from pushserver.model.subscription import SubscriptionHealth
from pushserver.model.task import TaskState
from pushserver.model.token import Permission
from pushserver.services.token_reach import reaches_subscription
from pushserver.storage.history import CommandFilter
from pushserver.storage.tasks import TaskFilter
from pushserver.web.api.reach import own_tasks
from pushserver.web.console.page import SignedInCall

#: Further than this is not counted: the page says that there are more.
MAX_COUNTED = 10_000
_MAX_TASKS = 100
_DAY = 86_400 * SECOND


@attrs.frozen
class Need:
    """
    Something that a person should do, `count` times.

    `path` leads to where it is done: to the very thing if there is one alone.
    """

    what: str
    count: int
    path: str


@attrs.define
class DeviceCounts:
    """How many devices there are of each state, and one of each."""

    by_state: Counter[str] = attrs.Factory(Counter)
    _examples: dict[str, Device] = attrs.Factory(dict)

    def add(self, state: str, device: Device) -> None:
        """Count a device."""
        self.by_state[state] += 1
        self._examples[state] = device

    def need(self, call: SignedInCall, state: str, words: str) -> Need:
        """Return the need for somebody to look at these devices, found by *words*."""
        count, path = self.by_state[state], f"/devices?q={words}"
        if count == 1:
            device_id = self._examples[state].device_id
            path = f"/devices/{call.services.protocols.display_id(device_id)}"
        return Need(state, count, path)


async def recent_commands(call: SignedInCall, state: CommandState) -> CommandFilter:
    """Return the filter of commands of the last day; of all times if they are live."""
    since = None if state in LIVE else call.services.clock.now() - _DAY
    reach = await call.reach
    return CommandFilter(
        states=frozenset({state}), device_ids=reach, created_after=since
    )


async def find_needs(
    call: SignedInCall, devices: DeviceCounts, commands: Mapping[CommandState, int]
) -> AsyncIterator[Need]:
    """Yield what needs a person, as far as whoever looks may see it."""
    for state, words in (
        ("quarantined", "state:quarantined"),
        ("conflicts", "conflict:yes"),
        ("offline", "online:no"),
    ):
        if devices.by_state[state]:
            yield devices.need(call, state, words)
    for state, what in (
        (CommandState.TIMEOUT, "timeouts"),
        (CommandState.FAILED, "failed"),
    ):
        if count := commands.get(state, 0):
            criteria = await recent_commands(call, state)
            path = await _commands_path(call, criteria, count, f"state={state}")
            yield Need(what, count, path)
    for find in (_held, _paused_tasks, _stopped_webhooks):
        need = await find(call)
        if need.count:
            yield need


async def _commands_path(
    call: SignedInCall, criteria: CommandFilter, count: int, query: str
) -> str:
    """Return where these commands are, or the one alone."""
    if count == 1:
        found = await call.services.store.commands(
            call.scope_id, criteria, before=None, limit=1, include_bodies=False
        )
        if found:
            return f"/commands/{found[0].command.id}"
    return f"/commands?{query}"


async def _held(call: SignedInCall) -> Need:
    count, criteria = 0, CommandFilter(held=True, device_ids=await call.reach)
    if call.may(Permission.COMMANDS_READ):
        count = await call.services.store.count_commands(
            call.scope_id, criteria, up_to=MAX_COUNTED
        )
    path = await _commands_path(call, criteria, count, "held=yes")
    return Need("held", count, path)


async def _paused_tasks(call: SignedInCall) -> Need:
    paused = own_tasks(call.token, TaskFilter(states=frozenset({TaskState.PAUSED})))
    if paused is None or not call.may(Permission.OPERATIONS_READ):
        return Need("paused_tasks", 0, "")
    tasks = call.services.store.tasks.tasks
    found = await tasks(call.scope_id, paused, before=None, limit=_MAX_TASKS)
    is_one = len(found) == 1
    path = f"/tasks/{found[0].id}" if is_one else f"/tasks?state={TaskState.PAUSED}"
    return Need("paused_tasks", len(found), path)


async def _stopped_webhooks(call: SignedInCall) -> Need:
    stopped = [
        each
        for each in call.services.subscription_registry.in_scope(call.scope_id)
        if each.health is not SubscriptionHealth.ACTIVE
        and reaches_subscription(call.token, each)
    ]
    may_see = call.may(Permission.SUBSCRIPTIONS_READ)
    path = f"/subscriptions/{stopped[0].id}" if len(stopped) == 1 else "/subscriptions"
    return Need("stopped_webhooks", len(stopped) if may_see else 0, path)
