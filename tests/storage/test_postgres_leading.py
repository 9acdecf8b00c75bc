"""Two servers over one database: what only one of them does, or has, at a time."""

import asyncio
from collections.abc import Awaitable

import pytest

from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.connection import Connection
from tests.model.values import DEVICE, GRACE, command
from tests.storage.deeds import ask, enqueue, fly, report
from tests.storage.outbox import happen
from tests.storage.peers import PATIENCE, Ear, Pair, cut, leading, opened
from tests.storage.test_fleet import device

pytestmark = pytest.mark.only_on("postgres")


async def test_one_leads(pair: Pair) -> None:
    """One server leads; when it stops, the other does."""
    before = (pair.a.leads, pair.b.leads)
    await pair.a.close()
    await leading(pair.b)

    assert (True, False) == before
    assert not pair.a.leads


async def test_leader_cut_off(pair: Pair, database: str) -> None:
    """A server that lost its connection leads no more; when it is back, it follows."""
    known, ear = pair.a.desk.session.database, Ear()
    pair.a.follow(ear.hear)
    known.url = "postgresql:///nowhere?host=/nowhere"
    await cut(pair.a, by=pair.b)
    await leading(pair.b)
    led, idle = pair.a.leads, pair.a.is_idle(DEVICE, pair.a.now(), GRACE)
    await enqueue(pair.b, command())
    known.url = database
    await ear.until(lambda news: news.everything)

    assert (False, False) == (led, idle)
    assert (False, True) == (pair.a.leads, pair.b.leads)
    assert not pair.a.is_idle(DEVICE, pair.a.now(), GRACE)


async def test_numbers_differ(pair: Pair) -> None:
    """No two servers make ids under the same number, nor the same id."""
    made = [store.new_id() for _ in range(5000) for store in (pair.a, pair.b)]

    assert pair.a.new_id.node != pair.b.new_id.node
    assert len(made) == len(set(made))


async def test_clocks_differ(database: str) -> None:
    """What happens is in order though the servers' clocks are minutes apart."""
    async with opened(database, ahead=300) as a, opened(database, ahead=-300) as b:
        ids = [(await happen(store))[0].id for _ in range(20) for store in (a, b)]
        read = await b.subscriptions.events(FIRST_SCOPE, after=0, limit=99)

    assert sorted(ids) == ids
    assert ids == [event.id for event in read]


async def test_number_taken_meanwhile(pair: Pair) -> None:
    """A server whose number another took while it was away takes another one."""
    wanted = pair.b.new_id.node
    pair.a.desk.prefer(wanted)
    ear = Ear()
    pair.a.follow(ear.hear)
    await cut(pair.a, by=pair.b)
    await ear.until(lambda news: news.everything)

    assert wanted + 1 == pair.a.new_id.node


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


async def test_one_at_a_time(pair: Pair) -> None:
    """A device that polls at two servers gets one command at a time, in order."""
    first, second = command(), command()
    await enqueue(pair.a, first, second)
    flights = await asyncio.gather(ask(pair.a), ask(pair.b))

    assert [first.id] == [each.command.id for each in flights if each is not None]
    flight = next(each for each in flights if each is not None)
    await report(pair.b, flight)
    assert second.id == (await fly(pair.a)).command.id


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
