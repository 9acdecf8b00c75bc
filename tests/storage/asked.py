"""What is asked of a store all the time, and whatever programs list, in one table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pushserver.clock import SECOND
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.model.subscription import DeliveryState
from pushserver.model.upgrade import UpgradeResult
from pushserver.storage.base import Old, Store
from pushserver.storage.deciding import Recall
from pushserver.storage.listing import CommandFilter
from pushserver.storage.sql.lanes import load_all
from pushserver.storage.sqlite.store import SqliteStore
from pushserver.storage.tracking import OperationFilter
from pushserver.storage.upgrading import PartFilter
from tests.clock import START
from tests.storage.deeds import recall
from tests.storage.outbox import subscription
from tests.storage.past import BEGAN, ONE, id_of

Ask = Callable[[Store], Awaitable[object]]
#: Shorter than there are rare rows.
LIMIT = 8
#: Above all ids, and an id in the middle of every past.
TOP, MIDDLE = 2**62, id_of(700)
_TASK = _OPERATION = id_of(0)


async def _start(store: Store) -> None:
    """Read what is live, as a server does that keeps it in memory."""
    if isinstance(store, SqliteStore):
        await store.writer.connection.run(lambda c: load_all(c, START))


def _commands(before: int = TOP, **wanted: Any) -> Ask:
    given = CommandFilter(**wanted)
    return lambda store: store.commands(FIRST_SCOPE, given, before=before, limit=LIMIT)


def _results(
    after: int = 0, device_id: int | None = None, orphan: bool | None = None
) -> Ask:
    return lambda store: store.results(
        FIRST_SCOPE, after=after, limit=LIMIT, device_id=device_id, orphan=orphan
    )


def _operations(**wanted: Any) -> Ask:
    given = OperationFilter(**wanted)
    return lambda store: store.operations.operations(
        FIRST_SCOPE, given, before=TOP, limit=LIMIT
    )


def _of(part: str, name: str, *given: Any, **named: Any) -> Ask:
    """Return what asks for one thing of a part of the store."""

    def ask(store: Store) -> Awaitable[object]:
        found: Awaitable[object] = getattr(getattr(store, part), name)(*given, **named)
        return found

    return ask


def _outbox(name: str, *given: Any, **named: Any) -> Ask:
    return _of("subscriptions", name, *given, **named)


LIVE = frozenset({State.PENDING, State.SENT, State.DELIVERED})
FAILED, MOST = frozenset({State.FAILED}), frozenset({State.SUCCESSFUL})

#: Lists of commands, by all that they can be filtered by.
COMMANDS: Mapping[str, Ask] = {
    "commands": _commands(),
    "commands further on": _commands(before=MIDDLE),
    "commands that wait": _commands(states=LIVE),
    "commands that failed": _commands(states=FAILED),
    "commands in most states": _commands(states=LIVE | FAILED | MOST),
    "commands of a rare endpoint": _commands(endpoint="reboot"),
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
    "commands of a device": _commands(device_id=ONE),
    "commands of a device in a state": _commands(device_id=ONE, states=MOST),
    "commands of no device": _commands(device_id=10**6),
    "commands of an operation": _commands(operation_id=_OPERATION),
    "commands of an operation in a state": _commands(
        operation_id=_OPERATION, states=FAILED
    ),
    "commands made since": _commands(created_after=START - SECOND),
    "commands made before": _commands(created_before=BEGAN + SECOND),
    "commands made between": _commands(
        created_after=BEGAN + SECOND, created_before=BEGAN + 2 * SECOND
    ),
    "one command": lambda store: store.find_command(FIRST_SCOPE, MIDDLE),
    "its order": lambda store: store.order(MIDDLE),
    "its result": lambda store: store.find_result(FIRST_SCOPE, MIDDLE),
}

RESULTS: Mapping[str, Ask] = {
    "results": _results(),
    "results that are new": _results(after=TOP),
    "results further on": _results(after=MIDDLE),
    "results that are orphans": _results(orphan=True),
    "orphans further on": _results(after=MIDDLE, orphan=True),
    "results of commands": _results(after=MIDDLE, orphan=False),
    "results of a device": _results(device_id=ONE),
    "orphans of a device": _results(device_id=ONE, orphan=True),
    "results of a device's commands": _results(device_id=ONE, orphan=False),
}

TRACKED: Mapping[str, Ask] = {
    "operations": _operations(),
    "operations that run": _operations(status=Status.RUNNING),
    "operations that failed": _operations(status=Status.FAILED),
    "operations of a device": _operations(device_id=ONE),
    "operations of a task": _operations(task_id=_TASK),
    "failures of a task": _operations(
        task_id=_TASK, current=True, status=Status.FAILED
    ),
    "one operation": _of("operations", "find_operation", FIRST_SCOPE, MIDDLE),
    "notifications": _of(
        "operations", "notifications", FIRST_SCOPE, MIDDLE, after=0, limit=LIMIT
    ),
    "steps that are due": _of("operations", "due_steps", limit=LIMIT),
    "tasks": _of("tasks", "tasks", FIRST_SCOPE, before=TOP, limit=LIMIT),
    "tasks at work": _of("tasks", "active_tasks"),
    "what can start": _of("tasks", "startable", _TASK, now=START, hold=0, limit=LIMIT),
    "what cannot start": _of(
        "tasks", "hopeless", _TASK, late=True, now=START, hold=0, limit=LIMIT
    ),
    "what has not ended": _of("tasks", "unended", _TASK, limit=LIMIT),
    "what can be tried again": _of(
        "tasks", "to_retry", _TASK, frozenset({Status.FAILED}), limit=LIMIT
    ),
    "upgrades": _of("upgrades", "upgrades", FIRST_SCOPE, before=TOP, limit=LIMIT),
    "parts of an upgrade": _of(
        "upgrades", "parts", _TASK, PartFilter(), after=0, limit=LIMIT
    ),
    "parts that failed": _of(
        "upgrades",
        "parts",
        _TASK,
        PartFilter(result=UpgradeResult.FAIL),
        after=0,
        limit=LIMIT,
    ),
    "parts that wait": _of(
        "upgrades", "parts", _TASK, PartFilter(waiting=True), after=0, limit=LIMIT
    ),
    "shadow of a device": _of("shadows", "services", FIRST_SCOPE, 1000),
    "shadows that are due": _of("shadows", "due", limit=LIMIT),
    "shadows that lapsed": _of("shadows", "startable", now=START, hold=0, limit=LIMIT),
}

OUTBOX: Mapping[str, Ask] = {
    "due": _outbox("due", 1, now=START, ordered=False, limit=LIMIT),
    "due in order": _outbox("due", 1, now=START, ordered=True, limit=LIMIT),
    "next due": _outbox("next_due", 1, ordered=False),
    "next due in order": _outbox("next_due", 1, ordered=True),
    "blocked devices": _outbox("blocked_devices", 1),
    "events": _outbox("events", FIRST_SCOPE, after=MIDDLE, limit=LIMIT),
    "events that are new": _outbox("events", FIRST_SCOPE, after=TOP, limit=LIMIT),
    "due of many": _outbox("due", 2, now=START, ordered=False, limit=LIMIT),
    "due of many in order": _outbox("due", 2, now=START, ordered=True, limit=LIMIT),
    "next due of many": _outbox("next_due", 2, ordered=False),
    "one delivery": _outbox("find_delivery", 1, MIDDLE),
    "newest event": _outbox("newest_event"),
    "horizon": _outbox("horizon", FIRST_SCOPE, keep=LIMIT),
    **{
        f"deliveries, {state or 'all'}": _outbox(
            "deliveries", 1, state=state, before=None, limit=LIMIT
        )
        for state in (None, *DeliveryState)
    },
    "lag": _outbox("lag", subscription(cursor=TOP)),
    "hurry": _outbox("hurry", 1, now=START, limit=LIMIT),
    "revive": _outbox("revive", 1, since=START, now=START, limit=LIMIT),
    "give up": _outbox("give_up", 1, keep=100, before=BEGAN, limit=LIMIT),
    "purge of events": _outbox("purge_events", before=BEGAN, limit=LIMIT),
    "purge of what is dead": _outbox("purge_dead", before=BEGAN, limit=LIMIT),
    "purge of webhooks": _outbox("purge_webhooks", limit=LIMIT),
}

#: What workers, and decisions, ask besides.
KEPT: Mapping[str, Ask] = {
    "devices": lambda store: store.devices([ONE]),
    "what is live": lambda store: store.live([ONE]),
    "what is overdue": lambda store: store.overdue(START),
    "a late answer": lambda store: recall(store, Recall(uuid="u704"), ONE),
    "an answer without uuid": lambda store: recall(store, Recall(given_up=True), ONE),
    "an unknown answer": lambda store: recall(
        store, Recall(uuid="of no poll", given_up=True), ONE
    ),
    "purge": lambda store: store.history.purge(Old(BEGAN // 1000), limit=LIMIT),
    "purge of keys": lambda store: store.purge_keys(before=BEGAN),
    "start": _start,
}

READS: Mapping[str, Ask] = {**COMMANDS, **RESULTS, **TRACKED, **OUTBOX, **KEPT}
