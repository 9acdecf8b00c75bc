"""What servers over one database write about each other's devices."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Conflict, Misconfigured
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store
from pushserver.storage.device_rows import DEVICES
from pushserver.storage.postgres.opening import open_postgres
from pushserver.storage.postgres.store import PostgresStore
from pushserver.storage.sql.bulk import insert
from pushserver.storage.sql.connection import SqlConnection
from tests.clock import START, ManualClock
from tests.each_case import each_case
from tests.model.factories import at_most_once_command
from tests.storage.cluster import ServerPair, waits_for_a_lock
from tests.storage.locations import PostgresDatabase, StoreLocation, open_store
from tests.storage.notice_recorder import PATIENCE
from tests.storage.queue_actions import (
    command_record,
    enqueue_commands,
    find_in_flight,
    give_up_delivery,
    mark_written,
    poll_command,
)
from tests.storage.test_devices import device
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")
OTHER = 77


@pytest.fixture(name="other")
async def _other(location: StoreLocation, clock: ManualClock) -> AsyncIterator[Store]:
    """Return another server's store, over the same database as `store`."""
    async with open_store(location, clock) as other:
        yield other


async def test_written_elsewhere(store: Store, other: Store) -> None:
    """
    A server that saw a command only as sent keeps what another recorded as written.
    """
    one = at_most_once_command()
    await enqueue_commands(store, one)
    in_flight = await poll_command(store)
    await find_in_flight(other)
    await mark_written(store, in_flight, START + SECOND)
    seen = await find_in_flight(other)
    await give_up_delivery(other, START + 20 * SECOND)

    assert seen is not None
    assert START + SECOND == seen.timeout_starts_at
    (delivery,) = (await command_record(other, one)).deliveries
    assert START + SECOND == delivery.delivered_at


@pytest.mark.scopes(OTHER)
@each_case("owner", [OTHER, DEFAULT_SCOPE_ID])
async def test_adopted_at_that_moment(pair: ServerPair, owner: int) -> None:
    """
    Of two servers that adopt a device at once, the second learns whose it is already.
    """
    loop, saving = asyncio.get_running_loop(), list[asyncio.Task[None]]()
    adopted = device(owner, scope_id=owner)

    async def save_second() -> None:
        second = device(owner, name="second")
        saving.append(asyncio.create_task(pair.b.save_devices([second])))
        await wait_until(lambda: waits_for_a_lock(pair.a))

    def save(connection: SqlConnection) -> None:
        insert(DEVICES).write(connection, [adopted])
        waiting = asyncio.run_coroutine_threadsafe(save_second(), loop)
        waiting.result(PATIENCE)

    await pair.a.write(save)
    (outcome,) = await asyncio.gather(*saving, return_exceptions=True)

    expected = Conflict if owner == OTHER else type(None)
    assert expected is type(outcome)


async def test_begun_after_the_answer(store: Store) -> None:
    """A write that had not started when events were read is above the low watermark."""
    assert isinstance(store, PostgresStore)
    watermark = await store.subscriptions.low_watermark()

    assert watermark <= store.new_id()


@pytest.mark.parametrize("password", ["100%secret", "sec ret", "a@secret"])
async def test_no_password_is_shown(password: str, clock: ManualClock) -> None:
    """An address that cannot be read is refused without showing the password."""
    with pytest.raises(Misconfigured) as refused:
        await open_postgres(f"postgresql://me:{password}@127.0.0.1:1/x", clock)

    assert "%40" in refused.value.detail
    assert "ret" not in str(refused.value)


async def test_isolation(database: str, clock: ManualClock) -> None:
    """A read under a lock sees the latest commit, whatever the default isolation."""
    mark = "&" if "?" in database else "?"
    strict = "options=-c%20default_transaction_isolation%3Dserializable"
    async with open_store(
        PostgresDatabase(f"{database}{mark}{strict}"), clock
    ) as store:
        assert isinstance(store, PostgresStore)
        sql = "SHOW default_transaction_isolation"
        found = await store.group_commit.writers[0].run(
            lambda c: c.execute(sql).fetchone()
        )

    assert ("read committed",) == found
