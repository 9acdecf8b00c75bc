"""Two servers over one database, for the tests of what they are to each other."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs

from pushserver.clock import SystemClock
from pushserver.model.news import News
from pushserver.storage.base import Store
from pushserver.storage.postgres.store import PostgresStore

#: Seconds after which something that should happen within one or two never does.
PATIENCE = 20


@attrs.define(eq=False)
class Ear:
    """Keeps what a store was told."""

    heard: list[News] = attrs.Factory(list)
    bell: asyncio.Event = attrs.Factory(asyncio.Event)

    def hear(self, news: News) -> None:
        """Keep *news*."""
        self.heard.append(news)
        self.bell.set()

    async def until(self, wanted: Callable[[News], bool]) -> News:
        """Wait for news that are *wanted*."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for news in self.heard:
                    if wanted(news):
                        return news
                self.bell.clear()
                await self.bell.wait()


@attrs.frozen
class Pair:
    """Two servers' stores, and what the second one hears."""

    a: PostgresStore
    b: PostgresStore
    ear: Ear


@asynccontextmanager
async def opened(url: str, ahead: float = 0) -> AsyncIterator[PostgresStore]:
    """Have a store open for the block, on a clock that is some seconds *ahead*."""
    clock = SystemClock(wall=lambda: time.time_ns() + round(ahead * 1e9))
    store = await PostgresStore.open(url, clock)
    try:
        yield store
    finally:
        await store.close()


async def leading(store: Store) -> None:
    """Wait until the store's server leads."""
    async with asyncio.timeout(PATIENCE):
        while not store.leads:
            await store.check()


async def cut(store: PostgresStore, by: PostgresStore) -> None:
    """Cut the connection on which a server hears others."""
    pid = store.desk.session.pid
    await by.workers.run(lambda c: c.execute(f"SELECT pg_terminate_backend({pid})"))
