"""Events are stored with what makes them true, or not at all, in order."""

import asyncio
from functools import partial

import attrs
import pytest

from pushserver.errors import Unavailable
from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.event import Event, EventType
from pushserver.model.event_payload import CommandPayload
from pushserver.model.lane import Lane
from pushserver.model.operation import OperationDescriptor
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.subscription_rows import SHORT_DATA
from pushserver.storage.too_long import TooLong
from tests.clock import START, ManualClock
from tests.model.events import command_payloads
from tests.model.factories import DAY, DEVICE, command
from tests.storage.locations import StoreLocation, failing_commits, open_store
from tests.storage.notice_recorder import record_notices
from tests.storage.queue_actions import (
    enqueue_commands,
    expire_overdue,
    mark_written,
    poll_command,
    post_result,
    waiting_ids,
)
from tests.storage.subscriptions import (
    ALL_EVENTS,
    emit_errors,
    emit_events,
    save_subscription,
    webhook_delivery,
)

OTHER = 2


async def events(
    store: Store, scope: int = DEFAULT_SCOPE_ID, after: int = 0
) -> list[Event]:
    """Return a scope's events."""
    return list(await store.subscriptions.events(scope, after=after, limit=10_000))


async def test_with_the_transition(store: Store) -> None:
    """Each transition has its event by the time its caller gets an answer."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    one = command()
    await enqueue_commands(store, one)
    events_before = len(await events(store))
    in_flight = await poll_command(store)
    sent = len(await events(store))
    await mark_written(store, in_flight)
    await post_result(store, in_flight)

    assert (1, 2) == (events_before, sent)
    states = [each.state for each in command_payloads(await events(store))]
    assert ["PENDING", "SENT", "DELIVERED", "SUCCESSFUL"] == states


async def test_every_field(store: Store) -> None:
    """An event comes back as it was decided."""
    (happened,) = await emit_events(store)

    assert [happened] == await events(store)
    assert [happened] == await store.subscriptions.events_by_id([happened.id, 99])


async def test_long_data(store: Store) -> None:
    """Lists of events leave what is long in the store; it is read alone, if it fits."""
    (short,), (long,) = [await emit_errors(store, n) for n in (10, SHORT_DATA)]
    assert long.data is not None
    size, left = len(long.data), [short, attrs.evolve(long, data=None)]
    await save_subscription(store, webhook_delivery(long.id))
    read = store.subscriptions.event_data
    ((_, listed),) = await store.subscriptions.deliveries(
        1, state=None, before=None, limit=9
    )

    assert left == await events(store)
    assert left == await store.subscriptions.events_by_id([short.id, long.id])
    assert left[1] == listed
    assert long.data == await read(long.id) == await read(long.id, longest=size)
    assert await read(long.id + 1) is None
    with pytest.raises(TooLong) as found:
        await read(long.id, longest=size - 1)
    assert size == found.value.size


async def test_commit_fails(store: Store) -> None:
    """A commit that fails leaves neither the transition nor its event."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await enqueue_commands(store, command())

    assert [] == await events(store)
    assert [] == await waiting_ids(store)


async def test_count_goes_on(store: Store) -> None:
    """A transition whose commit failed leaves no gap in the command's numbers."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    one = command()
    await enqueue_commands(store, one)
    async with failing_commits(store):
        with pytest.raises(Unavailable):
            await poll_command(store)
    await poll_command(store)

    assert [1, 2] == [each.sequence for each in command_payloads(await events(store))]


async def test_count_after_restart(location: StoreLocation, clock: ManualClock) -> None:
    """A command goes on counting after a restart."""
    async with open_store(location, clock) as store:
        await enqueue_commands(store, command(), command())
        await poll_command(store)
    async with open_store(location, clock) as store:
        store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
        await expire_overdue(store, START + 2 * DAY)
        found = command_payloads(await events(store))

    assert [2, 3] == sorted(each.sequence for each in found)


async def test_nobody_listens(store: Store) -> None:
    """No event is written that nobody wants."""
    await enqueue_commands(store, command())
    await post_result(store, await poll_command(store))

    assert [] == await events(store)
    assert 0 == await store.subscriptions.newest_event_id()


async def test_order_under_pressure(store: Store) -> None:
    """
    Under concurrent writes, a reader that sees an event has seen every earlier one.
    """
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 200:
            after = seen[-1] if seen else 0
            seen.extend(event.id for event in await events(store, after=after))

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(read())
        for number in range(200):
            group.create_task(enqueue_commands(store, command(device_id=number + 1)))

    assert [event.id for event in await events(store)] == seen


async def test_after_and_limit(store: Store) -> None:
    """Events are read on from the last one that was seen."""
    first, second, third = (event.id for event in await emit_events(store, 3))

    read = partial(store.subscriptions.events, DEFAULT_SCOPE_ID)
    assert [first, second] == [e.id for e in await read(after=0, limit=2)]
    assert [third] == [e.id for e in await read(after=second, limit=2)]
    assert 1 == await store.subscriptions.count_events(
        DEFAULT_SCOPE_ID, after=first, to=second
    )
    assert third == await store.subscriptions.newest_event_id()


async def test_scopes_apart(store: Store) -> None:
    """A scope's events are seen in that scope alone."""
    (mine,) = await emit_events(store)
    (theirs,) = await emit_events(store, scope=OTHER)

    assert [mine] == await events(store)
    assert [theirs] == await events(store, OTHER)
    assert 0 == await store.subscriptions.count_events(
        DEFAULT_SCOPE_ID, after=mine.id, to=theirs.id
    )


def task(state: TaskState) -> Task:
    """Return a task that runs, or was prepared."""
    return Task(
        id=5,
        scope_id=DEFAULT_SCOPE_ID,
        created_at=START,
        created_by=Actor(1, "one"),
        expires_in=DAY,
        expires_at=START + DAY,
        state=state,
        descriptor=OperationDescriptor(resource="users"),
        step_count=1,
    )


@pytest.mark.parametrize(
    ("state", "events_written"), [(TaskState.RUNNING, 1), (TaskState.PREPARING, 0)]
)
async def test_task(store: Store, state: TaskState, events_written: int) -> None:
    """The end of a task is one event, and only if it did end."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    await store.tasks.add_task(task(state), [])

    def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
        changes.finish_task(task(state), OperationCounts(), START)

    for _ in range(2):
        await store.change_lane(DEVICE, decide)

    finished = [e for e in await events(store) if e.type is EventType.TASK_FINISHED]
    assert events_written == len(finished)


async def test_told(store: Store) -> None:
    """An observer of the store gets the events of each commit, after it."""
    store.event_interest[DEFAULT_SCOPE_ID] = ALL_EVENTS
    recorder = record_notices(store)
    one = command()
    await enqueue_commands(store, one)

    expected = CommandPayload(
        command_id=one.id,
        sequence=1,
        state=one.state,
        endpoint=one.endpoint,
        created_at=START,
    )
    (notice,) = recorder.notices
    assert [expected] == command_payloads(notice.new_events)
