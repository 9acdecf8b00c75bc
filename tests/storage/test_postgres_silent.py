"""Connections that carry nothing any more, and of which nobody was told so."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.turns import add
from pushserver.storage.deciding import Past
from pushserver.storage.postgres.link import Link
from pushserver.storage.postgres.store import PostgresStore
from tests.e2e.faulty import Network
from tests.model.values import DEVICE, command
from tests.storage.deeds import enqueue, waiting
from tests.storage.peers import leading, opened
from tests.web.site import until

pytestmark = pytest.mark.only_on("postgres")
#: Seconds within which all is well again.
HEALED = 5
_LOCK = "SELECT pg_advisory_lock(7)"


def say(link: Link) -> object:
    """Have the database say something."""
    return link.execute("SELECT 1").fetchone()


@pytest.fixture(name="network")
async def _network(database: str) -> AsyncIterator[Network]:
    """Return a network in front of the database."""
    async with Network.to(database) as network:
        yield network


@pytest.fixture(name="near")
async def _near(network: Network) -> AsyncIterator[PostgresStore]:
    """Return a server's store behind the network; it leads."""
    async with opened(network.url) as store:
        yield store


@pytest.fixture(name="other")
async def _other(database: str, near: PostgresStore) -> AsyncIterator[PostgresStore]:
    """Return another server's store, with a network of its own."""
    assert near.leads
    async with opened(database) as store:
        yield store


async def works(store: PostgresStore) -> None:
    """Wait until something can be enqueued."""

    async def enqueued() -> bool:
        try:
            await enqueue(store, command())
        except Unavailable:
            return False
        return True

    await until(enqueued, within=HEALED)


async def test_devices_are_given_back(
    network: Network, near: PostgresStore, other: PostgresStore
) -> None:
    """What a server had locked that is not heard of any more, others have soon."""
    lost = command()

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        add(lane, lost, changes)
        network.forget()

    stuck = asyncio.create_task(near.change(DEVICE, decide))
    await until(lambda: network.is_forgotten)
    await works(other)
    with pytest.raises(Unavailable):
        await stuck

    assert lost.id not in await waiting(other)


async def test_nothing_is_left(network: Network, near: PostgresStore) -> None:
    """A connection that is made anew ends what the database keeps of the one before."""
    session = near.rounds.sessions[0]

    def lock(link: Link) -> object:
        link.execute_all("SET idle_in_transaction_session_timeout = 0; BEGIN")
        return link.execute(_LOCK).fetchall()

    def lose(link: Link) -> None:
        network.forget()
        link.cut()

    await session.run(lock)
    await session.run(lose)
    await session.run(say)
    async with opened(network.url) as other:
        free = await other.workers.run(lambda c: c.execute(_LOCK).fetchall())

    assert 1 == len(free)


async def test_one_hears(network: Network, near: PostgresStore) -> None:
    """A server that is well but for some connections finds out, and makes them anew."""
    desk = near.desk.session
    sessions = [each for each in desk.database.sessions if each is not desk]
    await asyncio.gather(*(each.run(say) for each in sessions))
    network.forget()
    await desk.run(lambda link: link.close())
    await works(near)
    async with asyncio.timeout(HEALED):
        said = await asyncio.gather(*(each.run(say) for each in sessions))

    assert [(1,)] * len(sessions) == said


async def test_slow_is_not_silent(near: PostgresStore) -> None:
    """A statement that takes long is awaited."""
    found = await near.lists.run(lambda c: c.execute("SELECT pg_sleep(4)").fetchall())

    assert 1 == len(found)


async def test_lost_between(near: PostgresStore) -> None:
    """What was decided on a lane is not written once its lock was lost."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        add(lane, command(), changes)
        for session in near.rounds.sessions:
            link = session._link
            if link is not None:
                link.cut()

    with pytest.raises(Unavailable):
        await near.change(DEVICE, decide)

    assert [] == await waiting(near)


@pytest.mark.proof
async def test_leader_is_replaced(
    network: Network, near: PostgresStore, other: PostgresStore
) -> None:
    """A leader that the database believes in, and that is gone, is replaced."""
    network.open.clear()
    async with asyncio.timeout(12):
        await leading(other)
    network.open.set()

    assert not near.leads
