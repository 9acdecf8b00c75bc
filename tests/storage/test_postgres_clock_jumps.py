"""
A wall clock that jumps moves what is scheduled, whatever is being decided.
"""

import asyncio
from contextlib import closing

import pytest

from pushserver.clock import CORRECTIONS, SECOND
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.withdrawal import withdraw
from pushserver.storage.commands import PriorState
from pushserver.storage.postgres.commit.command_deadlines import renew_lanes
from pushserver.storage.postgres.commit.lane_rows import LaneRow, upsert
from pushserver.storage.postgres.commit.transaction import write_and_commit
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.changes import PreparedWrite
from pushserver.storage.sql.server_clock import store_correction
from tests.clock import START
from tests.model.factories import DEVICE, command
from tests.storage.cluster import ServerPair, open_server, waits_for_a_lock
from tests.storage.lanes import lane_content, stored_lane
from tests.storage.queue_actions import enqueue_commands, get_lane
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")

LATER = START + 100 * 365 * 86_400 * SECOND


async def enqueue_planned(store: PostgresStore, count: int) -> None:
    """Enqueue commands that are planned."""
    planned = [command(not_before=LATER, expires_at=LATER + 9) for _ in range(count)]
    await enqueue_commands(store, *planned)


async def correct(store: PostgresStore, jump: int) -> None:
    """Let the wall clock have made a jump."""
    await store.clock.correct_clock(CORRECTIONS.current + jump)


def correct_in_database(database: str) -> None:
    """Let another server find a jump of 7 microseconds."""
    with closing(Connection(database)) as link:
        link.execute("BEGIN")
        store_correction(link, 7, 0, START)
        renew_lanes(link, 1)
        link.execute("COMMIT")


async def test_elsewhere(pair: ServerPair) -> None:
    """What one server moves has moved at the other, which had read it."""
    await enqueue_planned(pair.a, 30)
    assert 30 == len((await get_lane(pair.b)).waiting)
    await correct(pair.a, 7)

    waiting = (await get_lane(pair.b)).waiting
    assert {(LATER - 7, LATER + 2)} == {(c.not_before, c.expires_at) for c in waiting}
    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.a))


async def test_amid_a_decision(pair: ServerPair) -> None:
    """What only this server moved is not believed, whatever it decides."""
    await enqueue_planned(pair.b, 3)

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        pair.b.lane_cache.move_schedules(7, START)
        withdraw(lane, lane.waiting[0], changes, now=START)

    await pair.b.change_lane(DEVICE, decide)

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))


@pytest.mark.parametrize("known", [True, False])
async def test_elsewhere_amid_a_decision(
    pair: ServerPair, database: str, *, known: bool
) -> None:
    """What another server moves during a decision is as that one says."""
    await enqueue_planned(pair.b if known else pair.a, 3)
    if not known:
        sql = "DELETE FROM lane"  # as if the commands were copied from a file
        await pair.a.background_reader.run(lambda link: link.execute(sql))

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        correct_in_database(database)
        withdraw(lane, lane.waiting[0], changes, now=START)

    await pair.b.change_lane(DEVICE, decide)

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.b))


async def test_amid_a_round(pair: ServerPair, database: str) -> None:
    """A server that writes while another one moves commands is not its enemy."""
    await enqueue_planned(pair.a, 3)
    renew = [upsert([(DEVICE, LaneRow(1))], {})]
    async with open_server(database) as other:
        (writer, *_) = other.group_commit.writers
        await writer.run(_begin_to_write)
        correcting = asyncio.create_task(correct(pair.a, 7))
        await wait_until(lambda: waits_for_a_lock(pair.b))
        await writer.run(
            lambda link: write_and_commit(link, PreparedWrite(renew, None))
        )
        await correcting

    assert await stored_lane(pair.a) == lane_content(await get_lane(pair.a))


def _begin_to_write(link: Connection) -> None:
    link.execute_all(
        "SET deadlock_timeout = '10ms'; BEGIN; UPDATE command SET attempts = attempts"
    )
