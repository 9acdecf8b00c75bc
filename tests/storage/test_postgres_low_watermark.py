"""Two servers over one database: readers pass nothing that is still being written."""

import asyncio

import pytest

from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.subscriptions import StreamInterest
from tests.model.factories import command, result
from tests.storage.cluster import ServerPair, open_server
from tests.storage.machine import move_database_clock, own_database_clock
from tests.storage.notice_recorder import PATIENCE
from tests.storage.queue_actions import add_results, enqueue_commands
from tests.storage.subscriptions import emit_events, subscription

pytestmark = pytest.mark.only_on("postgres")
_EVENT = (
    "INSERT INTO event (id, scope_id, type, at, data)"
    " VALUES (?, 1, 'task.finished', 0, '{}')"
)


async def test_open_elsewhere(pair: ServerPair) -> None:
    """Nothing is read past an event that another server is still writing."""
    early, session = pair.a.new_id(), pair.a.group_commit.writers[0]

    def begin(link: Connection) -> None:
        link.execute("BEGIN")
        link.execute(_EVENT, (early,))

    await session.run(begin)
    held = pair.a.new_id()
    (late,) = await emit_events(pair.a)
    await add_results(pair.a, result(id=pair.a.new_id()))
    events = await pair.b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
    newest = await pair.b.subscriptions.newest_event_id()
    results = await results_of(pair.b)
    await session.run(lambda link: link.execute("COMMIT"))
    after = await pair.b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)

    assert ([], 0, []) == (events, newest, results)
    assert early < held < late.id
    assert [early, late.id] == [event.id for event in after]
    assert 1 == len(await results_of(pair.b))


@pytest.mark.parametrize("jump", [-3600, -0.5, 3600])
async def test_open_while_the_clock_jumps(database: str, jump: float) -> None:
    """Nor is it when the database's clock jumped meanwhile; later all is read."""
    with own_database_clock(database):
        async with open_server(database) as a, open_server(database) as b:
            early, session = a.new_id(), a.group_commit.writers[0]
            await session.run(lambda link: link.execute("BEGIN"))
            await session.run(lambda link: link.execute(_EVENT, (early,)))
            move_database_clock(database, jump)
            (late,) = await emit_events(a)
            events = await b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
            await session.run(lambda link: link.execute("COMMIT"))
            after = await b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)

    assert [] == events
    assert [early, late.id] == [event.id for event in after]


async def results_of(store: Store) -> list[int]:
    """Return the ids of the results that may be read."""
    found = await store.results(
        DEFAULT_SCOPE_ID, after=0, limit=9, device_id=None, orphan=None
    )
    return [each.id for each in found]


async def test_held_back_is_told(pair: ServerPair) -> None:
    """A reader that others held back is notified to read again."""
    session = pair.a.group_commit.writers[0]
    await session.run(lambda link: link.execute("BEGIN"))
    await pair.b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
    await pair.notices.wait_for(lambda notice: DEFAULT_SCOPE_ID in notice.events)
    await session.run(lambda link: link.execute("COMMIT"))


async def test_all_is_read_at_once(pair: ServerPair) -> None:
    """Everything that was written before is read, at whichever server."""
    for _ in range(20):
        (event,) = await emit_events(pair.a)
        events = await pair.b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=99)
        assert event.id == events[-1].id


async def test_readers_miss_nothing(pair: ServerPair) -> None:
    """A reader of events at one server sees those of both, in order and once."""
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 200:
            found = await pair.b.subscriptions.events(
                DEFAULT_SCOPE_ID, after=seen[-1] if seen else 0, limit=99
            )
            seen.extend(event.id for event in found)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        writing = [
            group.create_task(emit_events(store, device=number + 1))
            for number in range(100)
            for store in (pair.a, pair.b)
        ]
    written = sorted(event.id for each in writing for event in each.result())

    assert reader.done()
    assert written == seen


async def test_events_wanted_elsewhere(pair: ServerPair) -> None:
    """
    Events that a stream or a subscription wants are written by every server from then
    on.
    """
    await enqueue_commands(pair.a, command())
    interest = StreamInterest(
        DEFAULT_SCOPE_ID, EventType.COMMAND_STATUS, recorded_since=0, expires_at=1
    )
    await pair.b.stream_interests.save_interests([interest])
    await enqueue_commands(pair.a, command())
    streamed = len(
        await pair.b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
    )
    await pair.a.stream_interests.delete_expired(now=1)
    await enqueue_commands(pair.b, command())
    dropped = len(await pair.a.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9))
    await pair.a.subscriptions.add_subscription(subscription())
    await enqueue_commands(pair.b, command())

    assert {} == pair.a.event_interest == pair.b.event_interest
    assert (1, 1) == (streamed, dropped)
    assert 2 == len(
        await pair.a.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=9)
    )
