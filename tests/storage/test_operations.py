"""Operations: written with what moves them, read by filters and in pages."""

import asyncio

import pytest

from pushserver.errors import Unavailable
from pushserver.model.command import Command
from pushserver.model.operation import Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.storage.base import Store
from pushserver.storage.deciding import Recall
from pushserver.storage.tracking import (
    DueStep,
    OperationFilter,
    StepRecord,
)
from tests.clock import START, ManualClock
from tests.model.values import DEVICE
from tests.model.work import notification, operation
from tests.storage.deeds import abandon, fly, lane_of, recall, report
from tests.storage.places import Place, away, opened
from tests.storage.tracked import (
    begin,
    forget,
    go_on,
    ids_of,
    keep,
    kept,
    steps_of,
    task,
    tell,
    told_of,
)


async def test_written_with_its_command(store: Store) -> None:
    """A command, its operation and what is told of it are one commit."""
    of = operation(steps=1)
    await begin(store, of)
    await report(store, await fly(store))

    found = await kept(store, of)
    assert (Status.COMPLETED, 1, 1, 100) == (
        found.status,
        found.queued,
        found.done,
        found.progress,
    )
    assert ["queued", "sent", "SUCCESSFUL"] == [
        (message or "").split()[-1] for message in await told_of(store, of)
    ]


async def test_neither_without_the_other(store: Store) -> None:
    """When the commit fails nothing of it is there, in memory or on the disk."""
    of = operation(steps=1)
    await begin(store, of)
    async with away(store):
        with pytest.raises(Unavailable):
            await fly(store)
    await store.check()

    lane = await lane_of(store)
    at_work = lane.waiting[0].operation
    assert at_work is not None
    assert (0, 0, 1) == (at_work.progress, at_work.version, at_work.queued)
    assert ["Step 1 of 1: queued"] == await told_of(store, of)

    await report(store, await fly(store))
    assert Status.COMPLETED is (await kept(store, of)).status


async def test_changed_twice_in_one_round(store: Store) -> None:
    """Two changes that share a commit both count, and the version grows by one."""
    of = operation()
    await keep(store, of)
    told = [notification(of, progress=10 * n) for n in range(1, 6)]

    await asyncio.gather(*(tell(store, of, each) for each in told))

    found = await kept(store, of)
    assert (50, 1) == (found.progress, found.version)
    assert [None] * 5 == await told_of(store, of)


async def test_told_and_moved_in_one_round(store: Store) -> None:
    """Whoever comes by its command and whoever comes by its id find the same one."""
    of = operation(steps=2)
    await begin(store, of)
    flight = await fly(store)

    await asyncio.gather(
        tell(store, of, notification(of)),
        report(store, flight),
        tell(store, of, notification(of)),
        go_on(store, of),
        tell(store, of, notification(of)),
    )

    found = await kept(store, of)
    assert (2, 1, 50) == (found.queued, found.done, found.progress)
    told = [(message or "outside").split()[-1] for message in await told_of(store, of)]
    expected = ["outside"] * 3 + ["queued"] * 2 + ["sent", "SUCCESSFUL"]
    assert sorted(expected) == sorted(told)


async def test_version_guards(store: Store) -> None:
    """Whoever believes in an operation that somebody else has moved is refused."""
    of = operation()
    await keep(store, of)
    stale = await kept(store, of)
    await tell(store, of, notification(of, progress=10))

    stale.progress = 99
    with pytest.raises(Unavailable):
        await keep(store, stale)

    assert 10 == (await kept(store, of)).progress


async def test_recalled(store: Store) -> None:
    """A decision can ask for an operation; what is not there is not."""
    of = operation()
    await keep(store, of)

    found = (await recall(store, Recall(operation_id=of.id))).operation

    assert found is not None
    assert (of.id, True) == (found.id, found.stored)
    assert (await recall(store, Recall(operation_id=5))).operation is None


async def test_late_results_find_it(store: Store) -> None:
    """What was given up brings its operation with it."""
    of = operation(steps=1)
    await begin(store, of)
    await fly(store, uuid="u1")
    await abandon(store, START)

    by_uuid = (await recall(store, Recall(uuid="u1", given_up=True))).by_uuid
    given_up = (await recall(store, Recall(given_up=True))).given_up

    for found in (by_uuid, given_up):
        assert found is not None
        assert found.command.operation is not None
        assert of.id == found.command.operation.id


