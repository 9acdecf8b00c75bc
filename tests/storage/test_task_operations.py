"""Operations of tasks: added, replaced and counted, and found when they are due."""

import attrs
import pytest

from pushserver.clock import SECOND
from pushserver.model.device import Device
from pushserver.model.operation import OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import OperationCounts, Task
from pushserver.storage.base import Store
from pushserver.storage.operations import DueStep, OperationFilter
from tests.clock import START
from tests.model.operation_scenario import TOKEN_ID
from tests.storage.operations import (
    add_task_operations,
    get_operation,
    get_task,
    operation_ids,
    save_operations,
    start_next_step,
    task_operation,
)
from tests.storage.queue_actions import poll_command, post_result
from tests.storage.test_devices import device

pytestmark = pytest.mark.scopes(2, 9)

HOLD = 20 * SECOND


async def test_added_operations(store: Store, two_step_task: Task) -> None:
    """Operations are stored as they are, one for each device, and none has started."""
    ids = await add_task_operations(store, two_step_task, 100)

    assert ids[::-1] == await operation_ids(
        store, OperationFilter(task_id=two_step_task.id)
    )
    assert OperationCounts(waiting=100) == await store.tasks.operation_counts(
        two_step_task.id
    )


async def test_operations_are_all_kept_or_none(
    store: Store, two_step_task: Task
) -> None:
    """Of operations that are added together all are stored, or none."""
    duplicate = task_operation(two_step_task)
    await save_operations(store, duplicate)

    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.tasks.add_operations(
            [
                task_operation(two_step_task),
                task_operation(two_step_task, id=duplicate.id),
            ]
        )

    assert [duplicate.id] == await operation_ids(
        store, OperationFilter(task_id=two_step_task.id)
    )


async def test_in_the_place_of_others(store: Store, two_step_task: Task) -> None:
    """Others take the place of some, and the task stands as is said, in one write."""
    old = [
        task_operation(two_step_task, device_id=n, status=OperationStatus.FAILED)
        for n in (1, 2, 3)
    ]
    await store.tasks.add_operations(old)
    new = [task_operation(two_step_task, device_id=n) for n in (1, 2)]
    again = attrs.evolve(two_step_task, ignored_failures=4, expires_at=START + 9)

    await store.tasks.replace_operations(again, list(zip(old, new, strict=False)))

    assert again == await get_task(store, two_step_task)
    assert OperationCounts(waiting=2, failed=1) == await store.tasks.operation_counts(
        two_step_task.id
    )
    filters = OperationFilter(task_id=two_step_task.id, exclude_retried=True)
    assert {old[2].id, *(e.id for e in new)} == set(await operation_ids(store, filters))


async def test_what_was_mended_stays(store: Store, two_step_task: Task) -> None:
    """What does not stand as it did any more, or was replaced, is not replaced."""
    mended = task_operation(
        two_step_task, device_id=1, status=OperationStatus.COMPLETED
    )
    twice = task_operation(two_step_task, device_id=2, status=OperationStatus.FAILED)
    await store.tasks.add_operations([mended, twice])
    believed = attrs.evolve(mended, status=OperationStatus.STALE)
    first, second = (
        task_operation(two_step_task, device_id=2),
        task_operation(two_step_task, device_id=2),
    )

    await store.tasks.replace_operations(
        two_step_task,
        [
            (believed, task_operation(two_step_task, device_id=1)),
            (twice, first),
            (twice, second),
        ],
    )

    filters = OperationFilter(task_id=two_step_task.id, exclude_retried=True)
    assert {mended.id, first.id} == set(await operation_ids(store, filters))


async def test_counts(store: Store, two_step_task: Task) -> None:
    """Each operation counts where it stands; one that was retried does not."""
    for status, many in zip(OperationStatus, (3, 5, 7, 11), strict=True):
        before = {"queued_steps": 1, "device_id": 5}
        await add_task_operations(store, two_step_task, many, status=status, **before)
    await add_task_operations(store, two_step_task, 2)
    await add_task_operations(
        store, two_step_task, status=OperationStatus.FAILED, retried=True
    )
    await add_task_operations(store, two_step_task, task_id=6)

    assert OperationCounts(
        waiting=2, running=3, completed=5, failed=7, stale=11
    ) == await store.tasks.operation_counts(two_step_task.id)


def seen(device_id: int, ago: float, **fields: object) -> Device:
    """Return a device that polled so many seconds ago."""
    usual = {"last_seen_at": START - round(ago * SECOND)}
    return device(device_id, **{**usual, **fields})


DEVICES = [
    seen(1, 49),
    seen(2, 51),
    seen(3, 199, poll_period=60 * SECOND),
    seen(4, 201, poll_period=60 * SECOND),
    seen(5, 31, hold=0),
    seen(6, 29, hold=0),
    seen(7, 89, hold=60 * SECOND),
    seen(8, 0, scope_id=DEFAULT_SCOPE_ID + 1),
    device(9),
    seen(10, -5),
    seen(11, 50),
]


