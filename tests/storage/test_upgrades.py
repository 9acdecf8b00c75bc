"""What is stored of upgrades and device upgrades: every field, in every state."""

from typing import Any

import attrs
import pytest

from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import Task, TaskState
from pushserver.model.upgrade import (
    DeviceUpgrade,
    DeviceUpgradeResult,
    DeviceUpgradeState,
    Upgrade,
)
from pushserver.storage.base import Store
from pushserver.storage.retention import PurgeCutoff
from pushserver.storage.sql.store import SqlStore
from pushserver.storage.upgrades import DeviceUpgradeFilter, UpgradeRecord
from tests.clock import START, ManualClock
from tests.model.upgrade_scenario import upgrade
from tests.storage.locations import StoreLocation, open_store
from tests.storage.operations import (
    add_task_operations,
    create_operation,
    delete_operation,
    get_operation,
    save_operations,
    task,
    task_operation,
)
from tests.storage.queue_actions import get_lane

FULL = Upgrade(
    target_version="é☃ 2.0",
    version_pointer="/a~1b/0/ç",
    download_steps=3,
    apply_steps=4,
    max_retries=10,
    apply_timeout=11,
)
FULL_PART: dict[str, Any] = {
    "upgrade": FULL,
    "state": DeviceUpgradeState.UPDATING,
    "source_version": "1 ☃",
    "current_version": "2 ☃",
    "is_apply_unanswered": True,
    "retries_used": 7,
    "updating_at": START + 5,
    "error_code": "17",
    "error": "não",
}


async def add_upgrade(store: Store, of: Upgrade = FULL, **fields: Any) -> Task:
    """Keep an upgrade without devices."""
    created = task(**fields)
    await store.tasks.add_task(created, [], of)
    return created


async def add_device_upgrade(store: Store, of: Task, **fields: Any) -> Operation:
    """Store an operation with its device upgrade, which has started."""
    own = {name: fields.pop(name) for name in list(fields) if name in FULL_PART}
    created = task_operation(
        of,
        **{"queued_steps": 1, **fields},
        device_upgrade=DeviceUpgrade(**{"upgrade": FULL, **own}),
    )
    await save_operations(store, created)
    return created


def fields(of: Operation) -> dict[str, Any]:
    """Return what is known of a device upgrade."""
    assert of.device_upgrade is not None
    return attrs.asdict(of.device_upgrade)


async def test_upgrade(store: Store) -> None:
    """An upgrade is stored with every field, and is its scope's alone."""
    created = await add_upgrade(store)
    find = store.upgrades.find_upgrade

    assert UpgradeRecord(created, FULL) == await find(DEFAULT_SCOPE_ID, created.id)
    assert await find(DEFAULT_SCOPE_ID + 1, created.id) is None


async def test_a_task_is_no_upgrade(store: Store) -> None:
    """A task without terms is no upgrade, and its operations are no device upgrades."""
    created = task()
    await store.tasks.add_task(created, [])
    (one,) = await add_task_operations(store, created)

    found = await store.operations.find_operation(DEFAULT_SCOPE_ID, one)

    assert found is not None
    assert found.device_upgrade is None
    assert await store.upgrades.find_upgrade(DEFAULT_SCOPE_ID, created.id) is None
    assert [] == await store.upgrades.upgrades(DEFAULT_SCOPE_ID, before=None, limit=9)


@pytest.mark.scopes(2)
async def test_list(store: Store) -> None:
    """Upgrades are listed newest first, those that are prepared, each scope its own."""
    first, second = await add_upgrade(store), await add_upgrade(store)
    await add_upgrade(store, state=TaskState.PREPARING)
    await add_upgrade(store, scope_id=DEFAULT_SCOPE_ID + 1)

    async def ids(before: int | None, limit: int) -> list[int]:
        find = store.upgrades.upgrades
        found = await find(DEFAULT_SCOPE_ID, before=before, limit=limit)
        return [each.task.id for each in found]

    assert [second.id, first.id] == await ids(None, 9)
    assert [second.id] == await ids(None, 1)
    assert [first.id] == await ids(second.id, 9)


async def test_not_begun_device_upgrade(store: Store) -> None:
    """Of a device upgrade that has not started only the terms are known."""
    created = await add_upgrade(store)
    await add_task_operations(store, created)

    (found,) = await store.upgrades.device_upgrades(
        created.id, DeviceUpgradeFilter(), after=0, limit=9
    )

    assert (
        attrs.asdict(DeviceUpgrade(upgrade=FULL))
        == fields(found)
        == fields(await get_operation(store, found))
    )


@pytest.mark.parametrize("overrides", [{}, FULL_PART])
async def test_device_upgrade(store: Store, overrides: dict[str, Any]) -> None:
    """A device upgrade is stored with every field, new and changed."""
    created = await add_upgrade(store)
    expected = await add_device_upgrade(store, created)
    assert expected.device_upgrade is not None
    for name, value in overrides.items():
        setattr(expected.device_upgrade, name, value)

    await save_operations(store, expected)

    (listed,) = await store.upgrades.device_upgrades(
        created.id, DeviceUpgradeFilter(), after=0, limit=9
    )
    assert (
        fields(expected)
        == fields(await get_operation(store, expected))
        == fields(listed)
    )


