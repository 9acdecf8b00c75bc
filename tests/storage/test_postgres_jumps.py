"""A clock that jumps moves the deadlines in the database, whoever decides meanwhile."""

import asyncio
from contextlib import closing

import pytest

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.turns import cancel
from pushserver.storage.deciding import Past
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.postgres.summaries import Summary, renewal
from pushserver.storage.postgres.times import shift
from tests.clock import START
from tests.model.values import DEVICE
from tests.storage.deeds import (
    enqueue,
    lane_of,
)
from tests.storage.lanes import many, shown, truth
from tests.storage.peers import Pair, opened
from tests.web.site import until

pytestmark = pytest.mark.only_on("postgres")


async def test_clock_jumps(pair: Pair) -> None:
    """Deadlines that one server moves count at the other, which had read them."""
    await enqueue(pair.a, *many(30))
    ends = {each.expires_at for each in (await lane_of(pair.b)).waiting}
    await pair.a.shift(7)

    moved = {each.expires_at for each in (await lane_of(pair.b)).waiting}
    assert {end + 7 for end in ends} == moved
    assert await truth(pair.a) == shown(await lane_of(pair.a))


async def test_clock_jumps_amid_a_decision(pair: Pair) -> None:
    """Deadlines that only this server moved are not believed, whatever it decides."""
    await enqueue(pair.b, *many(3))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        pair.b.known.shift(7)
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_elsewhere(pair: Pair, database: str) -> None:
    """Deadlines that another server moves amid a decision are as that one says."""
    await enqueue(pair.b, *many(3))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        with closing(Link(database)) as link:
            link.execute("BEGIN")
            shift(link, 7, START, 1)
            link.execute("COMMIT")
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))
    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_for_a_copy(pair: Pair, database: str) -> None:
    """It is so, too, where commands came by themselves, and no lane is known."""
    await enqueue(pair.a, *many(3))
    await pair.a.workers.run(lambda link: link.execute("DELETE FROM lane"))

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        with closing(Link(database)) as link:
            link.execute("BEGIN")
            shift(link, 7, START, 1)
            link.execute("COMMIT")
        cancel(lane, lane.waiting[0], changes, now=START)

    await pair.b.change(DEVICE, decide)

    assert await truth(pair.a) == shown(await lane_of(pair.b))


async def test_clock_jumps_amid_a_round(pair: Pair, database: str) -> None:
    """A server that writes while another one moves deadlines is not its enemy."""
    await enqueue(pair.a, *many(3))
    renew = renewal([(DEVICE, Summary(1))], {})
    async with opened(database) as other:
        (writer, *_) = other.rounds.sessions
        await writer.run(_begin_to_write)
        moving = asyncio.create_task(pair.a.shift(7))
        await until(lambda: _waits_for_a_lock(pair.b))
        await writer.run(lambda link: link.execute_all(f"{renew} COMMIT"))
        await moving

    assert await truth(pair.a) == shown(await lane_of(pair.a))


def _begin_to_write(link: Link) -> None:
    link.execute_all(
        "SET deadlock_timeout = '10ms'; BEGIN; UPDATE command SET turns = turns"
    )


async def _waits_for_a_lock(by: PostgresStore) -> bool:
    sql = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    return await by.workers.run(lambda link: link.execute(sql).fetchone() is not None)