async def test_startable(store: Store, two_step_task: Task) -> None:
    """Those can begin whose devices are there, the oldest first."""
    ids = await add_task_operations(store, two_step_task, 12)
    await store.save_devices(DEVICES)
    await store.save_last_seen(
        [each for each in DEVICES if each.last_seen_at], [], keep=1
    )
    there = [1, 3, 6, 7, 10]

    found = await store.tasks.startable_steps(
        two_step_task.id, now=START, hold=HOLD, limit=99
    )
    first = await store.tasks.startable_steps(
        two_step_task.id, now=START, hold=HOLD, limit=2
    )

    assert [
        DueStep(ids[n - 1], n, two_step_task.id, 0, TOKEN_ID) for n in there
    ] == list(found)
    assert found[:2] == first
    online = [d.device_id for d in DEVICES if d.is_online(START, HOLD)]
    assert there == [n for n in online if n != 8]


async def test_begun_is_not_startable(store: Store, two_step_task: Task) -> None:
    """What has started, was canceled or has ended cannot start; nor another task's."""
    await store.save_devices([seen(1, 0)])
    await store.save_last_seen([seen(1, 0)], [], keep=1)
    for fields in (
        {"queued_steps": 1},
        {"canceled": True},
        {"status": OperationStatus.FAILED},
        {"task_id": 6},
    ):
        await add_task_operations(store, two_step_task, **fields)

    find = store.tasks.startable_steps
    assert [] == await find(two_step_task.id, now=START, hold=HOLD, limit=9)
    assert 1 == len(await find(6, now=START, hold=HOLD, limit=9))


async def test_unreachable(store: Store, two_step_task: Task) -> None:
    """
    A removed device is unreachable; when it is too late, so is one that is offline.
    """
    await store.save_devices([device(1), device(2, scope_id=9), seen(4, 0)])
    await store.save_last_seen([seen(4, 0)], [], keep=1)
    ids = await add_task_operations(store, two_step_task, 4)
    await add_task_operations(store, two_step_task, device_id=7, queued_steps=1)

    async def unreachable(*, late: bool, limit: int = 9) -> list[int]:
        found = await store.tasks.unreachable_operations(
            two_step_task.id, include_offline=late, now=START, hold=HOLD, limit=limit
        )
        return [each.id for each in found]

    assert ids[1:3] == await unreachable(late=False)
    assert ids[:3] == await unreachable(late=True)
    assert ids[:2] == await unreachable(late=True, limit=2)


async def test_unended(store: Store, two_step_task: Task) -> None:
    """What runs or waits and was not canceled is unended."""
    ids = await add_task_operations(store, two_step_task, 2)
    ids += await add_task_operations(store, two_step_task, queued_steps=1)
    for fields in (
        {"canceled": True},
        {"status": OperationStatus.STALE},
        {"retried": True},
    ):
        await add_task_operations(store, two_step_task, **fields)

    found = await store.tasks.unfinished_operations(two_step_task.id, limit=9)

    assert ids == [each.id for each in found]
    assert 2 == len(await store.tasks.unfinished_operations(two_step_task.id, limit=2))


async def test_to_retry(store: Store, two_step_task: Task) -> None:
    """What ended as is asked, and whose place nobody took, can be tried again."""
    ended = {
        status: (await add_task_operations(store, two_step_task, status=status))[0]
        for status in OperationStatus
    }
    await add_task_operations(
        store, two_step_task, status=OperationStatus.FAILED, retried=True
    )

    async def found(*statuses: OperationStatus) -> list[int]:
        those = frozenset(statuses)
        return [
            e.id
            for e in await store.tasks.retryable_operations(
                two_step_task.id, those, limit=9
            )
        ]

    assert [ended[OperationStatus.FAILED]] == await found(OperationStatus.FAILED)
    assert [ended[OperationStatus.FAILED], ended[OperationStatus.STALE]] == await found(
        OperationStatus.FAILED, OperationStatus.STALE
    )


async def test_a_part_runs(store: Store, two_step_task: Task) -> None:
    """An operation that was added goes on like any other, and the counts follow."""
    of = task_operation(two_step_task, step_count=1)
    await store.tasks.add_operations([of])
    await start_next_step(store, of)
    running = await store.tasks.operation_counts(two_step_task.id)
    await post_result(store, await poll_command(store))

    assert OperationCounts(running=1) == running
    assert OperationCounts(completed=1) == await store.tasks.operation_counts(
        two_step_task.id
    )
    assert 1 == (await get_operation(store, of)).done_steps


async def test_of_some_devices(store: Store, two_step_task: Task) -> None:
    """Of a task's operations those of some devices are listed, page by page."""
    for status in (OperationStatus.FAILED, OperationStatus.RUNNING):
        await add_task_operations(store, two_step_task, 6, status=status)

    async def devices(*statuses: OperationStatus) -> list[int]:
        page = await store.tasks.task_operations(
            two_step_task.id,
            frozenset(statuses),
            after=0,
            limit=3,
            device_ids=frozenset({2, 4, 5, 99}),
        )
        return [each.operation.device_id for each in page]

    assert [2, 4, 5] == await devices()
    assert [2, 4, 5] == await devices(OperationStatus.FAILED)
    assert [2, 4, 5] == await devices(*OperationStatus)
