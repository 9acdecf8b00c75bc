"""Two servers over one database: what only one of them does, or has, at a time."""

import asyncio
from collections.abc import Awaitable
from contextlib import closing

import psycopg
import pytest

from pushserver import __version__
from pushserver.model.ids import first_instant_after
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.connection import SqlConnection
from tests.model.factories import DEVICE, GRACE, command
from tests.storage.cluster import (
    ServerPair,
    cut_listener,
    open_server,
    wait_until_leading,
)
from tests.storage.notice_recorder import PATIENCE, record_notices
from tests.storage.queue_actions import (
    enqueue_commands,
    poll,
    poll_command,
    post_result,
)
from tests.storage.subscriptions import emit_events
from tests.storage.test_devices import device

pytestmark = pytest.mark.only_on("postgres")
_LOCKS = (
    "SELECT classid FROM pg_locks JOIN pg_database AS d ON d.oid = database"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


async def test_one_leads(pair: ServerPair) -> None:
    """One server leads; when it stops, the other does."""
    before = (pair.a.is_leader, pair.b.is_leader)
    await pair.a.close()
    await wait_until_leading(pair.b)

    assert (True, False) == before
    assert not pair.a.is_leader


async def test_servers_are_listed(pair: ServerPair) -> None:
    """Each server sees all of them, their releases, and which one leads."""
    seen = [await store.servers() for store in (pair.a, pair.b)]
    nodes = [store.member.cluster.node for store in (pair.a, pair.b)]
    leads = {each.node: each.is_leader for each in seen[0]}
    await pair.b.close()
    left = await pair.a.servers()

    assert seen[0] == seen[1]
    assert dict(zip(nodes, (True, False), strict=True)) == leads
    assert {__version__} == {each.version for each in seen[0]}
    assert [nodes[0]] == [each.node for each in left]


async def test_locks_of_a_stopped_server(database: str) -> None:
    """A server that was stopped in order holds no lock any more."""
    held = []
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        for _ in range(20):
            async with open_server(database):
                pass
            held += connection.execute(_LOCKS).fetchall()

    assert held == []


async def test_leader_cut_off(pair: ServerPair, database: str) -> None:
    """A server that lost its connection leads no more; when it is back, it follows."""
    old_session, recorder = (
        pair.a.member.connection_thread.database,
        record_notices(pair.a),
    )
    old_session.url = "postgresql:///nowhere?host=/nowhere"
    await cut_listener(pair.a, via=pair.b)
    await wait_until_leading(pair.b)
    led, idle = (
        pair.a.is_leader,
        pair.a.is_idle(DEVICE, pair.a.clock.clock.now(), GRACE),
    )
    await enqueue_commands(pair.b, command())
    old_session.url = database
    await recorder.wait_for(lambda notice: notice.everything)

    assert (False, False) == (led, idle)
    assert (False, True) == (pair.a.is_leader, pair.b.is_leader)
    assert not pair.a.is_idle(DEVICE, pair.a.clock.clock.now(), GRACE)


async def test_numbers_differ(pair: ServerPair) -> None:
    """No two servers make ids under the same number, nor the same id."""
    generated = [store.new_id() for _ in range(5000) for store in (pair.a, pair.b)]

    assert pair.a.new_id.node != pair.b.new_id.node
    assert len(generated) == len(set(generated))


async def test_clocks_differ(database: str) -> None:
    """Events are in order, to the millisecond, though the servers' clocks differ."""
    async with (
        open_server(database, clock_ahead=300) as a,
        open_server(database, clock_ahead=-300) as b,
    ):
        ids = [(await emit_events(store))[0].id for _ in range(20) for store in (a, b)]
        read = await b.subscriptions.events(DEFAULT_SCOPE_ID, after=0, limit=99)

    milliseconds = [first_instant_after(each) for each in ids]
    assert sorted(milliseconds) == milliseconds
    assert sorted(ids) == [event.id for event in read]


async def test_number_taken_meanwhile(pair: ServerPair) -> None:
    """A server whose number another took while it was away takes another one."""
    number = pair.b.new_id.node
    pair.a.member.prefer_node(number)
    recorder = record_notices(pair.a)
    await cut_listener(pair.a, via=pair.b)
    await recorder.wait_for(lambda notice: notice.everything)

    assert number + 1 == pair.a.new_id.node


async def test_tasks_are_moved_by_one(pair: ServerPair) -> None:
    """Of all servers only one advances tasks at a time."""
    log: list[str] = []

    async def move(name: str, store: PostgresStore) -> None:
        async with store.tasks.lock():
            log.append(name)
            await store.check_writable()
            log.append(name)

    several = [("a", pair.a), ("b", pair.b), ("c", pair.a), ("d", pair.b)]
    await asyncio.gather(*(move(name, store) for name, store in several))

    assert 8 == len(log)
    assert log[::2] == log[1::2]


async def test_who_goes_away_locks_nothing(pair: ServerPair) -> None:
    """
    A caller that is cancelled while it waits for the task lock keeps nobody waiting.
    """
    async with pair.a.tasks.lock():
        waiting = asyncio.create_task(_lock_tasks(pair.b))
        await pair.b.check_writable()
        waiting.cancel()
    await asyncio.wait([waiting])
    async with asyncio.timeout(PATIENCE):
        await _lock_tasks(pair.a)
        await _lock_tasks(pair.b)

    assert waiting.cancelled()


async def _lock_tasks(store: PostgresStore) -> None:
    async with store.tasks.lock():
        await store.check_writable()


async def test_one_at_a_time(pair: ServerPair) -> None:
    """A device that polls at two servers gets one command at a time, in order."""
    first, second = command(), command()
    await enqueue_commands(pair.a, first, second)
    deliveries = await asyncio.gather(poll(pair.a), poll(pair.b))

    assert [first.id] == [each.command.id for each in deliveries if each is not None]
    in_flight = next(each for each in deliveries if each is not None)
    await post_result(pair.b, in_flight)
    assert second.id == (await poll_command(pair.a)).command.id


async def test_locked_in_another_order(pair: ServerPair) -> None:
    """Of two transactions that deadlock, one is repeated, and both complete."""
    met = asyncio.Barrier(2)

    def rename_both(store: PostgresStore, *names: int) -> Awaitable[None]:
        """Rename two devices, the second one when the other server has its first."""
        loop, first = asyncio.get_running_loop(), [True]

        def rename(connection: SqlConnection) -> None:
            for name in names:
                sql = "UPDATE device SET name = 'x' WHERE device_id = ?"
                connection.execute(sql, (name,))
                if first.pop() if first else False:
                    waiting = asyncio.run_coroutine_threadsafe(met.wait(), loop)
                    waiting.result(PATIENCE)

        return store.write(rename)

    await pair.a.save_devices([device(1), device(2)])
    await asyncio.gather(rename_both(pair.a, 1, 2), rename_both(pair.b, 2, 1))

    assert ["x", "x"] == [each.name for each in await pair.a.all_devices()]
