"""Two servers over one database: who leads, what they hear, what they may read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import pytest

from pushserver.clock import SystemClock
from pushserver.model.event import EventType
from pushserver.model.news import News
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import Health
from pushserver.storage.base import Store
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.connection import Connection
from pushserver.storage.subscribing import Wish
from tests.model.values import DEVICE, GRACE, command, result
from tests.postgres import emptied
from tests.storage.deeds import ask, enqueue, fly, post, report
from tests.storage.outbox import happen, subscription
from tests.storage.test_fleet import device, token

#: Seconds after which something that should happen within one or two never does.
PATIENCE = 20
_EVENT = (
    "INSERT INTO event (id, scope_id, type, at, data)"
    " VALUES (?, 1, 'task.finished', 0, '{}')"
)


@attrs.define(eq=False)
class Ear:
    """Keeps what a store was told."""

    heard: list[News] = attrs.Factory(list)
    bell: asyncio.Event = attrs.Factory(asyncio.Event)

    def hear(self, news: News) -> None:
        """Keep *news*."""
        self.heard.append(news)
        self.bell.set()

    async def until(self, wanted: Callable[[News], bool]) -> News:
        """Wait for news that are *wanted*."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for news in self.heard:
                    if wanted(news):
                        return news
                self.bell.clear()
                await self.bell.wait()


