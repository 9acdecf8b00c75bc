"""What is asked of a store all the time, and whatever programs list, in one table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pushserver.clock import SECOND
from pushserver.model.audit import AuditAction
from pushserver.model.device_end import OPERATIONS_TO_SHORTEN
from pushserver.model.operation import FAILED_STATUSES, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.model.subscription import WebhookState
from pushserver.model.upgrade import DeviceUpgradeResult
from pushserver.storage.audit import AuditFilter
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup
from pushserver.storage.history import CommandFilter
from pushserver.storage.operations import OperationFilter
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.sql.lanes import load_all_lanes
from pushserver.storage.sqlite.store import SqliteStore
from pushserver.storage.tasks import TaskFilter
from pushserver.storage.upgrades import DeviceUpgradeFilter
from tests.clock import START
from tests.storage.bulk_history import HISTORY_START, ONE_DEVICE, id_of
from tests.storage.queue_actions import prior_state
from tests.storage.subscriptions import subscription

Query = Callable[[Store], Awaitable[object]]
#: Shorter than there are rare rows.
LIMIT = 8
#: Above all ids, and an id in the middle of every past.
ABOVE_ALL_IDS, MIDDLE_ID = 2**62, id_of(700)
_TASK = _OPERATION = id_of(0)


async def _load_lanes(store: Store) -> None:
    """Read the live lanes, as a server does that keeps them in memory."""
    if isinstance(store, SqliteStore):
        await store.group_commit.connection.run(lambda c: load_all_lanes(c, START))


def _commands(before: int = ABOVE_ALL_IDS, **filters: Any) -> Query:
    query = CommandFilter(**filters)
    return lambda store: store.commands(
        DEFAULT_SCOPE_ID, query, before=before, limit=LIMIT
    )


def _results(
    after: int = 0, device_id: int | None = None, orphan: bool | None = None
) -> Query:
    return lambda store: store.results(
        DEFAULT_SCOPE_ID, after=after, limit=LIMIT, device_id=device_id, orphan=orphan
    )


def _operations(**filters: Any) -> Query:
    query = OperationFilter(**filters)
    return lambda store: store.operations.operations(
        DEFAULT_SCOPE_ID, query, before=ABOVE_ALL_IDS, limit=LIMIT
    )


def _query(store_name: str, name: str, *args: Any, **kwargs: Any) -> Query:
    """Return the function that runs one query on a part of the store."""

    def query(store: Store) -> Awaitable[object]:
        found: Awaitable[object] = getattr(getattr(store, store_name), name)(
            *args, **kwargs
        )
        return found

    return query


def _subscription_query(name: str, *args: Any, **kwargs: Any) -> Query:
    return _query("subscriptions", name, *args, **kwargs)


LIVE = frozenset({CommandState.PENDING, CommandState.SENT, CommandState.DELIVERED})
FAILED, MOST = frozenset({CommandState.FAILED}), frozenset({CommandState.SUCCESSFUL})

#: Lists of commands, by all that they can be filtered by.
COMMANDS: Mapping[str, Query] = {
    "depths of queues": lambda store: store.queue_depths(DEFAULT_SCOPE_ID),
    "devices in flight": lambda store: store.devices_in_flight(DEFAULT_SCOPE_ID),
    "unused blobs": lambda store: store.blobs.unused(DEFAULT_SCOPE_ID),
    "purge of blobs": lambda store: store.blobs.purge(used_before=START, limit=LIMIT),
    "a blob": lambda store: store.blobs.find(DEFAULT_SCOPE_ID, "0" * 64),
    "commands": _commands(),
    "commands further on": _commands(before=MIDDLE_ID),
    "commands that wait": _commands(states=LIVE),
    "commands that failed": _commands(states=FAILED),
    "commands in most states": _commands(states=LIVE | FAILED | MOST),
    "commands of a rare endpoint": _commands(endpoint="reboot"),
    "commands with a key": _commands(supersede_key="never"),
    "commands with a key in a state": _commands(supersede_key="never", states=LIVE),
    "commands of no endpoint": _commands(endpoint="never_called"),
    "commands of an endpoint in a state": _commands(
        endpoint="load_objects", states=MOST
    ),
    "commands of a rare endpoint in a state": _commands(
        endpoint="reboot", states=FAILED
    ),
    "commands of an endpoint that wait": _commands(
        endpoint="load_objects", states=LIVE
    ),
    "commands of a device": _commands(device_id=ONE_DEVICE),
    "commands of a device in a state": _commands(device_id=ONE_DEVICE, states=MOST),
    "commands of no device": _commands(device_id=10**6),
    "commands of a rare token": _commands(created_by=2),
    "commands of a token": _commands(created_by=1),
    "commands of no token": _commands(created_by=3),
    "commands of an operation": _commands(operation_id=_OPERATION),
    "commands of an operation in a state": _commands(
        operation_id=_OPERATION, states=FAILED
    ),
    "commands made since": _commands(created_after=START - SECOND),
    "commands made before": _commands(created_before=HISTORY_START + SECOND),
    "commands made between": _commands(
        created_after=HISTORY_START + SECOND, created_before=HISTORY_START + 2 * SECOND
    ),
    "how many commands failed": lambda store: store.count_commands(
        DEFAULT_SCOPE_ID, CommandFilter(states=FAILED), up_to=LIMIT
    ),
    "the oldest that waits": lambda store: store.oldest_command(
        DEFAULT_SCOPE_ID, CommandState.PENDING, None
    ),
    "one command": lambda store: store.find_command(DEFAULT_SCOPE_ID, MIDDLE_ID),
    "its order": lambda store: store.read_order(MIDDLE_ID),
    "its result": lambda store: store.find_result(DEFAULT_SCOPE_ID, MIDDLE_ID),
}

RESULTS: Mapping[str, Query] = {
    "results": _results(),
    "results that are new": _results(after=ABOVE_ALL_IDS),
    "results further on": _results(after=MIDDLE_ID),
    "results that are orphans": _results(orphan=True),
    "orphans further on": _results(after=MIDDLE_ID, orphan=True),
    "results of commands": _results(after=MIDDLE_ID, orphan=False),
    "results of a device": _results(device_id=ONE_DEVICE),
    "orphans of a device": _results(device_id=ONE_DEVICE, orphan=True),
    "results of a device's commands": _results(device_id=ONE_DEVICE, orphan=False),
}

OPERATIONS: Mapping[str, Query] = {
    "operations": _operations(),
    "operations that run": _operations(status=OperationStatus.RUNNING),
    "operations that failed": _operations(status=OperationStatus.FAILED),
    "operations of a device": _operations(device_id=ONE_DEVICE),
    "operations of a rare token": _operations(created_by=2),
    "operations of a task": _operations(task_id=_TASK),
    "failures of a task": _operations(
        task_id=_TASK, exclude_retried=True, status=OperationStatus.FAILED
    ),
    "one operation": _query(
        "operations", "find_operation", DEFAULT_SCOPE_ID, MIDDLE_ID
    ),
    "notifications": _query(
        "notifications",
        "notifications",
        DEFAULT_SCOPE_ID,
        MIDDLE_ID,
        after=0,
        limit=LIMIT,
    ),
    "steps that are due": _query("operations", "due_steps", limit=LIMIT),
    "tasks": _query(
        "tasks", "tasks", DEFAULT_SCOPE_ID, before=ABOVE_ALL_IDS, limit=LIMIT
    ),
    "tasks of a rare token": _query(
        "tasks",
        "tasks",
        DEFAULT_SCOPE_ID,
        TaskFilter(created_by=2),
        before=ABOVE_ALL_IDS,
        limit=LIMIT,
    ),
    "tasks at work": _query("tasks", "active_tasks"),
    "what can start": _query(
        "tasks", "startable_steps", _TASK, now=START, hold=0, limit=LIMIT
    ),
    "what cannot start": _query(
        "tasks",
        "unreachable_operations",
        _TASK,
        include_offline=True,
        now=START,
        hold=0,
        limit=LIMIT,
    ),
    "what has not ended": _query("tasks", "unfinished_operations", _TASK, limit=LIMIT),
    "what can be tried again": _query(
        "tasks",
        "retryable_operations",
        _TASK,
        frozenset({OperationStatus.FAILED}),
        limit=LIMIT,
    ),
    "upgrades": _query(
        "upgrades", "upgrades", DEFAULT_SCOPE_ID, before=ABOVE_ALL_IDS, limit=LIMIT
    ),
    "devices of a task": _query(
        "tasks", "task_operations", _TASK, after=0, limit=LIMIT
    ),
    "devices of a task that failed": _query(
        "tasks", "task_operations", _TASK, FAILED_STATUSES, after=0, limit=LIMIT
    ),
    "parts of an upgrade": _query(
        "upgrades",
        "device_upgrades",
        _TASK,
        DeviceUpgradeFilter(),
        after=0,
        limit=LIMIT,
    ),
    "parts that failed": _query(
        "upgrades",
        "device_upgrades",
        _TASK,
        DeviceUpgradeFilter(result=DeviceUpgradeResult.FAIL),
        after=0,
        limit=LIMIT,
    ),
    "parts that wait": _query(
        "upgrades",
        "device_upgrades",
        _TASK,
        DeviceUpgradeFilter(not_started=True),
        after=0,
        limit=LIMIT,
    ),
    "shadow of a device": _query("shadows", "services", DEFAULT_SCOPE_ID, 1000),
    "shadows that are due": _query("shadows", "due_services", limit=LIMIT),
    "shadows that lapsed": _query(
        "shadows", "retryable_services", now=START, hold=0, limit=LIMIT
    ),
}

OUTBOX: Mapping[str, Query] = {
    "due": _subscription_query(
        "due_deliveries", 1, now=START, ordered=False, limit=LIMIT
    ),
    "due in order": _subscription_query(
        "due_deliveries", 1, now=START, ordered=True, limit=LIMIT
    ),
    "next due": _subscription_query("next_due_at", 1, ordered=False),
    "next due in order": _subscription_query("next_due_at", 1, ordered=True),
    "blocked devices": _subscription_query("devices_with_pending", 1),
    "events": _subscription_query(
        "events", DEFAULT_SCOPE_ID, after=MIDDLE_ID, limit=LIMIT
    ),
    "events that are new": _subscription_query(
        "events", DEFAULT_SCOPE_ID, after=ABOVE_ALL_IDS, limit=LIMIT
    ),
    "due of many": _subscription_query(
        "due_deliveries", 2, now=START, ordered=False, limit=LIMIT
    ),
    "due of many in order": _subscription_query(
        "due_deliveries", 2, now=START, ordered=True, limit=LIMIT
    ),
    "next due of many": _subscription_query("next_due_at", 2, ordered=False),
    "one delivery": _subscription_query("find_delivery", 1, MIDDLE_ID),
    "newest event": _subscription_query("newest_event_id"),
    "horizon": _subscription_query("backlog_start", DEFAULT_SCOPE_ID, keep=LIMIT),
    **{
        f"deliveries, {state or 'all'}": _subscription_query(
            "deliveries", 1, state=state, before=None, limit=LIMIT
        )
        for state in (None, *WebhookState)
    },
    "lags": _subscription_query("lags", [subscription(cursor=ABOVE_ALL_IDS)]),
    "hurry": _subscription_query("retry_pending_now", 1, now=START, limit=LIMIT),
    "revive": _subscription_query(
        "requeue_dead", 1, [MIDDLE_ID, MIDDLE_ID + 1], now=START
    ),
    "give up": _subscription_query(
        "dead_letter_backlog", 1, keep=100, before=HISTORY_START, limit=LIMIT
    ),
    "purge of events": _subscription_query(
        "purge_events", before=HISTORY_START, limit=LIMIT
    ),
    "purge of what is dead": _subscription_query(
        "purge_dead_deliveries", before=HISTORY_START, limit=LIMIT
    ),
    "purge of webhooks": _subscription_query("purge_orphaned_deliveries", limit=LIMIT),
}

#: Who did what, by all that it can be filtered by.
AUDIT: Mapping[str, Query] = {
    name: _query("audit", method, DEFAULT_SCOPE_ID, query, limit=LIMIT, **place)
    for name, method, query, place in (
        ("audit", "newest_entries", AuditFilter(), {}),
        ("audit further on", "newest_entries", AuditFilter(), {"before": MIDDLE_ID}),
        ("audit that is new", "entries_after", AuditFilter(), {"after": ABOVE_ALL_IDS}),
        ("audit followed", "entries_after", AuditFilter(), {"after": MIDDLE_ID}),
        ("audit of a token", "newest_entries", AuditFilter(token_id=2), {}),
        ("audit of a device", "newest_entries", AuditFilter(device_id=ONE_DEVICE), {}),
        (
            "audit of a target",
            "newest_entries",
            AuditFilter(target_id=MIDDLE_ID),
            {},
        ),
        (
            "audit of a rare action",
            "newest_entries",
            AuditFilter(action=AuditAction.DEVICE_KEY),
            {},
        ),
        (
            "audit of orders",
            "newest_entries",
            AuditFilter(action=AuditAction.COMMAND_CREATE),
            {},
        ),
        (
            "audit since",
            "newest_entries",
            AuditFilter(created_after=START - SECOND),
            {},
        ),
    )
}

#: What workers, and decisions, ask besides.
INTERNAL: Mapping[str, Query] = {
    "devices": lambda store: store.devices([ONE_DEVICE]),
    "what is live": lambda store: store.devices_with_live_commands([ONE_DEVICE]),
    "what is planned": lambda store: store.devices_with_plans([ONE_DEVICE]),
    "devices of commands": lambda store: store.devices_of_commands(
        DEFAULT_SCOPE_ID, [id_of(0), id_of(700)]
    ),
    "a device that ends": lambda store: prior_state(
        store, Lookup(device=True), ONE_DEVICE
    ),
    "what of it ends first": lambda store: prior_state(
        store, Lookup(device=True, max_operations=OPERATIONS_TO_SHORTEN), ONE_DEVICE
    ),
    "what is overdue": lambda store: store.overdue_devices(START),
    "a late answer": lambda store: prior_state(
        store, Lookup(delivery_uuid="u704"), ONE_DEVICE
    ),
    "an answer without uuid": lambda store: prior_state(
        store, Lookup(last_given_up=True), ONE_DEVICE
    ),
    "an unknown answer": lambda store: prior_state(
        store, Lookup(delivery_uuid="of no poll", last_given_up=True), ONE_DEVICE
    ),
    "purge": lambda store: store.retention.purge(
        PurgeCutoff(HISTORY_START // 1000), limit=LIMIT
    ),
    "purge of the audit": lambda store: store.retention.purge_audit(
        HISTORY_START // 1000, limit=LIMIT
    ),
    "purge of keys": lambda store: store.purge_idempotency_keys(before=HISTORY_START),
    "start": _load_lanes,
}

ALL_QUERIES: Mapping[str, Query] = {
    **COMMANDS,
    **RESULTS,
    **OPERATIONS,
    **OUTBOX,
    **AUDIT,
    **INTERNAL,
}
