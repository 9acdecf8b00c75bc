"""Connections with their threads: whatever is asked is asked from the event loop."""

import asyncio
import threading
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
#: A connection that fails within so many seconds was dead before it was asked.
_SOON = 1.0
#: Seconds for which a statement's end may be on its way.
_GRACE = 0.5
#: Who was answered within so many seconds is not lost when another hears nothing.
_RECENT = 1.0
_AWAY = "The database is away."


@attrs.define(eq=False)
class Database:
    """Where it is, and whether it was there a moment ago; shared by all threads."""

    url: str = attrs.field(repr=False)
    away_until: float = attrs.field(default=0.0, init=False)
    sessions: "list[Session]" = attrs.field(factory=list, init=False, repr=False)
    _is_lost: bool = attrs.field(default=False, init=False)
    _trying: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def connect(self, name: str) -> Link:
        """
        Connect; while the database is lost one alone tries, and nobody waits for it.

        Raises:
            Unavailable: there is no database, or there was none a moment ago.
        """
        if time.monotonic() < self.away_until:
            raise Unavailable(_AWAY)
        if not self._is_lost:
            return self._connect(name)
        if not self._trying.acquire(blocking=False):
            raise Unavailable(_AWAY)
        try:
            return self._connect(name)
        finally:
            self._trying.release()

    def _connect(self, name: str) -> Link:
        try:
            link = Link(self.url, name)
        except psycopg.Error as error:
            self._is_lost = True
            self.away_until = time.monotonic() + _PAUSE
            raise Unavailable(f"The database is away: {_said(error)}") from error
        self._is_lost = False
        return link

    def lose(self) -> None:
        """Cut all connections on which nothing was heard just now."""
        self._is_lost = True
        for session in self.sessions:
            session.cut()


@attrs.define(eq=False)
class Session:
    """
    One connection on one thread, made anew when it is lost.

    `patience` is for how many seconds the database may be silent when it was asked:
    after that the connection is cut. A statement may take as long. `name` is what the
    connection is called in the database. Where little is asked, and often, silence
    means that the network is gone: it `speaks_for_all`. `picky`: what is asked is
    planned for its very values each time.
    """

    database: Database
    patience: int
    name: str = READER
    picky: bool = False
    speaks_for_all: bool = False
    _link: Link | None = attrs.field(default=None, init=False)
    _lost: Link | None = attrs.field(default=None, init=False)
    _asked: int = attrs.field(default=0, init=False)
    _thread: ThreadPoolExecutor = attrs.field(init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @_thread.default
    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="postgres")

    def __attrs_post_init__(self) -> None:
        self.database.sessions.append(self)

    @property
    def pid(self) -> int | None:
        """Return the database's process, as far as there is one."""
        link = self._link
        return link.pid if link is not None and link.is_open else None

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
        self._asked += 1
        done.add_done_callback(self._answered)
        self._watch(done, time.monotonic())
        return await asyncio.shield(done)

    def _answered(self, _done: "asyncio.Future[Any]") -> None:
        self._asked -= 1

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is being done on the connection."""
        return self._asked == 0

    def _watch(self, done: "asyncio.Future[Any]", since: float) -> None:
        """See to it that the database is not silent for ever, as it is *since* then."""
        loop, rest = asyncio.get_running_loop(), since - time.monotonic()
        wait = self.patience + _GRACE + rest
        watch = loop.call_later(wait, self._listen, done, since)
        done.add_done_callback(lambda future: _over(future, watch))

    def _listen(self, done: "asyncio.Future[Any]", since: float) -> None:
        """Go on watching what was heard of meanwhile; cut what was not."""
        if done.done():
            return
        link = self._link
        # Connecting has its own limit.
        is_open = link is not None and link.is_open
        heard = link.heard_at if link is not None and is_open else time.monotonic()
        if heard > since:
            self._watch(done, heard)
            return
        log.warning("postgres.silent", seconds=self.patience)
        self.cut()
        if self.speaks_for_all:
            self.database.lose()

    def waits(self, seconds: float) -> bool:
        """Tell whether a statement was asked so long ago, and not answered yet."""
        link = self._link
        asked = None if link is None else link.asked_at
        return asked is not None and time.monotonic() - asked > seconds

    def cut(self) -> None:
        """Cut the connection, unless the database was heard on it just now."""
        link = self._link
        if link is not None and time.monotonic() - link.heard_at > _RECENT:
            with suppress(OSError, psycopg.Error):
                link.cut()

    def _do(self, work: Callable[[Link], T]) -> T:
        link = self._connected()
        try:
            if not link.has_begun:
                link.begin(self.patience, picky=self.picky, lost=self._lost)
                self._lost = None
            return work(link)
        except (psycopg.Error, ValueError) as error:
            link.clean()
            raise Unavailable(f"The database refused: {_said(error)}") from error
        except BaseException:
            link.clean()
            raise

    def _connected(self) -> Link:
        if self._link is not None and not self._link.is_open:
            self._link.close()
            if self._link.has_begun:
                self._lost = self._link
            self._link = None
        if self._link is None:
            self._link = self.database.connect(self.name)
        return self._link

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
