"""Tasks: their state is guarded, they end once, and are deleted with all they have."""

import asyncio
from typing import Any

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.event import EventType
from pushserver.model.idempotency import (
    KEY_TTL_SECONDS,
    IdempotencyKey,
    IdempotencyRecord,
)
from pushserver.model.lane import Lane
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.storage.base import Store
from pushserver.storage.commands import NO_DEVICE, Lookup, PriorState
from pushserver.storage.operations import OperationFilter
from tests.clock import START, ManualClock
from tests.scopes import add_scopes
from tests.storage.locations import StoreLocation, open_store
from tests.storage.operations import (
    add_task_operations,
    get_task,
    operation_ids,
    steps_of,
    task,
    task_operation,
)
from tests.storage.queue_actions import prior_state

KEY = IdempotencyKey(3, "/api/v1/tasks", "k")
USE = IdempotencyRecord(KEY, "f", b"{}", START)


async def test_moved(store: Store, two_step_task: Task) -> None:
    """A task that stands as was believed is moved."""
    after = attrs.evolve(
        two_step_task,
        state=TaskState.PAUSED,
        ignored_failures=2,
        expires_at=5,
        ended_at=START,
    )

    assert await store.tasks.update_task_if_unchanged(two_step_task, after)
    assert after == await get_task(store, two_step_task)


@pytest.mark.parametrize(
    "wrong", [{"state": TaskState.PAUSED}, {"ignored_failures": 1}]
)
async def test_not_moved(
    store: Store, two_step_task: Task, wrong: dict[str, Any]
) -> None:
    """One that has moved on stays, and no key is stored."""
    believed = attrs.evolve(two_step_task, **wrong)
    after = attrs.evolve(two_step_task, state=TaskState.CANCELED)

    assert not await store.tasks.update_task_if_unchanged(believed, after, key_use=USE)
    assert two_step_task == await get_task(store, two_step_task)
    assert await store.tasks.find_idempotency_key(KEY) is None


async def test_moved_with_a_key(store: Store, two_step_task: Task) -> None:
    """A key is stored along with the move, and known to decisions."""
    await store.tasks.update_task_if_unchanged(
        two_step_task, two_step_task, key_use=USE
    )

    assert USE == await store.tasks.find_idempotency_key(KEY)
    assert USE == (await prior_state(store, Lookup(idempotency_key=KEY))).key_use
    assert await store.tasks.find_idempotency_key(attrs.evolve(KEY, token_id=4)) is None


async def test_not_moved_with_a_used_key(store: Store, two_step_task: Task) -> None:
    """Where the key was used meanwhile, the task stays, and the first use counts."""
    after = attrs.evolve(two_step_task, state=TaskState.CANCELED)
    other = attrs.evolve(
        USE, response_body=b"other", created_at=START + KEY_TTL_SECONDS * SECOND - 1
    )
    await store.tasks.update_task_if_unchanged(
        two_step_task, two_step_task, key_use=USE
    )

    assert not await store.tasks.update_task_if_unchanged(
        two_step_task, after, key_use=other
    )
    assert two_step_task == await get_task(store, two_step_task)
    assert USE == await store.tasks.find_idempotency_key(KEY)


async def test_moved_with_an_old_key(store: Store, two_step_task: Task) -> None:
    """A key that was used a day ago is free."""
    later = attrs.evolve(USE, created_at=START + KEY_TTL_SECONDS * SECOND)
    await store.tasks.update_task_if_unchanged(
        two_step_task, two_step_task, key_use=USE
    )

    assert await store.tasks.update_task_if_unchanged(
        two_step_task, two_step_task, key_use=later
    )
    assert later == await store.tasks.find_idempotency_key(KEY)


async def test_twenty_movers(store: Store, two_step_task: Task) -> None:
    """Of twenty who move it at once one does."""
    after = attrs.evolve(two_step_task, state=TaskState.PAUSED)

    moved = await asyncio.gather(
        *(store.tasks.update_task_if_unchanged(two_step_task, after) for _ in range(20))
    )

    assert 1 == sum(moved)


async def finish(store: Store, of: Task, now: int) -> None:
    """End a task if none of its operations runs; somebody wants the event."""
    store.event_interest[DEFAULT_SCOPE_ID] = frozenset({EventType.TASK_FINISHED})

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.finish_task(of, OperationCounts(), now)

    await store.change_lane(NO_DEVICE, decide)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (TaskState.PREPARING, None),
        (TaskState.RUNNING, TaskState.COMPLETED),
        (TaskState.PAUSED, TaskState.COMPLETED),
        (TaskState.CANCELED, TaskState.CANCELED),
    ],
)
async def test_finished(
    store: Store, state: TaskState, expected: TaskState | None
) -> None:
    """A task none of whose operations runs is ended, once; not one being made."""
    of = task(state=state)
    await store.tasks.add_task(of, [])
    await add_task_operations(store, of, status=OperationStatus.FAILED)

    for now in (START + 5, START + 6):
        await finish(store, of, now)

    if expected is not None:
        found = await get_task(store, of)
        assert (expected, START + 5) == (found.state, found.ended_at)
    else:
        assert [of.id] == [each.id for each in await store.tasks.active_tasks()]
    events = await store.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
    assert [START + 5] * (expected is not None) == [event.at for event in events]


