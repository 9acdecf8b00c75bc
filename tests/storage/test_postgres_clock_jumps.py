"""
A clock that jumps shifts the deadlines in the database, whatever is being decided.
"""

import asyncio
from contextlib import closing

import pytest

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.withdrawal import withdraw
from pushserver.storage.commands import PriorState
from pushserver.storage.postgres.commit.command_deadlines import shift_deadlines
from pushserver.storage.postgres.commit.lane_rows import LaneRow, upsert_sql
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START
from tests.model.factories import DEVICE
from tests.storage.cluster import ServerPair, open_server
from tests.storage.lanes import lane_content, many_commands, stored_lane
from tests.storage.queue_actions import (
    enqueue_commands,
    get_lane,
)
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")


async def test_clock_jumps(pair: ServerPair) -> None:
    """Deadlines that one server moves count at the other, which had read them."""
    await enqueue_commands(pair.a, *many_commands(30))
    ends = {each.expires_at for each in (await get_lane(pair.b)).waiting}
    await pair.a.shift_deadlines(7)

    moved = {each.expires_at for each in (await get_lane(pair.b)).waiting}
    assert {end + 7 for end in ends} == moved
    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.a))


async def test_clock_jumps_amid_a_decision(pair: ServerPair) -> None:
    """Deadlines that only this server moved are not believed, whatever it decides."""
    await enqueue_commands(pair.b, *many_commands(3))

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        pair.b.lane_cache.shift(7)
        withdraw(lane, lane.waiting[0], changes, now=START)

    await pair.b.change_lane(DEVICE, decide)

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))


async def test_clock_jumps_elsewhere(pair: ServerPair, database: str) -> None:
    """Deadlines that another server shifts during a decision are as that one says."""
    await enqueue_commands(pair.b, *many_commands(3))

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        with closing(Connection(database)) as link:
            link.execute("BEGIN")
            shift_deadlines(link, 7, START, 1)
            link.execute("COMMIT")
        withdraw(lane, lane.waiting[0], changes, now=START)

    await pair.b.change_lane(DEVICE, decide)

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))
    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))


async def test_clock_jumps_for_a_copy(pair: ServerPair, database: str) -> None:
    """It is so, too, where commands came by themselves, and no lane is known."""
    await enqueue_commands(pair.a, *many_commands(3))
    await pair.a.background_reader.run(lambda link: link.execute("DELETE FROM lane"))

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        with closing(Connection(database)) as link:
            link.execute("BEGIN")
            shift_deadlines(link, 7, START, 1)
            link.execute("COMMIT")
        withdraw(lane, lane.waiting[0], changes, now=START)

    await pair.b.change_lane(DEVICE, decide)

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))


async def test_clock_jumps_amid_a_round(pair: ServerPair, database: str) -> None:
    """A server that writes while another one moves deadlines is not its enemy."""
    await enqueue_commands(pair.a, *many_commands(3))
    renew = upsert_sql([(DEVICE, LaneRow(1))], {})
    async with open_server(database) as other:
        (writer, *_) = other.group_commit.writers
        await writer.run(_begin_to_write)
        shifting = asyncio.create_task(pair.a.shift_deadlines(7))
        await wait_until(lambda: _waits_for_a_lock(pair.b))
        await writer.run(lambda link: link.execute_all(f"{renew} COMMIT"))
        await shifting

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.a))


def _begin_to_write(link: Connection) -> None:
    link.execute_all(
        "SET deadlock_timeout = '10ms'; BEGIN; UPDATE command SET attempts = attempts"
    )


async def _waits_for_a_lock(by: PostgresStore) -> bool:
    sql = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    return await by.background_reader.run(
        lambda link: link.execute(sql).fetchone() is not None
    )
