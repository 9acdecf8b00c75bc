"""
What is stored of operations, steps, notifications and tasks: every field, as given.
"""

from typing import Any

import attrs
import pytest

from pushserver.model.actor import Actor
from pushserver.model.command_request import CommandRequest
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import (
    Notification,
    OnFailure,
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import FailureLimit, OperationCounts, Task, TaskState
from pushserver.model.trace import Trace
from pushserver.storage.base import Store
from pushserver.storage.operations import OperationFilter
from tests.clock import START
from tests.model.factories import order
from tests.model.operation_scenario import notification, operation
from tests.storage.operations import (
    get_operation,
    get_task,
    save_operations,
    step,
    task,
)

LABEL = OperationDescriptor(
    resource="ação ☃",
    action=OperationAction.SUBMIT,
    app_id="app-1",
    properties='{"é":"☃"}',
)
TRACE = Trace(f"00-{'4b' * 16}-{'0f' * 8}-01", "rojo=1")
FULL_OPERATION = {
    "scope_id": 7,
    "device_id": MAX_INT64,
    "task_id": MAX_INT64,
    "created_at": START + 1,
    "created_by": Actor(12, "doze ☃", None, "door-7", TRACE),
    "canceled_by": Actor(13, "treze"),
    "descriptor": LABEL,
    "on_failure": OnFailure.CONTINUE,
    "step_count": 100,
    "status": OperationStatus.STALE,
    "queued_steps": 5,
    "done_steps": 4,
    "failed_steps": 3,
    "unknown_steps": 2,
    "progress": 99,
    "canceled": True,
    "retried": True,
    "started_at": START + 2,
    "ended_at": START + 3,
    "modified_at": START + 4,
    "version": 6,
}
FULL_ORDER = order(
    "user_set_image",
    verb="GET",
    body='{"id":9007199254740993, "é":"\\u0000☃"}',
    content_type="application/octet-stream",
    query_string="user_id=7&name=João",
    metadata='{"ticket": 1.10}',
)
FULL_REQUEST: dict[str, Any] = {
    "order": FULL_ORDER,
    "priority": -100,
    "guarantee": DeliveryGuarantee.AT_MOST_ONCE,
    "max_attempts": 7,
    "response_timeout": 11,
    "expires_in": 12,
    "not_before": START + 2,
    "resource": "foto ☃",
    "service_id": "push_server",
}
FULL_NOTIFICATION = {
    "created_at": START + 1,
    "created_by": 12,
    "sent_at": 0,
    "status": OperationStatus.FAILED,
    "progress": 100,
    "resource": "foto ☃",
    "message": "",
}
FULL_TASK = {
    "scope_id": 7,
    "name": "São Paulo ☃",
    "created_at": START + 1,
    "created_by": Actor(12, "doze ☃"),
    "canceled_by": Actor(13, "treze"),
    "expires_in": 17,
    "expires_at": START + 2,
    "state": TaskState.PAUSED,
    "descriptor": LABEL,
    "on_failure": OnFailure.CONTINUE,
    "step_count": 100,
    "concurrency": 1_000_000,
    "stop_after": FailureLimit.parse("0.125%"),
    "ignored_failures": 3,
    "ended_at": START + 4,
}


def fields(value: Any) -> dict[str, Any]:
    """Return a value's fields, but for the store's own mark."""
    return {k: v for k, v in attrs.asdict(value).items() if k != "stored"}


@pytest.mark.parametrize("overrides", [{}, FULL_OPERATION])
async def test_operation(store: Store, overrides: dict[str, Any]) -> None:
    """An operation is stored with every field."""
    saved = operation(**overrides)
    expected = fields(saved)

    await save_operations(store, saved)

    assert expected == fields(await get_operation(store, saved))


@pytest.mark.parametrize("fields", [{}, {"order": order(body=None)}, FULL_REQUEST])
async def test_step(store: Store, fields: dict[str, Any]) -> None:
    """A step is stored with every field, and without those that it lacks."""
    expected = step(4, 99, **fields)
    await store.tasks.add_task(task(id=4), [step(4), expected])

    found = await store.operations.steps([(4, 99), (4, 98), (5, 99), (4, 0)])

    assert [expected, step(4)] == found


@pytest.mark.parametrize("fields", [{}, FULL_NOTIFICATION])
async def test_notification(store: Store, fields: dict[str, Any]) -> None:
    """A notification is stored with every field."""
    of = operation()
    expected = notification(of, **fields)

    await save_operations(store, of, notifications=[expected])

    find = store.notifications.find_notification
    assert expected == await find(DEFAULT_SCOPE_ID, of.id, expected.id)
    assert await find(DEFAULT_SCOPE_ID, of.id + 1, expected.id) is None
    assert await find(DEFAULT_SCOPE_ID + 1, of.id, expected.id) is None


@pytest.mark.scopes(7)
@pytest.mark.parametrize("fields", [{}, FULL_TASK])
async def test_task(store: Store, fields: dict[str, Any]) -> None:
    """A task is stored with every field."""
    expected = task(**fields)

    await store.tasks.add_task(expected, [])

    assert expected == await get_task(store, expected)
    assert await store.tasks.find_task(expected.scope_id + 1, expected.id) is None


@pytest.mark.parametrize("text", ["1", "9999999", "100%", "0.001%", "33.333%"])
async def test_limit_of_failures(store: Store, text: str) -> None:
    """A task's failure limit is stored digit for digit."""
    expected = task(stop_after=FailureLimit.parse(text))

    await store.tasks.add_task(expected, [])

    assert expected.stop_after == (await get_task(store, expected)).stop_after


async def test_moved_operation(store: Store) -> None:
    """A changed operation is written, and its version grows by one."""
    changing = (
        *(
            "queued_steps",
            "done_steps",
            "failed_steps",
            "unknown_steps",
            "progress",
            "status",
            "canceled",
        ),
        *("started_at", "ended_at", "modified_at"),
    )
    saved = operation()
    await save_operations(store, saved)
    for name in changing:
        setattr(saved, name, FULL_OPERATION[name])
    expected = {**fields(saved), "version": 1}

    await save_operations(store, saved)

    assert expected == fields(await get_operation(store, saved)) == fields(saved)


async def test_nothing_there(store: Store) -> None:
    """What was never stored is not found, and lists of it are empty."""
    operations, tasks = store.operations, store.tasks
    notifications = await store.notifications.notifications(
        DEFAULT_SCOPE_ID, 1, after=0, limit=9
    )

    assert await operations.find_operation(DEFAULT_SCOPE_ID, 1) is None
    assert await tasks.find_task(DEFAULT_SCOPE_ID, 1) is None
    assert ([], []) == (notifications, await operations.steps([(1, 0)]))
    assert 0 == await operations.count_operations(DEFAULT_SCOPE_ID, OperationFilter())
    assert OperationCounts() == await tasks.operation_counts(1)
    assert [] == await operations.step_records(operation())


def test_every_field_is_tried() -> None:
    """No field is left at its default in these tests."""
    # What an operation has of an upgrade is tried with those, and a step of an
    # operation takes the place of no other.
    ids = {"id", "operation_id", "scope_id", "stored", "device_upgrade"}
    ids.add("supersede_key")
    for kind, fields in (
        (Operation, FULL_OPERATION),
        (CommandRequest, FULL_REQUEST),
        (Notification, FULL_NOTIFICATION),
        (Task, FULL_TASK),
    ):
        fields_of: Any = attrs.fields(kind)
        assert {f.name for f in fields_of} - ids == set(fields) - ids