async def test_not_finished(store: Store, two_step_task: Task) -> None:
    """A task of which something waits or runs is not ended; what was retried may."""
    running = task_operation(two_step_task)
    await store.tasks.add_operations([running])
    await add_task_operations(store, two_step_task, status=OperationStatus.COMPLETED)

    await finish(store, two_step_task, START)

    assert (await get_task(store, two_step_task)).ended_at is None
    await store.tasks.replace_operations(
        two_step_task,
        [(running, task_operation(two_step_task, status=OperationStatus.FAILED))],
    )
    await finish(store, two_step_task, START)

    assert START == (await get_task(store, two_step_task)).ended_at


async def test_dropped(store: Store) -> None:
    """A task is deleted batch by batch with its operations and steps, and no other."""
    of, other = [task(step_count=2, state=TaskState.PREPARING) for _ in range(2)]
    for each in (of, other):
        await store.tasks.add_task(each, steps_of(each.id, 2))
    await add_task_operations(store, of, 10)
    remaining_ids = await add_task_operations(store, other, 3)

    dropped = [
        await store.tasks.delete_preparing_task(of.id, limit=4) for _ in range(3)
    ]

    assert [False, False, True] == dropped
    assert [other] == list(await store.tasks.active_tasks())
    assert remaining_ids[::-1] == await operation_ids(store, OperationFilter())
    assert [] == await store.operations.steps([(of.id, 0), (of.id, 1)])
    assert 2 == len(await store.operations.steps([(other.id, 0), (other.id, 1)]))


async def test_dropped_in_even_pieces(store: Store) -> None:
    """The same when the batch size divides their number."""
    of = task(state=TaskState.PREPARING)
    await store.tasks.add_task(of, [])
    await add_task_operations(store, of, 4)

    dropped = [
        await store.tasks.delete_preparing_task(of.id, limit=2) for _ in range(3)
    ]

    assert [False, False, True] == dropped
    assert [] == await store.tasks.active_tasks()


@pytest.mark.parametrize(
    "state", [s for s in TaskState if s is not TaskState.PREPARING]
)
async def test_not_dropped(store: Store, state: TaskState) -> None:
    """
    A task that was ready is not deleted, even if a caller believes that it was not.
    """
    of = task(state=state)
    await store.tasks.add_task(of, [])
    await add_task_operations(store, of, 3)

    assert await store.tasks.delete_preparing_task(of.id, limit=9)
    assert of == await get_task(store, of)
    assert 3 == len(await operation_ids(store, OperationFilter()))


@pytest.mark.scopes(2)
async def test_lists(store: Store) -> None:
    """Tasks are listed newest first, in pages, in their scope, when they are ready."""
    created = [task(scope_id=DEFAULT_SCOPE_ID + n % 2) for n in range(9)]
    hidden = task(state=TaskState.PREPARING)
    for each in (*created, hidden):
        await store.tasks.add_task(each, [])
    own = [each.id for each in reversed(created) if each.scope_id == DEFAULT_SCOPE_ID]

    async def page(before: int | None, limit: int = 2) -> list[int]:
        found = await store.tasks.tasks(DEFAULT_SCOPE_ID, before=before, limit=limit)
        return [each.id for each in found]

    assert own == await page(None, 99)
    assert own[:2] == await page(None)
    assert own[2:4] == await page(own[1])
    assert [] == await page(own[-1])
    assert await store.tasks.find_task(DEFAULT_SCOPE_ID, hidden.id) is None


async def test_active(location: StoreLocation, clock: ManualClock) -> None:
    """Those that have not ended are looked after, in every scope and state."""
    active = [task(state=state, scope_id=7 + n) for n, state in enumerate(TaskState)]
    over = task(state=TaskState.COMPLETED, ended_at=START)
    async with open_store(location, clock) as store:
        await add_scopes(store, [each.scope_id for each in active], clock)
        for each in (*active, over):
            await store.tasks.add_task(each, [])

    async with open_store(location, clock) as store:
        assert active == list(await store.tasks.active_tasks())


async def test_ids_go_on(location: StoreLocation, clock: ManualClock) -> None:
    """Ids made after a restart are above those of tasks."""
    of = task(id=2**62)
    async with open_store(location, clock) as store:
        await store.tasks.add_task(of, [])

    async with open_store(location, clock) as store:
        assert of.id < store.new_id()