def test_every_field_is_tried() -> None:
    """No field is left at its default in these tests."""
    own: Any = attrs.fields(DeviceUpgrade)
    assert {field.name for field in own} == set(FULL_PART)
    terms: Any = attrs.fields(Upgrade)
    assert not [f.name for f in terms if getattr(FULL, f.name) == f.default]


async def test_counts(store: Store) -> None:
    """Device upgrades are counted by state, without those that wait or were retried."""
    created = await add_upgrade(store)
    await add_task_operations(store, created, 2)
    for state in (*DeviceUpgradeState, DeviceUpgradeState.UPDATING):
        await add_device_upgrade(store, created, state=state)
    await add_device_upgrade(
        store, created, status=OperationStatus.FAILED, queued_steps=0
    )
    await add_device_upgrade(
        store, created, retried=True, status=OperationStatus.FAILED
    )

    assert {"idle": 2, "downloading": 1, "downloaded": 1, "updating": 2} == {
        state.value: number
        for state, number in (
            await store.upgrades.count_device_states(created.id)
        ).items()
    }
    assert {} == await store.upgrades.count_device_states(created.id + 1)


async def test_filters(store: Store) -> None:
    """Device upgrades are listed in order of creation, by result and by state."""
    created, other = await add_upgrade(store), await add_upgrade(store)
    await add_device_upgrade(store, other)
    (waits,) = await add_task_operations(store, created)
    runs = (
        await add_device_upgrade(store, created, state=DeviceUpgradeState.UPDATING)
    ).id
    good = (
        await add_device_upgrade(store, created, status=OperationStatus.COMPLETED)
    ).id
    bad = (await add_device_upgrade(store, created, status=OperationStatus.FAILED)).id
    await add_device_upgrade(
        store, created, retried=True, status=OperationStatus.FAILED
    )

    async def ids(after: int = 0, limit: int = 9, **filters: Any) -> list[int]:
        find = store.upgrades.device_upgrades
        found = await find(
            created.id, DeviceUpgradeFilter(**filters), after=after, limit=limit
        )
        return [each.id for each in found]

    assert [waits, runs, good, bad] == await ids()
    assert [good] == await ids(result=DeviceUpgradeResult.SUCCESS)
    assert [bad] == await ids(result=DeviceUpgradeResult.FAIL)
    assert [waits] == await ids(not_started=True)
    assert [runs, good, bad] == await ids(not_started=False)
    assert [good, bad] == await ids(not_started=False, state=DeviceUpgradeState.IDLE)
    assert [runs] == await ids(state=DeviceUpgradeState.UPDATING)
    assert [runs, good] == await ids(after=waits, limit=2)


async def left(store: Store) -> tuple[int, int]:
    """Return how many upgrades and device upgrades are left, even without an owner."""
    assert isinstance(store, SqlStore)
    sql = "SELECT count(*) FROM upgrade UNION ALL SELECT count(*) FROM device_upgrade"
    upgrades, parts = await store.list_reader.run(lambda c: c.execute(sql).fetchall())
    return upgrades[0], parts[0]


async def test_forgotten(store: Store) -> None:
    """An operation that is deleted leaves nothing of its device upgrade behind."""
    created = await add_upgrade(store)
    await delete_operation(store, await add_device_upgrade(store, created))

    assert (1, 0) == await left(store)


async def test_dropped(store: Store) -> None:
    """An upgrade that was left half written goes with its task."""
    created = await add_upgrade(store, state=TaskState.PREPARING)
    while not await store.tasks.delete_preparing_task(created.id, limit=1):
        pass

    assert (0, 0) == await left(store)


async def test_purged(store: Store) -> None:
    """Old history goes with all that is known of its upgrades."""
    created = await add_upgrade(store, state=TaskState.COMPLETED, ended_at=START)
    await add_device_upgrade(store, created, status=OperationStatus.COMPLETED)
    old = PurgeCutoff(before=MAX_INT64)
    while sum((await store.retention.purge(old, limit=9)).values()):
        pass

    assert (0, 0) == await left(store)


async def test_restart_in_the_middle(
    location: StoreLocation, clock: ManualClock
) -> None:
    """A lane that is read again knows the device upgrade of its running operation."""
    async with open_store(location, clock) as store:
        terms = upgrade(max_retries=2)
        created = await add_upgrade(store, terms)
        of = task_operation(
            created,
            step_count=4,
            device_upgrade=DeviceUpgrade(upgrade=terms, retries_used=1),
        )
        await create_operation(store, of)

    async with open_store(location, clock) as store:
        lane = await get_lane(store, of.device_id)
        (command,) = lane.waiting

    assert command.operation is not None
    assert fields(of) == fields(command.operation)


@pytest.mark.parametrize(
    "criteria", [DeviceUpgradeFilter(), DeviceUpgradeFilter(not_started=True)]
)
async def test_of_some_devices(store: Store, criteria: DeviceUpgradeFilter) -> None:
    """Of an upgrade's devices those that are meant are listed."""
    created = await add_upgrade(store)
    await add_task_operations(store, created, 6)

    found = await store.upgrades.device_upgrades(
        created.id, criteria, after=0, limit=9, device_ids=frozenset({2, 5, 99})
    )

    assert [2, 5] == [each.device_id for each in found]
