"""Connections with their threads: whatever is asked is asked from the event loop."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import attrs
import psycopg
import structlog

from pushserver.errors import Unavailable
from pushserver.storage.postgres.link import READER, Link

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds until a lost database is tried again; meanwhile nobody waits for it.
_PAUSE = 0.5
_PICKY = "SET plan_cache_mode = force_custom_plan"
#: A connection that fails within so many seconds was dead before it was asked.
_SOON = 1.0


@attrs.define(eq=False)
class Database:
    """Where it is, and whether it was there a moment ago; shared by all threads."""

    url: str = attrs.field(repr=False)
    away_until: float = attrs.field(default=0.0, init=False)

    def connect(self, patience: int, name: str) -> Link:
        """
        Connect.

        Raises:
            Unavailable: there is no database, or there was none a moment ago.
        """
        if time.monotonic() < self.away_until:
            raise Unavailable("The database is away.")
        try:
            return Link(self.url, patience, name)
        except psycopg.Error as error:
            self.away_until = time.monotonic() + _PAUSE
            raise Unavailable(f"The database is away: {_said(error)}") from error


@attrs.define(eq=False)
class Session:
    """
    One connection on one thread, made anew when it is lost.

    `patience` is how many seconds a call may take: after that its connection is cut.
    `name` is what the connection is called in the database. `picky`: what is asked is
    planned for its very values each time.
    """

    database: Database
    patience: int
    name: str = READER
    picky: bool = False
    _link: Link | None = attrs.field(default=None, init=False)
    _thread: ThreadPoolExecutor = attrs.field(init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @_thread.default
    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="postgres")

    @property
    def pid(self) -> int | None:
        """Return the database's process, as far as there is one."""
        link = self._link
        return link.raw.info.backend_pid if link is not None and link.is_open else None

    async def run(self, work: Callable[[Link], T]) -> T:
        """
        Call *work* on the connection's thread, also if its caller goes meanwhile.

        Raises:
            Unavailable: the database refused, is away, or said nothing.
        """
        if self._closed:
            raise Unavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._do, work)
        watch = loop.call_later(self.patience + 1, self._cut)
        done.add_done_callback(lambda future: _over(future, watch))
        return await asyncio.shield(done)

    def _do(self, work: Callable[[Link], T]) -> T:
        link = self._connected()
        try:
            return work(link)
        except (psycopg.Error, ValueError) as error:
            link.clean()
            raise Unavailable(f"The database refused: {_said(error)}") from error
        except BaseException:
            link.clean()
            raise

    def _connected(self) -> Link:
        if self._link is None or not self._link.is_open:
            self._link = self.database.connect(self.patience, self.name)
            if self.picky:
                self._link.execute(_PICKY)
        return self._link

    def _cut(self) -> None:
        link = self._link
        if link is not None:
            log.warning("postgres.silent", seconds=self.patience)
            with suppress(OSError, psycopg.Error):
                link.cut()

    async def close(self) -> None:
        """Finish what was asked, and close."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()


@attrs.define(eq=False)
class Pool:
    """Some sessions that take turns."""

    sessions: Sequence[Session]
    _idle: asyncio.LifoQueue[Session] = attrs.field(init=False)

    @_idle.default
    def _all(self) -> asyncio.LifoQueue[Session]:
        queue: asyncio.LifoQueue[Session] = asyncio.LifoQueue()
        for session in self.sessions:
            queue.put_nowait(session)
        return queue

    async def run(self, work: Callable[[Link], T]) -> T:
        """
        Call *work* on the thread of a session that is idle.

        Raises:
            Unavailable: the database refused, is away, or is too slow.
        """
        session = await self._take()
        done = asyncio.ensure_future(_read(session, work))
        done.add_done_callback(lambda future: self._give_back(session, future))
        return await asyncio.shield(done)

    async def _take(self) -> Session:
        try:
            async with asyncio.timeout(self.sessions[0].patience):
                return await self._idle.get()
        except TimeoutError:
            raise Unavailable("The database has too much to do.") from None

    def _give_back(self, session: Session, future: "asyncio.Future[Any]") -> None:
        self._idle.put_nowait(session)
        if not future.cancelled():
            future.exception()

    async def close(self) -> None:
        """Close every session."""
        for session in self.sessions:
            await session.close()


async def _read(session: Session, work: Callable[[Link], T]) -> T:
    """Read; once more if the connection had died while nobody looked."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        return await session.run(work)
    except Unavailable:
        if session.pid is not None or loop.time() - begun > _SOON:
            raise
        return await session.run(work)


def _over(future: "asyncio.Future[Any]", watch: asyncio.TimerHandle) -> None:
    """End the watch; an error that nobody waits for any more is no news."""
    watch.cancel()
    if not future.cancelled():
        future.exception()


def _said(error: Exception) -> str:
    """Return the first line: what follows it may show values."""
    return str(error).partition("\n")[0]
