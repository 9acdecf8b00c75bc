"""Events are kept with what makes them true, or not at all, in order."""

import asyncio
from functools import partial
from typing import Any

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.event import CommandTold, Event, EventType
from pushserver.model.lane import Lane
from pushserver.model.operation import Label
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Counts, Task, TaskState
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past
from tests.clock import START, ManualClock
from tests.model.events import commands_of
from tests.model.values import DAY, DEVICE, command
from tests.storage.deeds import enqueue, fly, report, tend, waiting, written
from tests.storage.outbox import ALL, happen
from tests.storage.places import Place, away, opened

OTHER = 2


async def events(store: Store, scope: int = FIRST_SCOPE, after: int = 0) -> list[Event]:
    """Return a scope's events."""
    return list(await store.subscriptions.events(scope, after=after, limit=10_000))


async def test_with_the_transition(store: Store) -> None:
    """Each transition is an event by the time the caller hears of it."""
    store.interest[FIRST_SCOPE] = ALL
    one = command()
    await enqueue(store, one)
    made = len(await events(store))
    flight = await fly(store)
    sent = len(await events(store))
    await written(store, flight)
    await report(store, flight)

    assert (1, 2) == (made, sent)
    told = [each.state for each in commands_of(await events(store))]
    assert ["PENDING", "SENT", "DELIVERED", "SUCCESSFUL"] == told


async def test_every_field(store: Store) -> None:
    """An event comes back as it was decided."""
    (happened,) = await happen(store)

    assert [happened] == await events(store)
    assert [happened] == await store.subscriptions.events_by_id([happened.id, 99])


async def test_commit_fails(store: Store) -> None:
    """A commit that fails leaves neither the transition nor its event."""
    store.interest[FIRST_SCOPE] = ALL
    async with away(store):
        with pytest.raises(Unavailable):
            await enqueue(store, command())

    assert [] == await events(store)
    assert [] == await waiting(store)


async def test_count_goes_on(store: Store) -> None:
    """A transition whose commit failed leaves no gap in the command's numbers."""
    store.interest[FIRST_SCOPE] = ALL
    one = command()
    await enqueue(store, one)
    async with away(store):
        with pytest.raises(Unavailable):
            await fly(store)
    await fly(store)

    assert [1, 2] == [each.sequence for each in commands_of(await events(store))]


async def test_count_after_restart(place: Place, clock: ManualClock) -> None:
    """A command goes on counting after a restart."""
    async with opened(place, clock) as store:
        await enqueue(store, command(), command())
        await fly(store)
    async with opened(place, clock) as store:
        store.interest[FIRST_SCOPE] = ALL
        await tend(store, START + 2 * DAY)
        found = commands_of(await events(store))

    assert [2, 3] == sorted(each.sequence for each in found)


async def test_nobody_listens(store: Store) -> None:
    """Nothing is written of what nobody wants to hear of."""
    await enqueue(store, command())
    await report(store, await fly(store))

    assert [] == await events(store)
    assert 0 == await store.subscriptions.newest_event()


async def test_order_under_pressure(store: Store) -> None:
    """Of many who write at once, who sees an event has seen every one before it."""
    store.interest[FIRST_SCOPE] = ALL
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 200:
            after = seen[-1] if seen else 0
            seen.extend(event.id for event in await events(store, after=after))

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(read())
        for number in range(200):
            group.create_task(enqueue(store, command(device_id=number + 1)))

    assert [event.id for event in await events(store)] == seen


async def test_after_and_limit(store: Store) -> None:
    """Events are read on from the last one that was seen."""
    first, second, third = (event.id for event in await happen(store, 3))

    read = partial(store.subscriptions.events, FIRST_SCOPE)
    assert [first, second] == [e.id for e in await read(after=0, limit=2)]
    assert [third] == [e.id for e in await read(after=second, limit=2)]
    assert 1 == await store.subscriptions.count_events(
        FIRST_SCOPE, after=first, to=second
    )
    assert third == await store.subscriptions.newest_event()


async def test_scopes_apart(store: Store) -> None:
    """A scope's events are seen in that scope alone."""
    (mine,) = await happen(store)
    (theirs,) = await happen(store, scope=OTHER)

    assert [mine] == await events(store)
    assert [theirs] == await events(store, OTHER)
    assert 0 == await store.subscriptions.count_events(
        FIRST_SCOPE, after=mine.id, to=theirs.id
    )


def task(state: TaskState) -> Task:
    """Return a task that runs, or was prepared."""
    return Task(
        id=5,
        scope_id=FIRST_SCOPE,
        created_at=START,
        created_by=1,
        expires_in=DAY,
        expires_at=START + DAY,
        state=state,
        label=Label(resource="users"),
        steps=1,
    )


@pytest.mark.parametrize(
    ("state", "told"), [(TaskState.RUNNING, 1), (TaskState.PREPARING, 0)]
)
async def test_task(store: Store, state: TaskState, told: int) -> None:
    """The end of a task is told once, and only if it did end."""
    store.interest[FIRST_SCOPE] = ALL
    await store.tasks.add_task(task(state), [])

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        changes.finish(task(state), Counts(), START)

    for _ in range(2):
        await store.change(DEVICE, decide)

    finished = [e for e in await events(store) if e.type is EventType.TASK_FINISHED]
    assert told == len(finished)


async def test_told(store: Store) -> None:
    """Who watches the store is shown the events of each commit, after it."""
    store.interest[FIRST_SCOPE] = ALL
    shown: list[Any] = []
    store.watch(lambda changes: shown.extend(commands_of(changes.events)))
    one = command()
    await enqueue(store, one)

    expected = CommandTold(
        command_id=one.id,
        sequence=1,
        state=one.state,
        endpoint=one.endpoint,
        created_at=START,
    )
    assert [expected] == shown
