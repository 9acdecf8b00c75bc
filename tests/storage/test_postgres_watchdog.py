"""Connections that have gone silent without either end noticing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.transitions import enqueue
from pushserver.storage.commands import PriorState
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.store import PostgresStore
from tests.e2e.faulty_network import FaultyNetwork
from tests.model.factories import DEVICE, command
from tests.storage.cluster import open_server, wait_until_leading
from tests.storage.queue_actions import enqueue_commands, waiting_ids
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")
#: Seconds within which all is well again; five on a machine that is not busy.
HEALED_WITHIN = 12
_LOCK = "SELECT pg_advisory_lock(7)"


def run_query(link: Connection) -> object:
    """Have the database say something."""
    return link.execute("SELECT 1").fetchone()


@pytest.fixture(name="network")
async def _network(database: str) -> AsyncIterator[FaultyNetwork]:
    """Return a network in front of the database."""
    async with FaultyNetwork.in_front_of(database) as network:
        yield network


@pytest.fixture(name="near")
async def _near(network: FaultyNetwork) -> AsyncIterator[PostgresStore]:
    """Return a server's store behind the network; it leads."""
    async with open_server(network.url) as store:
        yield store


@pytest.fixture(name="other")
async def _other(database: str, near: PostgresStore) -> AsyncIterator[PostgresStore]:
    """Return another server's store, with a network of its own."""
    assert near.is_leader
    async with open_server(database) as store:
        yield store


async def wait_until_enqueues(store: PostgresStore) -> None:
    """Wait until something can be enqueued."""

    async def enqueued() -> bool:
        try:
            await enqueue_commands(store, command())
        except Unavailable:
            return False
        return True

    await wait_until(enqueued, within=HEALED_WITHIN)


async def test_devices_are_given_back(
    network: FaultyNetwork, near: PostgresStore, other: PostgresStore
) -> None:
    """The locks of a server that has gone silent are soon free for others."""
    lost = command()

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        enqueue(lane, lost, changes)
        network.blackhole()

    stuck = asyncio.ensure_future(near.change_lane(DEVICE, decide))
    await wait_until(lambda: network.has_blackholed)
    await wait_until_enqueues(other)
    with pytest.raises(Unavailable):
        await stuck

    assert lost.id not in await waiting_ids(other)


async def test_nothing_is_left(network: FaultyNetwork, near: PostgresStore) -> None:
    """A connection that is replaced ends its old session in the database."""
    session = near.group_commit.writers[0]

    def lock(link: Connection) -> object:
        link.execute_all("SET idle_in_transaction_session_timeout = 0; BEGIN")
        return link.execute(_LOCK).fetchall()

    def lose(link: Connection) -> None:
        network.blackhole()
        link.abort()

    await session.run(lock)
    await session.run(lose)
    await session.run(run_query)
    async with open_server(network.url) as other:
        free = await other.background_reader.run(lambda c: c.execute(_LOCK).fetchall())

    assert 1 == len(free)


async def test_one_hears(network: FaultyNetwork, near: PostgresStore) -> None:
    """A server that lost only some connections notices, and replaces them."""
    connection = near.member.connection_thread
    sessions = [each for each in connection.database.threads if each is not connection]
    await asyncio.gather(*(each.run(run_query) for each in sessions))
    network.blackhole()
    await connection.run(lambda link: link.close())
    await wait_until_enqueues(near)
    async with asyncio.timeout(HEALED_WITHIN):
        outcomes = await asyncio.gather(*(each.run(run_query) for each in sessions))

    assert [(1,)] * len(sessions) == outcomes


async def test_slow_is_not_dead(near: PostgresStore) -> None:
    """A statement that takes long is awaited."""
    found = await near.list_reader.run(
        lambda c: c.execute("SELECT pg_sleep(4)").fetchall()
    )

    assert 1 == len(found)


async def test_lost_between(near: PostgresStore) -> None:
    """What was decided on a lane is not written once its lock was lost."""

    def decide(lane: Lane, changes: Changes, _prior: PriorState) -> None:
        enqueue(lane, command(), changes)
        for session in near.group_commit.writers:
            link = session._connection
            if link is not None:
                link.abort()

    with pytest.raises(Unavailable):
        await near.change_lane(DEVICE, decide)

    assert [] == await waiting_ids(near)


@pytest.mark.proof
async def test_leader_is_replaced(
    network: FaultyNetwork, near: PostgresStore, other: PostgresStore
) -> None:
    """A leader that the database believes in, and that is gone, is replaced."""
    network.flowing.clear()
    async with asyncio.timeout(12):
        await wait_until_leading(other)
    network.flowing.set()

    assert not near.is_leader
