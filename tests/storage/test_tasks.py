"""Tasks: their state is guarded, they end once, and are deleted with all they have."""

import asyncio
from typing import Any

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.event import EventType
from pushserver.model.idempotency import KEPT, Key, KeyUse
from pushserver.model.lane import Lane
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Counts, Task, TaskState
from pushserver.storage.base import Store
from pushserver.storage.deciding import NO_DEVICE, Past, Recall
from pushserver.storage.tracking import OperationFilter
from tests.clock import START, ManualClock
from tests.storage.deeds import recall
from tests.storage.places import Place, opened
from tests.storage.tracked import ids_of, kept_task, part, parts, steps_of, task

KEY = Key(3, "/api/v1/tasks", "k")
USE = KeyUse(KEY, "f", b"{}", START)


async def test_moved(store: Store, whole: Task) -> None:
    """A task that stands as was believed is moved."""
    after = attrs.evolve(
        whole, state=TaskState.PAUSED, forgiven=2, expires_at=5, ended_at=START
    )

    assert await store.tasks.move_task(whole, after)
    assert after == await kept_task(store, whole)


@pytest.mark.parametrize("wrong", [{"state": TaskState.PAUSED}, {"forgiven": 1}])
async def test_not_moved(store: Store, whole: Task, wrong: dict[str, Any]) -> None:
    """One that has moved on stays, and no key is kept."""
    believed = attrs.evolve(whole, **wrong)
    after = attrs.evolve(whole, state=TaskState.CANCELED)

    assert not await store.tasks.move_task(believed, after, key=USE)
    assert whole == await kept_task(store, whole)
    assert await store.tasks.find_key(KEY) is None


async def test_moved_with_a_key(store: Store, whole: Task) -> None:
    """A key is kept along with the move, and known to decisions."""
    await store.tasks.move_task(whole, whole, key=USE)

    assert USE == await store.tasks.find_key(KEY)
    assert USE == (await recall(store, Recall(key=KEY))).key_use
    assert await store.tasks.find_key(attrs.evolve(KEY, token_id=4)) is None


async def test_not_moved_with_a_used_key(store: Store, whole: Task) -> None:
    """Where the key was used meanwhile, the task stays, and the first use counts."""
    after = attrs.evolve(whole, state=TaskState.CANCELED)
    other = attrs.evolve(USE, answer=b"other", created_at=START + KEPT * SECOND - 1)
    await store.tasks.move_task(whole, whole, key=USE)

    assert not await store.tasks.move_task(whole, after, key=other)
    assert whole == await kept_task(store, whole)
    assert USE == await store.tasks.find_key(KEY)


async def test_moved_with_an_old_key(store: Store, whole: Task) -> None:
    """A key that was used a day ago is free."""
    later = attrs.evolve(USE, created_at=START + KEPT * SECOND)
    await store.tasks.move_task(whole, whole, key=USE)

    assert await store.tasks.move_task(whole, whole, key=later)
    assert later == await store.tasks.find_key(KEY)


async def test_twenty_movers(store: Store, whole: Task) -> None:
    """Of twenty who move it at once one does."""
    after = attrs.evolve(whole, state=TaskState.PAUSED)

    moved = await asyncio.gather(
        *(store.tasks.move_task(whole, after) for _ in range(20))
    )

    assert 1 == sum(moved)


async def finish(store: Store, of: Task, now: int) -> None:
    """End a task if nothing of it runs; somebody wants to hear of it."""
    store.interest[FIRST_SCOPE] = frozenset({EventType.TASK_FINISHED})

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.finish(of, Counts(), now)

    await store.change(NO_DEVICE, decide)


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
    await parts(store, of, status=Status.FAILED)

    for now in (START + 5, START + 6):
        await finish(store, of, now)

    if expected is not None:
        found = await kept_task(store, of)
        assert (expected, START + 5) == (found.state, found.ended_at)
    else:
        assert [of.id] == [each.id for each in await store.tasks.active_tasks()]
    told = await store.subscriptions.events(FIRST_SCOPE, after=0, limit=9)
    assert [START + 5] * (expected is not None) == [event.at for event in told]


