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
from pushserver.storage.postgres.connection.connection import (
    READER_APPLICATION,
    Connection,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds until a lost database is tried again; meanwhile nobody waits for it.
_RECONNECT_DELAY = 0.5
#: A connection that fails within so many seconds was dead before it was asked.
_STALE_CONNECTION_WINDOW = 1.0
#: Seconds for which a statement's end may be on its way.
_NETWORK_SLACK = 0.5
#: Who was answered within so many seconds is not lost when another hears nothing.
_LIVENESS_WINDOW = 1.0
_DATABASE_DOWN = "The database is away."


@attrs.define(eq=False)
class Database:
    """Where it is, and whether it was there a moment ago; shared by all threads."""

    url: str = attrs.field(repr=False)
    retry_at: float = attrs.field(default=0.0, init=False)
    threads: "list[ConnectionThread]" = attrs.field(
        factory=list, init=False, repr=False
    )
    _is_down: bool = attrs.field(default=False, init=False)
    _connect_lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def connect(self, application_name: str) -> Connection:
        """
        Connect; while the database is lost one alone tries, and nobody waits for it.

        Raises:
            Unavailable: there is no database, or there was none a moment ago.
        """
        if time.monotonic() < self.retry_at:
            raise Unavailable(_DATABASE_DOWN)
        if not self._is_down:
            return self._connect(application_name)
        if not self._connect_lock.acquire(blocking=False):
            raise Unavailable(_DATABASE_DOWN)
        try:
            return self._connect(application_name)
        finally:
            self._connect_lock.release()

    def _connect(self, application_name: str) -> Connection:
        try:
            connection = Connection(self.url, application_name)
        except psycopg.Error as error:
            self._is_down = True
            self.retry_at = time.monotonic() + _RECONNECT_DELAY
            raise Unavailable(f"The database is away: {_first_line(error)}") from error
        self._is_down = False
        return connection

    def mark_down(self) -> None:
        """Cut all connections on which nothing was heard just now."""
        self._is_down = True
        for thread in self.threads:
            thread.abort()


@attrs.define(eq=False)
class ConnectionThread:
    """
    One connection on one thread, made anew when it is lost.

    `timeout` is for how many seconds the database may be silent when it was asked:
    after that the connection is cut. A statement may take as long. `application_name`
    is what the connection is called in the database. Where little is asked, and often,
    silence means that the network is gone: it `detects_outage`. `custom_plans`: what is
    asked is planned for its very values each time.
    """

    database: Database
    timeout: int
    application_name: str = READER_APPLICATION
    custom_plans: bool = False
    detects_outage: bool = False
    _connection: Connection | None = attrs.field(default=None, init=False)
    _lost_connection: Connection | None = attrs.field(default=None, init=False)
    _pending_calls: int = attrs.field(default=0, init=False)
    _executor: ThreadPoolExecutor = attrs.field(init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    @_executor.default
    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="postgres")

    def __attrs_post_init__(self) -> None:
        self.database.threads.append(self)

    @property
    def pid(self) -> int | None:
        """Return the database's process, as far as there is one."""
        connection = self._connection
        return connection.pid if connection is not None and connection.is_open else None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Call *work* on the connection's thread, also if its caller goes meanwhile.

        Raises:
            Unavailable: the database refused, is away, or said nothing.
        """
        if self._is_closed:
            raise Unavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, self._run_on_thread, work)
        self._pending_calls += 1
        future.add_done_callback(self._on_call_done)
        self._start_timeout(future, time.monotonic())
        return await asyncio.shield(future)

    def _on_call_done(self, _future: "asyncio.Future[Any]") -> None:
        self._pending_calls -= 1

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is being done on the connection."""
        return self._pending_calls == 0

    def _start_timeout(self, call: "asyncio.Future[Any]", silent_since: float) -> None:
        """
        See to it that the database is not silent for ever, as it is *silent_since*
        then.
        """
        loop, rest = asyncio.get_running_loop(), silent_since - time.monotonic()
        delay = self.timeout + _NETWORK_SLACK + rest
        timer = loop.call_later(delay, self._check_timeout, call, silent_since)
        call.add_done_callback(lambda future: _stop_timer(future, timer))

    def _check_timeout(self, call: "asyncio.Future[Any]", silent_since: float) -> None:
        """Go on watching what was heard of meanwhile; cut what was not."""
        if call.done():
            return
        connection = self._connection
        # Connecting has its own limit.
        is_open = connection is not None and connection.is_open
        last_answer_at = (
            connection.last_answer_at
            if connection is not None and is_open
            else time.monotonic()
        )
        if last_answer_at > silent_since:
            self._start_timeout(call, last_answer_at)
            return
        log.warning("postgres.silent", seconds=self.timeout)
        self.abort()
        if self.detects_outage:
            self.database.mark_down()

    def has_waited(self, seconds: float) -> bool:
        """Tell whether a statement was asked so long ago, and not answered yet."""
        connection = self._connection
        sent_at = None if connection is None else connection.query_sent_at
        return sent_at is not None and time.monotonic() - sent_at > seconds

    def abort(self) -> None:
        """Cut the connection, unless the database was heard on it just now."""
        connection = self._connection
        if (
            connection is not None
            and time.monotonic() - connection.last_answer_at > _LIVENESS_WINDOW
        ):
            with suppress(OSError, psycopg.Error):
                connection.abort()

    def _run_on_thread(self, work: Callable[[Connection], T]) -> T:
        connection = self._ensure_connected()
        try:
            if not connection.is_configured:
                connection.configure(
                    self.timeout,
                    custom_plans=self.custom_plans,
                    replaced=self._lost_connection,
                )
                self._lost_connection = None
            return work(connection)
        except (psycopg.Error, ValueError) as error:
            connection.rollback_or_close()
            raise Unavailable(f"The database refused: {_first_line(error)}") from error
        except BaseException:
            connection.rollback_or_close()
            raise

    def _ensure_connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_open:
            self._connection.close()
            if self._connection.is_configured:
                self._lost_connection = self._connection
            self._connection = None
        if self._connection is None:
            self._connection = self.database.connect(self.application_name)
        return self._connection

    async def close(self) -> None:
        """Finish what was asked, and close."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._connection is not None or self._pending_calls:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self._close_connection)
        self._executor.shutdown(wait=False)

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()


@attrs.define(eq=False)
class Pool:
    """Some sessions that take turns."""

    threads: Sequence[ConnectionThread]
    _idle: asyncio.LifoQueue[ConnectionThread] = attrs.field(init=False)

    @_idle.default
    def _all_idle(self) -> asyncio.LifoQueue[ConnectionThread]:
        queue: asyncio.LifoQueue[ConnectionThread] = asyncio.LifoQueue()
        for thread in self.threads:
            queue.put_nowait(thread)
        return queue

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Call *work* on the thread of a session that is idle.

        Raises:
            Unavailable: the database refused, is away, or is too slow.
        """
        thread = await self._acquire()
        task = asyncio.ensure_future(_run_with_retry(thread, work))
        task.add_done_callback(lambda future: self._release(thread, future))
        return await asyncio.shield(task)

    async def _acquire(self) -> ConnectionThread:
        try:
            async with asyncio.timeout(self.threads[0].timeout):
                return await self._idle.get()
        except TimeoutError:
            raise Unavailable("The database has too much to do.") from None

    def _release(self, thread: ConnectionThread, future: "asyncio.Future[Any]") -> None:
        self._idle.put_nowait(thread)
        if not future.cancelled():
            future.exception()

    async def close(self) -> None:
        """Close every session."""
        for thread in self.threads:
            await thread.close()


async def _run_with_retry(
    thread: ConnectionThread, work: Callable[[Connection], T]
) -> T:
    """Read; once more if the connection had died while nobody looked."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    try:
        return await thread.run(work)
    except Unavailable:
        if (
            thread.pid is not None
            or loop.time() - started_at > _STALE_CONNECTION_WINDOW
        ):
            raise
        return await thread.run(work)


def _stop_timer(future: "asyncio.Future[Any]", timer: asyncio.TimerHandle) -> None:
    """End the watch; an error that nobody waits for any more is no news."""
    timer.cancel()
    if not future.cancelled():
        future.exception()


def _first_line(error: Exception) -> str:
    """Return the first line: what follows it may show values."""
    return str(error).partition("\n")[0]
