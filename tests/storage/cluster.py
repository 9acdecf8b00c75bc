"""Two servers over one database, for the tests of what they are to each other."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from pushserver.clock import Machine, SystemClock
from pushserver.storage.base import Store
from pushserver.storage.postgres.opening import open_postgres
from pushserver.storage.postgres.store import PostgresStore
from tests.storage.notice_recorder import PATIENCE, NoticeRecorder


@attrs.frozen
class ServerPair:
    """Two servers' stores, and the notices that the second one gets."""

    a: PostgresStore
    b: PostgresStore
    notices: NoticeRecorder


@asynccontextmanager
async def open_server(url: str, clock_ahead: float = 0) -> AsyncIterator[PostgresStore]:
    """
    Open a store for the block, with a clock that is some seconds *clock_ahead*.
    """
    machine = Machine(wall=lambda: time.time_ns() + round(clock_ahead * 1e9))
    clock = SystemClock(machine)
    store = await open_postgres(url, clock)
    try:
        yield store
    finally:
        await store.close()


async def wait_until_leading(store: Store) -> None:
    """Wait until the store's server leads."""
    async with asyncio.timeout(PATIENCE):
        while not store.is_leader:
            await store.check_writable()


async def cut_listener(store: PostgresStore, via: PostgresStore) -> None:
    """Cut the connection on which a server gets notices from others."""
    pid = store.member.connection_thread.pid
    await via.background_reader.run(
        lambda c: c.execute(f"SELECT pg_terminate_backend({pid})")
    )


async def waits_for_a_lock(by: PostgresStore, count: int = 1) -> bool:
    """Tell, as *by* sees it, whether *count* wait for a lock of the database."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    (found,) = await by.background_reader.run(
        lambda link: link.execute(sql).fetchone() or (0,)
    )
    return int(found) >= count
