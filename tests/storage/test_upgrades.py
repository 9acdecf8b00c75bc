"""What is kept of upgrades and their parts: every field, wherever one stands."""

from typing import Any

import attrs
import pytest

from pushserver.model.ids import MAX_INT64
from pushserver.model.operation import Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Task, TaskState
from pushserver.model.upgrade import Part, Upgrade, UpgradeResult, UpgradeState
from pushserver.storage.base import Old, Store
from pushserver.storage.sql.store import SqlStore
from pushserver.storage.upgrading import PartFilter, UpgradeRecord
from tests.clock import START, ManualClock
from tests.model.upgrades import upgrade
from tests.storage.deeds import lane_of
from tests.storage.places import Place, opened
from tests.storage.tracked import begin, forget, keep, kept, part, parts, task

FULL = Upgrade(
    target_version="é☃ 2.0",
    pointer="/a~1b/0/ç",
    downloads=3,
    applies=4,
    retries=10,
    apply_timeout=11,
)
FULL_PART: dict[str, Any] = {
    "upgrade": FULL,
    "state": UpgradeState.UPDATING,
    "source_version": "1 ☃",
    "current_version": "2 ☃",
    "missing": True,
    "tries": 7,
    "updating_at": START + 5,
    "error_code": "17",
    "error": "não",
}


async def an_upgrade(store: Store, of: Upgrade = FULL, **given: Any) -> Task:
    """Keep an upgrade without devices."""
    made = task(**given)
    await store.tasks.add_task(made, [], of)
    return made


async def a_part(store: Store, of: Task, **given: Any) -> Operation:
    """Keep an operation of an upgrade with its part, which has begun."""
    own = {name: given.pop(name) for name in list(given) if name in FULL_PART}
    made = part(of, **{"queued": 1, **given}, upgrade=Part(**{"upgrade": FULL, **own}))
    await keep(store, made)
    return made


def fields(of: Operation) -> dict[str, Any]:
    """Return what is known of a part."""
    assert of.upgrade is not None
    return attrs.asdict(of.upgrade)


async def test_upgrade(store: Store) -> None:
    """An upgrade is kept with every field, and is its scope's alone."""
    made = await an_upgrade(store)
    find = store.upgrades.find_upgrade

    assert UpgradeRecord(made, FULL) == await find(FIRST_SCOPE, made.id)
    assert await find(FIRST_SCOPE + 1, made.id) is None


async def test_a_task_is_no_upgrade(store: Store) -> None:
    """A task without terms is not among the upgrades, and its operations no parts."""
    made = task()
    await store.tasks.add_task(made, [])
    (one,) = await parts(store, made)

    found = await store.operations.find_operation(FIRST_SCOPE, one)

    assert found is not None
    assert found.upgrade is None
    assert await store.upgrades.find_upgrade(FIRST_SCOPE, made.id) is None
    assert [] == await store.upgrades.upgrades(FIRST_SCOPE, before=None, limit=9)


async def test_list(store: Store) -> None:
    """Upgrades are listed newest first, those that are prepared, each scope its own."""
    first, second = await an_upgrade(store), await an_upgrade(store)
    await an_upgrade(store, state=TaskState.PREPARING)
    await an_upgrade(store, scope_id=FIRST_SCOPE + 1)

    async def ids(before: int | None, limit: int) -> list[int]:
        find = store.upgrades.upgrades
        found = await find(FIRST_SCOPE, before=before, limit=limit)
        return [each.task.id for each in found]

    assert [second.id, first.id] == await ids(None, 9)
    assert [second.id] == await ids(None, 1)
    assert [first.id] == await ids(second.id, 9)


async def test_part_that_has_not_begun(store: Store) -> None:
    """Of a part that has not begun nothing is known but the terms."""
    made = await an_upgrade(store)
    await parts(store, made)

    (found,) = await store.upgrades.parts(made.id, PartFilter(), after=0, limit=9)

    assert (
        attrs.asdict(Part(upgrade=FULL))
        == fields(found)
        == fields(await kept(store, found))
    )


@pytest.mark.parametrize("given", [{}, FULL_PART])
async def test_part(store: Store, given: dict[str, Any]) -> None:
    """A part is kept with every field, new and changed."""
    made = await an_upgrade(store)
    wanted = await a_part(store, made)
    assert wanted.upgrade is not None
    for name, value in given.items():
        setattr(wanted.upgrade, name, value)

    await keep(store, wanted)

    (listed,) = await store.upgrades.parts(made.id, PartFilter(), after=0, limit=9)
    assert fields(wanted) == fields(await kept(store, wanted)) == fields(listed)