@attrs.frozen
class Pair:
    """Two servers' stores, and what the second one hears."""

    a: PostgresStore
    b: PostgresStore
    ear: Ear


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    """Have a store open for the length of the block."""
    store = await PostgresStore.open(url, SystemClock())
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(name="url")
def _url(request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database."""
    if request.config.getoption("--store") == "sqlite":
        pytest.skip("This is about PostgreSQL.")
    return emptied()


@pytest.fixture(name="pair")
async def _pair(url: str) -> AsyncIterator[Pair]:
    """Return two servers' stores over one database; the first one leads."""
    async with opened(url) as a, opened(url) as b:
        ear = Ear()
        b.follow(ear.hear)
        yield Pair(a, b, ear)


async def leading(store: Store) -> None:
    """Wait until the store's server leads."""
    async with asyncio.timeout(PATIENCE):
        while not store.leads:
            await store.check()


async def cut(store: PostgresStore, by: PostgresStore) -> None:
    """Cut the connection on which a server hears others."""
    pid = store.desk.session.pid
    await by.workers.run(lambda c: c.execute(f"SELECT pg_terminate_backend({pid})"))


async def test_command_for_a_poll_elsewhere(pair: Pair) -> None:
    """A command that one server takes is handed out by another."""
    idle = pair.b.is_idle(DEVICE, pair.b.now(), GRACE)
    one = command()
    await enqueue(pair.a, one)
    await pair.ear.until(lambda news: DEVICE in news.waiting)

    assert idle
    assert not pair.b.is_idle(DEVICE, pair.b.now(), GRACE)
    assert one.id == (await fly(pair.b)).command.id


async def test_what_nobody_told(pair: Pair) -> None:
    """A command is found by others also if its server dies before it tells them."""
    await pair.a.desk.close()
    now = pair.a.now()
    one = command(id=pair.a.new_id(), created_at=now, expires_at=now + 10**9)
    pair.a.interest[FIRST_SCOPE] = pair.b.interest.get(FIRST_SCOPE, frozenset())
    await enqueue(pair.a, one)
    await post(pair.a, result(id=pair.a.new_id()))
    news = await pair.ear.until(lambda news: bool(news.waiting))
    came = await pair.ear.until(lambda news: bool(news.results))

    assert {DEVICE} == news.waiting
    assert {FIRST_SCOPE} == came.results


async def test_ends_elsewhere(pair: Pair) -> None:
    """Who waits for a command's end, or for results, hears of them from others."""
    one = command()
    await enqueue(pair.a, one)
    flight = await fly(pair.a)
    await report(pair.a, flight)
    news = await pair.ear.until(lambda news: one.id in news.over)

    assert {FIRST_SCOPE} == news.results


async def test_one_at_a_time(pair: Pair) -> None:
    """A device that polls at two servers gets one command at a time, in order."""
    first, second = command(), command()
    await enqueue(pair.a, first, second)
    flights = await asyncio.gather(ask(pair.a), ask(pair.b))

    assert [first.id] == [each.command.id for each in flights if each is not None]
    flight = next(each for each in flights if each is not None)
    await report(pair.b, flight)
    assert second.id == (await fly(pair.a)).command.id


async def test_one_leads(pair: Pair) -> None:
    """One server leads; when it stops, the other does."""
    before = (pair.a.leads, pair.b.leads)
    await pair.a.close()
    await leading(pair.b)

    assert (True, False) == before
    assert not pair.a.leads


async def test_leader_cut_off(pair: Pair, url: str) -> None:
    """A server that lost its connection leads no more; when it is back, it follows."""
    database, ear = pair.a.desk.session.database, Ear()
    pair.a.follow(ear.hear)
    database.url = "postgresql:///nowhere?host=/nowhere"
    await cut(pair.a, by=pair.b)
    await leading(pair.b)
    led, idle = pair.a.leads, pair.a.is_idle(DEVICE, pair.a.now(), GRACE)
    await enqueue(pair.b, command())
    database.url = url
    await ear.until(lambda news: news.everything)

    assert (False, False) == (led, idle)
    assert (False, True) == (pair.a.leads, pair.b.leads)
    assert not pair.a.is_idle(DEVICE, pair.a.now(), GRACE)


async def test_numbers_differ(pair: Pair) -> None:
    """No two servers make ids under the same number, nor the same id."""
    made = [store.new_id() for _ in range(5000) for store in (pair.a, pair.b)]

    assert pair.a.new_id.node != pair.b.new_id.node
    assert len(made) == len(set(made))


async def test_number_taken_meanwhile(pair: Pair) -> None:
    """A server whose number another took while it was away takes another one."""
    wanted = pair.b.new_id.node
    pair.a.desk.prefer(wanted)
    ear = Ear()
    pair.a.follow(ear.hear)
    await cut(pair.a, by=pair.b)
    await ear.until(lambda news: news.everything)

    assert wanted + 1 == pair.a.new_id.node


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


async def test_tasks_are_moved_by_one(pair: Pair) -> None:
    """Of those who move tasks on, on any server, one is at it at a time."""
    log: list[str] = []

    async def move(name: str, store: PostgresStore) -> None:
        async with store.tasks.moving():
            log.append(name)
            await store.check()
            log.append(name)

    several = [("a", pair.a), ("b", pair.b), ("c", pair.a), ("d", pair.b)]
    await asyncio.gather(*(move(name, store) for name, store in several))

    assert 8 == len(log)
    assert log[::2] == log[1::2]


async def test_who_goes_away_locks_nothing(pair: Pair) -> None:
    """Who is cancelled while it waits to move tasks keeps nobody else waiting."""
    async with pair.a.tasks.moving():
        waiting = asyncio.create_task(_move(pair.b))
        await pair.b.check()
        waiting.cancel()
    await asyncio.wait([waiting])
    async with asyncio.timeout(PATIENCE):
        await _move(pair.a)
        await _move(pair.b)

    assert waiting.cancelled()


async def _move(store: PostgresStore) -> None:
    async with store.tasks.moving():
        await store.check()


async def test_what_people_change(pair: Pair) -> None:
    """Devices, tokens and subscriptions that change at one server are told to all."""
    await pair.a.save_devices([device()])
    changed = await pair.ear.until(lambda news: bool(news.devices))
    await pair.a.add_token(token(1))
    await pair.ear.until(lambda news: news.tokens)
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.ear.until(lambda news: news.subscriptions)
    pair.ear.heard.clear()
    one.description = "changed"
    await pair.a.subscriptions.change_subscription(one, ("description",))
    await pair.ear.until(lambda news: news.subscriptions)

    assert {DEVICE} == changed.devices


async def test_how_subscriptions_do_is_not_told(pair: Pair) -> None:
    """Of how a subscription does others are told only whether it is at work."""
    one = subscription()
    await pair.a.subscriptions.add_subscription(one)
    await pair.ear.until(lambda news: news.subscriptions)
    pair.ear.heard.clear()
    one.cursor = 7
    await pair.a.subscriptions.record(one, [])
    await pair.a.add_token(token(1))
    await pair.ear.until(lambda news: news.tokens)
    quiet = not any(news.subscriptions for news in pair.ear.heard)
    one.health = Health.DISABLED
    await pair.a.subscriptions.record(one, [])
    await pair.ear.until(lambda news: news.subscriptions)

    assert quiet


async def test_seen_devices(pair: Pair) -> None:
    """A server hears which devices were seen by others."""
    await pair.a.save_seen([device(7, last_seen_at=1)], [], keep=1)
    news = await pair.ear.until(lambda news: bool(news.devices))

    assert {7} == news.devices


async def test_own_changes_are_no_news(pair: Pair) -> None:
    """What a server does itself is not told to it."""
    ear = Ear()
    pair.a.follow(ear.hear)
    await pair.a.save_devices([device(7)])
    await enqueue(pair.a, command())
    await pair.b.save_devices([device(8)])
    await ear.until(lambda news: 8 in news.devices)

    assert not any(7 in news.devices for news in ear.heard)
    assert not any(news.waiting for news in ear.heard)


async def test_more_than_fits(pair: Pair) -> None:
    """However much there is to tell, it is told in pieces that PostgreSQL takes."""
    await pair.a.save_seen(
        [device(2**62 + i, last_seen_at=1) for i in range(1000)], [], keep=1
    )
    await pair.ear.until(lambda news: 2**62 + 999 in news.devices)

    assert 1000 == sum(len(news.devices) for news in pair.ear.heard)


async def test_lost_connection(pair: Pair) -> None:
    """After a lost connection everything is looked at, and nothing is believed idle."""
    await cut(pair.b, by=pair.a)
    await pair.ear.until(lambda news: news.everything)
    await enqueue(pair.a, command())
    await pair.ear.until(lambda news: DEVICE in news.waiting)

    assert not pair.b.is_idle(DEVICE, pair.b.now(), GRACE)


async def test_alone_after_all(pair: Pair) -> None:
    """A store's own commands are known to it without anybody's word."""
    await pair.b.close()
    await enqueue(pair.a, command())

    assert not pair.a.is_idle(DEVICE, pair.a.now(), GRACE)
    assert pair.a.is_shared


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


async def test_new_wishes_are_told(pair: Pair) -> None:
    """What a stream wants at one server is told to all, so that they can read it."""
    wish = Wish(FIRST_SCOPE, EventType.COMMAND_STATUS, since=0, until=1)
    await pair.a.interests.keep_wishes([wish])
    await pair.ear.until(lambda news: news.subscriptions)

    assert [wish] == await pair.b.interests.all_wishes()


async def test_locked_in_another_order(pair: Pair) -> None:
    """Of two works that lock each other out, one is done again: both are done."""
    met = asyncio.Barrier(2)

    def work(store: PostgresStore, *names: int) -> Awaitable[None]:
        """Rename two devices, the second one when the other server has its first."""
        loop, first = asyncio.get_running_loop(), [True]

        def rename(connection: Connection) -> None:
            for name in names:
                sql = "UPDATE device SET name = 'x' WHERE device_id = ?"
                connection.execute(sql, (name,))
                if first.pop() if first else False:
                    waiting = asyncio.run_coroutine_threadsafe(met.wait(), loop)
                    waiting.result(PATIENCE)

        return store.write(rename)

    await pair.a.save_devices([device(1), device(2)])
    await asyncio.gather(work(pair.a, 1, 2), work(pair.b, 2, 1))

    assert ["x", "x"] == [each.name for each in await pair.a.all_devices()]
