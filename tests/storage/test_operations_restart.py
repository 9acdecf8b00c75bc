"""Operations after a restart: as they were, with the commands that they follow."""

from collections.abc import Awaitable, Callable

import pytest

from pushserver.model.operation import Operation, Status
from pushserver.storage.base import Store
from pushserver.storage.deciding import Recall
from pushserver.storage.tracking import DueStep
from tests.clock import START, ManualClock
from tests.model.values import DAY, DEVICE, GRACE
from tests.model.work import notification, operation
from tests.storage.deeds import (
    abandon,
    ask,
    fly,
    flying,
    lane_of,
    recall,
    report,
    take_back,
    tend,
    written,
)
from tests.storage.places import Place, opened
from tests.storage.test_tracking_round_trip import fields
from tests.storage.tracked import (
    begin,
    call_off_operation,
    go_on,
    keep,
    kept,
    tell,
    told_of,
)


async def nothing(_store: Store) -> None:
    """Leave its first command waiting."""


async def in_flight(store: Store) -> None:
    """Hand its command out."""
    await fly(store)


async def delivered(store: Store) -> None:
    """Let its command be read by the device."""
    await written(store, await fly(store))


async def taken_back(store: Store) -> None:
    """Hand its command out and take it back."""
    await take_back(store, await fly(store))


async def second_step(store: Store) -> None:
    """Let its second step wait."""
    flight = await fly(store)
    await report(store, flight)
    assert flight.command.operation is not None
    await go_on(store, flight.command.operation)


async def second_in_flight(store: Store) -> None:
    """Hand its second step out."""
    await second_step(store)
    await fly(store)


async def told(store: Store) -> None:
    """Tell something of it from outside."""
    of = await at_work(store)
    await tell(store, of, notification(of, progress=7))


async def canceled_in_flight(store: Store) -> None:
    """Cancel it while its step is in flight."""
    await fly(store)
    await call_off_operation(store, await at_work(store))


async def at_work(store: Store) -> Operation:
    """Return the operation that the device's only command follows."""
    lane = await lane_of(store)
    command = lane.flight.command if lane.flight else lane.waiting[0]
    assert command.operation is not None
    return command.operation


STAGES: dict[str, Callable[[Store], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        nothing,
        in_flight,
        delivered,
        taken_back,
        second_step,
        second_in_flight,
        told,
        canceled_in_flight,
    )
}


@pytest.mark.parametrize("stage", STAGES)
async def test_at_work(place: Place, clock: ManualClock, stage: str) -> None:
    """A live command has its operation again, with all that was counted."""
    of = operation(steps=2)
    async with opened(place, clock) as store:
        await begin(store, of)
        await STAGES[stage](store)
        before, told_before = fields(await at_work(store)), await told_of(store, of)

    async with opened(place, clock) as store:
        assert before == fields(await at_work(store)) == fields(await kept(store, of))
        assert told_before == await told_of(store, of)
        assert [] == await store.operations.due_steps(limit=9)


@pytest.mark.parametrize("stage", STAGES)
async def test_goes_on(place: Place, clock: ManualClock, stage: str) -> None:
    """What then happens to the command moves the operation on."""
    of = operation(steps=2)
    async with opened(place, clock) as store:
        await begin(store, of)
        await STAGES[stage](store)

    async with opened(place, clock) as store:
        done = (await at_work(store)).done
        flight = await flying(store) or await fly(store)
        await report(store, flight)

        found = await kept(store, of)
        assert done + 1 == found.done
        assert 50 * found.done == found.progress


async def test_between_two_steps(place: Place, clock: ManualClock) -> None:
    """When the step was over and the next one was not queued, it is due."""
    of = operation(steps=2)
    async with opened(place, clock) as store:
        await begin(store, of)
        await report(store, await fly(store))

    async with opened(place, clock) as store:
        assert store.lane(DEVICE) is None
        due = await store.operations.due_steps(limit=9)

    assert [DueStep(of.id, DEVICE, of.id, 1)] == list(due)


async def test_expires(place: Place, clock: ManualClock) -> None:
    """What expires after a restart fails its operation."""
    of = operation(steps=2)
    async with opened(place, clock) as store:
        await begin(store, of)

    async with opened(place, clock) as store:
        await tend(store, START + DAY)

        assert Status.FAILED is (await kept(store, of)).status


async def test_late_result(place: Place, clock: ManualClock) -> None:
    """A result that comes after a restart finds the operation that it mends."""
    of = operation(steps=1)
    async with opened(place, clock) as store:
        await begin(store, of)
        await fly(store, uuid="u1")
        await abandon(store, START + GRACE)

    async with opened(place, clock) as store:
        past = (await recall(store, Recall(uuid="u1"))).by_uuid

    assert past is not None
    assert past.command.operation is not None
    assert (of.id, Status.STALE) == (
        past.command.operation.id,
        past.command.operation.status,
    )


async def test_several_on_one_device(place: Place, clock: ManualClock) -> None:
    """Each command has its own operation again."""
    several = [operation(steps=1) for _ in range(3)]
    async with opened(place, clock) as store:
        for each in several:
            await begin(store, each)
        await ask(store)

    async with opened(place, clock) as store:
        lane = await lane_of(store)
        assert lane.flight is not None
        commands = [lane.flight.command, *lane.waiting]
        assert [each.id for each in several] == [
            command.operation and command.operation.id for command in commands
        ]


async def test_ids_go_on(place: Place, clock: ManualClock) -> None:
    """Ids made after a restart are above those of operations and what was told."""
    of = operation(id=2**61)
    last = notification(of, id=2**62)
    async with opened(place, clock) as store:
        await keep(store, of, told=[last])

    async with opened(place, clock) as store:
        assert last.id < store.new_id()
