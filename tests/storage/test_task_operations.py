"""Operations of tasks: added, replaced and counted, and found when they are due."""

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Counts, Task
from pushserver.storage.base import Store
from pushserver.storage.tracking import DueStep, OperationFilter
from tests.clock import START
from tests.storage.deeds import fly, report
from tests.storage.test_fleet import device
from tests.storage.tracked import go_on, ids_of, keep, kept, kept_task, part, parts

HOLD = 20 * SECOND


async def test_added_operations(store: Store, whole: Task) -> None:
    """Operations are kept as they are, for each device, and none has begun."""
    ids = await parts(store, whole, 100)

    assert ids[::-1] == await ids_of(store, OperationFilter(task_id=whole.id))
    assert Counts(waiting=100) == await store.tasks.count_task(whole.id)


async def test_operations_are_all_kept_or_none(store: Store, whole: Task) -> None:
    """Of operations that are added together all are kept, or none."""
    twin = part(whole)
    await keep(store, twin)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.tasks.add_operations([part(whole), part(whole, id=twin.id)])

    assert [twin.id] == await ids_of(store, OperationFilter(task_id=whole.id))


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
