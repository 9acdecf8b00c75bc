"""Tasks: their state is guarded, their operations are found when they are due."""

import asyncio
from typing import Any

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device
from pushserver.model.event import EventType
from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.lane import Changes, Lane
from pushserver.model.operation import Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Counts, Task, TaskState
from pushserver.storage.base import NO_DEVICE, Past, Recall, Store
from pushserver.storage.tracking import DueStep, OperationFilter
from tests.clock import START, ManualClock
from tests.model.work import operation
from tests.storage.deeds import fly, recall, report
from tests.storage.places import Place, opened
from tests.storage.test_fleet import device
from tests.storage.tracked import (
    go_on,
    ids_of,
    keep,
    kept,
    kept_task,
    steps_of,
    task,
)

HOLD = 20 * SECOND
KEY = Key(3, "/api/v1/tasks", "k")
USE = KeyUse(KEY, "f", b"{}", START)


@pytest.fixture(name="whole")
async def _whole(store: Store) -> Task:
    """Return a task of two steps, without operations."""
    made = task(steps=2)
    await store.tasks.add_task(made, steps_of(made.id, 2))
    return made


async def parts(store: Store, of: Task, count: int = 1, **given: object) -> list[int]:
    """Add operations to a task that have not begun, on devices from 1; their ids."""
    made = [
        part(of, **{"device_id": 1 + n, "steps": of.steps, **given})
        for n in range(count)
    ]
    await store.tasks.add_operations(made)
    return [each.id for each in made]


def part(of: Task, **given: object) -> Operation:
    """Return an operation of a task."""
    return operation(**{"task_id": of.id, "scope_id": of.scope_id, **given})


async def test_added_operations(store: Store, whole: Task) -> None:
    """Operations are kept as they are, for each device, and none has begun."""
    ids = await parts(store, whole, 100)

    assert ids[::-1] == await ids_of(store, OperationFilter(task_id=whole.id))
    assert Counts(waiting=100) == await store.tasks.count_task(whole.id)


async def test_in_the_place_of_others(store: Store, whole: Task) -> None:
    """Others take the place of some, and the task stands as is said, in one write."""
    old = [part(whole, device_id=n, status=Status.FAILED) for n in (1, 2, 3)]
    await store.tasks.add_operations(old)
    new = [part(whole, device_id=n) for n in (1, 2)]
    again = attrs.evolve(whole, forgiven=4, expires_at=START + 9)

    await store.tasks.replace_operations(again, list(zip(old, new, strict=False)))

    assert again == await kept_task(store, whole)
    assert Counts(waiting=2, failed=1) == await store.tasks.count_task(whole.id)
    wanted = OperationFilter(task_id=whole.id, current=True)
    assert {old[2].id, *(e.id for e in new)} == set(await ids_of(store, wanted))


async def test_what_was_mended_stays(store: Store, whole: Task) -> None:
    """What does not stand as it did any more, or was replaced, is not replaced."""
    mended = part(whole, device_id=1, status=Status.COMPLETED)
    twice = part(whole, device_id=2, status=Status.FAILED)
    await store.tasks.add_operations([mended, twice])
    believed = attrs.evolve(mended, status=Status.STALE)
    first, second = part(whole, device_id=2), part(whole, device_id=2)

    await store.tasks.replace_operations(
        whole, [(believed, part(whole, device_id=1)), (twice, first), (twice, second)]
    )

    wanted = OperationFilter(task_id=whole.id, current=True)
    assert {mended.id, first.id} == set(await ids_of(store, wanted))


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


async def test_counts(store: Store, whole: Task) -> None:
    """Each operation counts where it stands; one that was retried does not."""
    for status, many in zip(Status, (3, 5, 7, 11), strict=True):
        begun = {"queued": 1, "device_id": 5}
        await parts(store, whole, many, status=status, **begun)
    await parts(store, whole, 2)
    await parts(store, whole, status=Status.FAILED, retried=True)
    await parts(store, whole, task_id=6)

    assert Counts(
        waiting=2, running=3, completed=5, failed=7, stale=11
    ) == await store.tasks.count_task(whole.id)


def seen(device_id: int, ago: float, **given: object) -> Device:
    """Return a device that polled so many seconds ago."""
    usual = {"last_seen_at": START - round(ago * SECOND)}
    return device(device_id, **{**usual, **given})


DEVICES = [
    seen(1, 49),
    seen(2, 51),
    seen(3, 199, period=60 * SECOND),
    seen(4, 201, period=60 * SECOND),
    seen(5, 31, hold=0),
    seen(6, 29, hold=0),
    seen(7, 89, hold=60 * SECOND),
    seen(8, 0, scope_id=FIRST_SCOPE + 1),
    device(9),
    seen(10, -5),
    seen(11, 50),
]