async def test_not_finished(store: Store, whole: Task) -> None:
    """A task of which something waits or runs is not ended; what was retried may."""
    running = part(whole)
    await store.tasks.add_operations([running])
    await parts(store, whole, status=Status.COMPLETED)

    await finish(store, whole, START)

    assert (await kept_task(store, whole)).ended_at is None
    await store.tasks.replace_operations(
        whole, [(running, part(whole, status=Status.FAILED))]
    )
    await finish(store, whole, START)

    assert START == (await kept_task(store, whole)).ended_at


async def test_dropped(store: Store) -> None:
    """A task is deleted piece by piece with its operations and steps, and no other."""
    of, other = [task(steps=2, state=TaskState.PREPARING) for _ in range(2)]
    for each in (of, other):
        await store.tasks.add_task(each, steps_of(each.id, 2))
    await parts(store, of, 10)
    kept_ids = await parts(store, other, 3)

    dropped = [await store.tasks.drop_task(of.id, limit=4) for _ in range(3)]

    assert [False, False, True] == dropped
    assert [other] == list(await store.tasks.active_tasks())
    assert kept_ids[::-1] == await ids_of(store, OperationFilter())
    assert [] == await store.operations.steps([(of.id, 0), (of.id, 1)])
    assert 2 == len(await store.operations.steps([(other.id, 0), (other.id, 1)]))


async def test_dropped_in_even_pieces(store: Store) -> None:
    """Also when the pieces go into it without a rest."""
    of = task(state=TaskState.PREPARING)
    await store.tasks.add_task(of, [])
    await parts(store, of, 4)

    dropped = [await store.tasks.drop_task(of.id, limit=2) for _ in range(3)]

    assert [False, False, True] == dropped
    assert [] == await store.tasks.active_tasks()


@pytest.mark.parametrize(
    "state", [s for s in TaskState if s is not TaskState.PREPARING]
)
async def test_not_dropped(store: Store, state: TaskState) -> None:
    """A task that was ready is not deleted, whoever believes that it was not."""
    of = task(state=state)
    await store.tasks.add_task(of, [])
    await parts(store, of, 3)

    assert await store.tasks.drop_task(of.id, limit=9)
    assert of == await kept_task(store, of)
    assert 3 == len(await ids_of(store, OperationFilter()))


async def test_lists(store: Store) -> None:
    """Tasks are listed newest first, in pages, in their scope, when they are ready."""
    made = [task(scope_id=FIRST_SCOPE + n % 2) for n in range(9)]
    hidden = task(state=TaskState.PREPARING)
    for each in (*made, hidden):
        await store.tasks.add_task(each, [])
    own = [each.id for each in reversed(made) if each.scope_id == FIRST_SCOPE]

    async def page(before: int | None, limit: int = 2) -> list[int]:
        found = await store.tasks.tasks(FIRST_SCOPE, before=before, limit=limit)
        return [each.id for each in found]

    assert own == await page(None, 99)
    assert own[:2] == await page(None)
    assert own[2:4] == await page(own[1])
    assert [] == await page(own[-1])
    assert await store.tasks.find_task(FIRST_SCOPE, hidden.id) is None


async def test_active(place: Place, clock: ManualClock) -> None:
    """Those that have not ended are looked after, in every scope and state."""
    active = [task(state=state, scope_id=n) for n, state in enumerate(TaskState)]
    over = task(state=TaskState.COMPLETED, ended_at=START)
    async with opened(place, clock) as store:
        for each in (*active, over):
            await store.tasks.add_task(each, [])

    async with opened(place, clock) as store:
        assert active == list(await store.tasks.active_tasks())


async def test_shifted(store: Store) -> None:
    """Deadlines follow the wall clock, but for what is planned for later."""
    begun, planned = task(expires_at=START + 9), task(expires_at=START + 99)
    over = task(expires_at=START + 9, ended_at=START)
    for each in (begun, planned, over):
        await store.tasks.add_task(attrs.evolve(each, expires_in=9), [])

    await store.tasks.shift_tasks(50, now=START + 50)

    found = [await kept_task(store, each) for each in (begun, planned, over)]
    assert [START + 59, START + 99, START + 9] == [each.expires_at for each in found]


async def test_ids_go_on(place: Place, clock: ManualClock) -> None:
    """Ids made after a restart are above those of tasks."""
    of = task(id=2**62)
    async with opened(place, clock) as store:
        await store.tasks.add_task(of, [])

    async with opened(place, clock) as store:
        assert of.id < store.new_id()
