"""Two servers over one database: readers pass nothing that is still being written."""

import asyncio

import pytest

from pushserver.model.event import EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.base import Store
from pushserver.storage.postgres.link import Link
from pushserver.storage.subscribing import Wish
from tests.model.values import command, result
from tests.storage.deeds import enqueue, post
from tests.storage.outbox import happen, subscription
from tests.storage.peers import PATIENCE, Pair

pytestmark = pytest.mark.only_on("postgres")
_EVENT = (
    "INSERT INTO event (id, scope_id, type, at, data)"
    " VALUES (?, 1, 'task.finished', 0, '{}')"
)


async def test_open_elsewhere(pair: Pair) -> None:
    """Nothing is read past an event that another server is still writing."""
    early, session = pair.a.new_id(), pair.a.rounds.sessions[0]

    def begin(link: Link) -> None:
        link.execute("BEGIN")
        link.execute(_EVENT, (early,))

    await session.run(begin)
    held = pair.a.new_id()
    (late,) = await happen(pair.a)
    await post(pair.a, result(id=pair.a.new_id()))
    events = await pair.b.subscriptions.events(FIRST_SCOPE, after=0, limit=9)
    newest = await pair.b.subscriptions.newest_event()
    results = await results_of(pair.b)
    await session.run(lambda link: link.execute("COMMIT"))
    after = await pair.b.subscriptions.events(FIRST_SCOPE, after=0, limit=9)

    assert ([], 0, []) == (events, newest, results)
    assert early < held < late.id
    assert [early, late.id] == [event.id for event in after]
    assert 1 == len(await results_of(pair.b))


async def results_of(store: Store) -> list[int]:
    """Return the ids of the results that may be read."""
    found = await store.results(
        FIRST_SCOPE, after=0, limit=9, device_id=None, orphan=None
    )
    return [each.id for each in found]


async def test_held_back_is_told(pair: Pair) -> None:
    """Who could not read to the end because of others is told to look again."""
    session = pair.a.rounds.sessions[0]
    await session.run(lambda link: link.execute("BEGIN"))
    await pair.b.subscriptions.events(FIRST_SCOPE, after=0, limit=9)
    await pair.ear.until(lambda news: FIRST_SCOPE in news.events)
    await session.run(lambda link: link.execute("COMMIT"))


async def test_all_is_read_at_once(pair: Pair) -> None:
    """What was written before is read, at whichever server."""
    for _ in range(20):
        (told,) = await happen(pair.a)
        events = await pair.b.subscriptions.events(FIRST_SCOPE, after=0, limit=99)
        assert told.id == events[-1].id


async def test_readers_miss_nothing(pair: Pair) -> None:
    """Who follows events at one server sees all of two, in order and once."""
    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 200:
            found = await pair.b.subscriptions.events(
                FIRST_SCOPE, after=seen[-1] if seen else 0, limit=99
            )
            seen.extend(event.id for event in found)

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        reading = group.create_task(read())
        writing = [
            group.create_task(happen(store, device=number + 1))
            for number in range(100)
            for store in (pair.a, pair.b)
        ]
    written = sorted(event.id for each in writing for event in each.result())

    assert reading.done()
    assert written == seen


async def test_events_wanted_elsewhere(pair: Pair) -> None:
    """What a stream or a subscription wants, every server writes from then on."""
    await enqueue(pair.a, command())
    wish = Wish(FIRST_SCOPE, EventType.COMMAND_STATUS, since=0, until=1)
    await pair.b.interests.keep_wishes([wish])
    await enqueue(pair.a, command())
    streamed = len(await pair.b.subscriptions.events(FIRST_SCOPE, after=0, limit=9))
    await pair.a.interests.drop_wishes(now=1)
    await enqueue(pair.b, command())
    dropped = len(await pair.a.subscriptions.events(FIRST_SCOPE, after=0, limit=9))
    await pair.a.subscriptions.add_subscription(subscription())
    await enqueue(pair.b, command())

    assert {} == pair.a.interest == pair.b.interest
    assert (1, 1) == (streamed, dropped)
    assert 2 == len(await pair.a.subscriptions.events(FIRST_SCOPE, after=0, limit=9))