async def test_startable(store: Store, whole: Task) -> None:
    """Those can begin whose devices are there, the oldest first."""
    ids = await parts(store, whole, 12)
    await store.save_devices(DEVICES)
    await store.save_seen([each for each in DEVICES if each.last_seen_at], [], keep=1)
    there = [1, 3, 6, 7, 10]

    found = await store.tasks.startable(whole.id, now=START, hold=HOLD, limit=99)
    first = await store.tasks.startable(whole.id, now=START, hold=HOLD, limit=2)

    assert [DueStep(ids[n - 1], n, whole.id, 0) for n in there] == list(found)
    assert found[:2] == first
    online = [d.device_id for d in DEVICES if d.is_online(START, HOLD)]
    assert there == [n for n in online if n != 8]


async def test_begun_is_not_startable(store: Store, whole: Task) -> None:
    """What has begun, was canceled or is over does not begin; nor another task's."""
    await store.save_devices([seen(1, 0)])
    await store.save_seen([seen(1, 0)], [], keep=1)
    for given in (
        {"queued": 1},
        {"canceled": True},
        {"status": Status.FAILED},
        {"task_id": 6},
    ):
        await parts(store, whole, **given)

    find = store.tasks.startable
    assert [] == await find(whole.id, now=START, hold=HOLD, limit=9)
    assert 1 == len(await find(6, now=START, hold=HOLD, limit=9))


async def test_hopeless(store: Store, whole: Task) -> None:
    """Without a device there is no hope; when it is late, for nobody who is away."""
    await store.save_devices([device(1), device(2, scope_id=9), seen(4, 0)])
    await store.save_seen([seen(4, 0)], [], keep=1)
    ids = await parts(store, whole, 4)
    await parts(store, whole, device_id=7, queued=1)

    async def hopeless(*, late: bool, limit: int = 9) -> list[int]:
        found = await store.tasks.hopeless(
            whole.id, late=late, now=START, hold=HOLD, limit=limit
        )
        return [each.id for each in found]

    assert ids[1:3] == await hopeless(late=False)
    assert ids[:3] == await hopeless(late=True)
    assert ids[:2] == await hopeless(late=True, limit=2)


async def test_shifted(store: Store) -> None:
    """Deadlines follow the wall clock, but for what is planned for later."""
    begun, planned = task(expires_at=START + 9), task(expires_at=START + 99)
    over = task(expires_at=START + 9, ended_at=START)
    for each in (begun, planned, over):
        await store.tasks.add_task(attrs.evolve(each, expires_in=9), [])

    await store.tasks.shift_tasks(50, now=START + 50)

    found = [await kept_task(store, each) for each in (begun, planned, over)]
    assert [START + 59, START + 99, START + 9] == [each.expires_at for each in found]


async def test_unended(store: Store, whole: Task) -> None:
    """What runs or waits and was not canceled is unended."""
    ids = await parts(store, whole, 2)
    ids += await parts(store, whole, queued=1)
    for given in ({"canceled": True}, {"status": Status.STALE}, {"retried": True}):
        await parts(store, whole, **given)

    found = await store.tasks.unended(whole.id, limit=9)

    assert ids == [each.id for each in found]
    assert 2 == len(await store.tasks.unended(whole.id, limit=2))


async def test_to_retry(store: Store, whole: Task) -> None:
    """What ended as is asked, and whose place nobody took, can be tried again."""
    ended = {status: (await parts(store, whole, status=status))[0] for status in Status}
    await parts(store, whole, status=Status.FAILED, retried=True)

    async def found(*statuses: Status) -> list[int]:
        those = frozenset(statuses)
        return [e.id for e in await store.tasks.to_retry(whole.id, those, limit=9)]

    assert [ended[Status.FAILED]] == await found(Status.FAILED)
    assert [ended[Status.FAILED], ended[Status.STALE]] == await found(
        Status.FAILED, Status.STALE
    )


async def test_a_part_runs(store: Store, whole: Task) -> None:
    """An operation that was added goes on like any other, and the counts follow."""
    of = part(whole, steps=1)
    await store.tasks.add_operations([of])
    await go_on(store, of)
    running = await store.tasks.count_task(whole.id)
    await report(store, await fly(store))

    assert Counts(running=1) == running
    assert Counts(completed=1) == await store.tasks.count_task(whole.id)
    assert 1 == (await kept(store, of)).done


async def test_ids_go_on(place: Place, clock: ManualClock) -> None:
    """Ids made after a restart are above those of tasks."""
    of = task(id=2**62)
    async with opened(place, clock) as store:
        await store.tasks.add_task(of, [])

    async with opened(place, clock) as store:
        assert of.id < store.new_id()


async def test_operations_are_all_kept_or_none(store: Store, whole: Task) -> None:
    """Of operations that are added together all are kept, or none."""
    twin = part(whole)
    await keep(store, twin)

    with pytest.raises(Exception, match="UNIQUE"):
        await store.tasks.add_operations([part(whole), part(whole, id=twin.id)])

    assert [twin.id] == await ids_of(store, OperationFilter(task_id=whole.id))
