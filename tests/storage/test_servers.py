"""What servers over one database leave to each other."""

from collections.abc import AsyncIterator

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Misconfigured
from pushserver.storage.base import Store
from pushserver.storage.postgres.store import PostgresStore
from tests.clock import START, ManualClock
from tests.model.values import once
from tests.storage.deeds import abandon, enqueue, fly, flying, record_of, written
from tests.storage.places import Place, PostgresDatabase, opened

pytestmark = pytest.mark.only_on("postgres")


@pytest.fixture(name="other")
async def _other(place: Place, clock: ManualClock) -> AsyncIterator[Store]:
    """Return another server's store, over the same database as `store`."""
    async with opened(place, clock) as other:
        yield other


async def test_written_elsewhere(store: Store, other: Store) -> None:
    """That an answer was written is kept by a server which had seen it sent only."""
    one = once()
    await enqueue(store, one)
    flight = await fly(store)
    await flying(other)
    await written(store, flight, START + SECOND)
    seen = await flying(other)
    await abandon(other, START + 20 * SECOND)

    assert seen is not None
    assert START + SECOND == seen.since
    (delivery,) = (await record_of(other, one)).deliveries
    assert START + SECOND == delivery.delivered_at


async def test_begun_after_the_answer(store: Store) -> None:
    """What is not begun when events are read lies beyond what is settled."""
    assert isinstance(store, PostgresStore)
    settled = await store.subscriptions.settled()

    assert settled <= store.new_id()


@pytest.mark.parametrize("password", ["100%secret", "sec ret", "a@secret"])
async def test_no_password_is_shown(password: str, clock: ManualClock) -> None:
    """An address that cannot be read is refused without showing the password."""
    with pytest.raises(Misconfigured) as refused:
        await PostgresStore.open(f"postgresql://me:{password}@127.0.0.1:1/x", clock)

    assert "%40" in refused.value.detail
    assert "ret" not in str(refused.value)


async def test_isolation(database: str, clock: ManualClock) -> None:
    """What is read under a lock is as it is then, whatever the database is used to."""
    mark = "&" if "?" in database else "?"
    strict = "options=-c%20default_transaction_isolation%3Dserializable"
    async with opened(PostgresDatabase(f"{database}{mark}{strict}"), clock) as store:
        assert isinstance(store, PostgresStore)
        sql = "SHOW default_transaction_isolation"
        found = await store.rounds.sessions[0].run(lambda c: c.execute(sql).fetchone())

    assert ("read committed",) == found