def test_every_field_is_tried() -> None:
    """No field is left at its default in these tests."""
    own: Any = attrs.fields(Part)
    assert {field.name for field in own} == set(FULL_PART)
    terms: Any = attrs.fields(Upgrade)
    assert not [f.name for f in terms if getattr(FULL, f.name) == f.default]


async def test_counts(store: Store) -> None:
    """Parts are counted by their states; not what waits, nor what was retried."""
    made = await an_upgrade(store)
    await parts(store, made, 2)
    for state in (*UpgradeState, UpgradeState.UPDATING):
        await a_part(store, made, state=state)
    await a_part(store, made, status=Status.FAILED, queued=0)
    await a_part(store, made, retried=True, status=Status.FAILED)

    assert {"idle": 2, "downloading": 1, "downloaded": 1, "updating": 2} == {
        state.value: number
        for state, number in (await store.upgrades.count_states(made.id)).items()
    }
    assert {} == await store.upgrades.count_states(made.id + 1)


async def test_filters(store: Store) -> None:
    """Parts are listed in the order they were made, by result and by state."""
    made, other = await an_upgrade(store), await an_upgrade(store)
    await a_part(store, other)
    (waits,) = await parts(store, made)
    runs = (await a_part(store, made, state=UpgradeState.UPDATING)).id
    good = (await a_part(store, made, status=Status.COMPLETED)).id
    bad = (await a_part(store, made, status=Status.FAILED)).id
    await a_part(store, made, retried=True, status=Status.FAILED)

    async def ids(after: int = 0, limit: int = 9, **wanted: Any) -> list[int]:
        find = store.upgrades.parts
        found = await find(made.id, PartFilter(**wanted), after=after, limit=limit)
        return [each.id for each in found]

    assert [waits, runs, good, bad] == await ids()
    assert [good] == await ids(result=UpgradeResult.SUCCESS)
    assert [bad] == await ids(result=UpgradeResult.FAIL)
    assert [waits] == await ids(waiting=True)
    assert [runs, good, bad] == await ids(waiting=False)
    assert [good, bad] == await ids(waiting=False, state=UpgradeState.IDLE)
    assert [runs] == await ids(state=UpgradeState.UPDATING)
    assert [runs, good] == await ids(after=waits, limit=2)


async def left(store: Store) -> tuple[int, int]:
    """Return how many upgrades and parts there are, also of nobody."""
    assert isinstance(store, SqlStore)
    sql = "SELECT count(*) FROM upgrade UNION ALL SELECT count(*) FROM upgrade_part"
    upgrades, parts = await store.lists.run(lambda c: c.execute(sql).fetchall())
    return upgrades[0], parts[0]


async def test_forgotten(store: Store) -> None:
    """An operation that is deleted leaves nothing of its part behind."""
    made = await an_upgrade(store)
    await forget(store, await a_part(store, made))

    assert (1, 0) == await left(store)


async def test_dropped(store: Store) -> None:
    """An upgrade that was left half written goes with its task."""
    made = await an_upgrade(store, state=TaskState.PREPARING)
    while not await store.tasks.drop_task(made.id, limit=1):
        pass

    assert (0, 0) == await left(store)


async def test_purged(store: Store) -> None:
    """Old history goes with all that is known of its upgrades."""
    made = await an_upgrade(store, state=TaskState.COMPLETED, ended_at=START)
    await a_part(store, made, status=Status.COMPLETED)
    old = Old(before=MAX_INT64)
    while await store.history.purge(old, limit=9):
        pass

    assert (0, 0) == await left(store)


async def test_restart_in_the_middle(place: Place, clock: ManualClock) -> None:
    """A lane that is read again knows the part of the operation it works on."""
    async with opened(place, clock) as store:
        terms = upgrade(retries=2)
        made = await an_upgrade(store, terms)
        of = part(made, steps=4, upgrade=Part(upgrade=terms, tries=1))
        await begin(store, of)

    async with opened(place, clock) as store:
        lane = await lane_of(store, of.device_id)
        (command,) = lane.waiting

    assert command.operation is not None
    assert fields(of) == fields(command.operation)