async def test_forgotten(store: Store) -> None:
    """With an operation its steps and notifications go; commands and results stay."""
    of, other = operation(steps=1), operation(steps=1, device_id=5)
    await begin(store, of)
    await begin(store, other)
    flight = await fly(store)
    await report(store, flight)

    await forget(store, of)

    operations = store.operations
    assert await operations.find_operation(FIRST_SCOPE, of.id) is None
    assert ([], []) == (
        await told_of(store, of),
        await operations.steps([(of.id, 0)]),
    )
    record = await store.find_command(FIRST_SCOPE, flight.command.id)
    assert record is not None
    assert (State.SUCCESSFUL, True) == (
        record.command.state,
        record.result is not None,
    )
    assert [other.id] == await ids_of(store, OperationFilter())
    assert 1 == len(await told_of(store, other))
    assert 1 == len(await operations.steps([(other.id, 0)]))


async def test_forgotten_in_flight(place: Place, clock: ManualClock) -> None:
    """The command of a forgotten operation goes on alone, also after a restart."""
    of = operation(steps=1)
    async with opened(place, clock) as store:
        await begin(store, of)
        flight = await fly(store)
        await forget(store, of)

    async with opened(place, clock) as store:
        lane = await lane_of(store)
        assert lane.flight is not None
        await report(store, lane.flight)
        record = await store.find_command(FIRST_SCOPE, flight.command.id)

    assert record is not None
    assert State.SUCCESSFUL is record.command.state


async def test_step_records(store: Store) -> None:
    """Steps are shown with the commands that they became, and without bodies."""
    of = operation(steps=3)
    await begin(store, of)
    flight = await fly(store)
    await report(store, flight)
    await go_on(store, of)

    records = await store.operations.step_records(of)

    second = await command_of(store)
    assert [
        (flight.command.id, State.SUCCESSFUL),
        (second.id, State.PENDING),
        (None, None),
    ] == [(one.command_id, one.state) for one in records]
    assert [None] * 3 == [one.step.draft.order.body for one in records]
    assert [0, 1, 2] == [one.step.number for one in records]
    assert ["part 1", "part 2", "part 3"] == [o.step.draft.resource for o in records]


async def command_of(store: Store) -> Command:
    """Return what waits first for the device."""
    lane = await lane_of(store)
    return lane.waiting[0]


async def test_step_records_of_a_part(store: Store) -> None:
    """An operation of a task has the task's steps."""
    whole = task(id=40, steps=2)
    await store.tasks.add_task(whole, steps_of(40, 2))
    of = operation(steps=2, task_id=40)
    await store.tasks.add_operations([of])

    records: list[StepRecord] = list(await store.operations.step_records(of))

    assert [(40, 0), (40, 1)] == [(o.step.owner_id, o.step.number) for o in records]


async def test_due_steps(store: Store) -> None:
    """The next step is due between two steps of what runs, and at no other time."""
    of, whole = operation(steps=3), task(id=40, steps=3)
    await store.tasks.add_task(whole, steps_of(40, 3))
    part = operation(steps=3, task_id=40, device_id=5, queued=1, done=1)
    waiting = operation(steps=3, task_id=40, device_id=6)
    over = operation(steps=3, status=Status.FAILED, device_id=7, queued=1, done=1)
    for each in (part, waiting, over):
        await keep(store, each)
    await begin(store, of)

    async def due(limit: int = 9) -> list[DueStep]:
        return list(await store.operations.due_steps(limit=limit))

    of_part = DueStep(part.id, 5, 40, 1)
    assert [of_part] == await due()
    flight = await fly(store)
    assert [of_part] == await due()
    await report(store, flight)
    assert {of_part, DueStep(of.id, DEVICE, of.id, 1)} == set(await due())
    assert [min(of.id, part.id)] == [each.operation_id for each in await due(1)]
    await go_on(store, of)
    assert [of_part] == await due()
