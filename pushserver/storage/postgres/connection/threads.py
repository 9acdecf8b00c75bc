"""Connections with their threads, to be used from the event loop."""

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
from psycopg.pq.abc import PGresult

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.connection import (
    READER_APPLICATION,
    Connection,
)
from pushserver.storage.postgres.connection.question import Question, Send

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds until the next try to connect; until then, calls fail at once.
_RECONNECT_DELAY = 0.5
#: Seconds that an answer may spend on the network.
_NETWORK_SLACK = 0.5
#: When one connection times out, those with an answer in so many seconds are kept.
_LIVENESS_WINDOW = 1.0
_DATABASE_DOWN = "The database is away."


@attrs.define(eq=False)
class Database:
    """The database's URL, and whether it is reachable; shared by all threads."""

    url: str = attrs.field(repr=False)
    retry_at: float = attrs.field(default=0.0, init=False)
    threads: "list[ConnectionThread]" = attrs.field(
        factory=list, init=False, repr=False
    )
    _is_down: bool = attrs.field(default=False, init=False)
    _connect_lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def connect(self, application_name: str) -> Connection:
        """
        Connect. While the database is down, one thread at a time tries; others fail.

        Raises:
            Unavailable: the database is down.
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
        """Abort all connections without a recent answer."""
        self._is_down = True
        for thread in self.threads:
            thread.abort()


@attrs.define(eq=False)
class ConnectionThread:
    """
    One connection on a thread of its own; it reconnects when the connection is lost.

    The event loop can `ask` it, too, while the thread has nothing to do.

    A query that is not answered within `timeout` seconds aborts the connection. With
    `detects_outage`, such a timeout marks the database as down; that is for connections
    with short, frequent queries. With `custom_plans`, each query is planned for its own
    values.
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
    _question: Question | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    @_executor.default
    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="postgres")

    def __attrs_post_init__(self) -> None:
        self.database.threads.append(self)

    @property
    def pid(self) -> int | None:
        """Return the backend's process id, if connected."""
        connection = self._connection
        return connection.pid if connection is not None and connection.is_open else None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """
        Call *work* on the connection's thread; it runs to its end even if cancelled.

        It waits for the answer to what the event loop has asked.

        Raises:
            Unavailable: the database refused, is down, or did not answer in time.
        """
        while self._question is not None and not self._question.future.done():
            await asyncio.wait((self._question.future,))
        if self._is_closed:
            raise Unavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, self._run_on_thread, work)
        self._pending_calls += 1
        future.add_done_callback(self._on_call_done)
        self._start_timeout(future, time.monotonic())
        try:
            return await asyncio.shield(future)
        finally:
            # Its error has this frame, which must not have it: garbage that is old is
            # collected late.
            del future

    def connected(self) -> Connection | None:
        """Return the connection for `ask`; None: `run` has to see to it first."""
        connection = self._connection
        is_free = self.is_idle and not self._is_closed
        if connection is None or not is_free or not connection.is_open:
            return None
        return connection if connection.is_configured else None

    async def ask(
        self, connection: Connection, send: Send, *, is_pipeline: bool = False
    ) -> Sequence[PGresult]:
        """
        Ask *connection* from the event loop; return the answers.

        Raises:
            Unavailable: the database refused, is down, or did not answer in time.
        """
        future = asyncio.get_running_loop().create_future()
        self._pending_calls += 1
        future.add_done_callback(self._on_call_done)
        self._start_timeout(future, time.monotonic())
        self._question = Question(connection, future, is_pipeline)
        self._question.ask(send)
        try:
            return await asyncio.shield(future)
        except psycopg.Error as error:
            if connection.is_open:
                await self.run(Connection.rollback_or_close)
            raise _refused(error) from error
        finally:
            del future  # as in `run`

    def _on_call_done(self, _future: "asyncio.Future[Any]") -> None:
        self._pending_calls -= 1

    @property
    def is_idle(self) -> bool:
        """Tell whether no call is running or waiting."""
        return self._pending_calls == 0

    def _start_timeout(self, call: "asyncio.Future[Any]", silent_since: float) -> None:
        """Check in `timeout` seconds whether the connection had an answer."""
        loop = asyncio.get_running_loop()
        elapsed = time.monotonic() - silent_since
        delay = self.timeout + _NETWORK_SLACK - elapsed
        timer = loop.call_later(delay, self._check_timeout, call, silent_since)
        call.add_done_callback(lambda future: _stop_timer(future, timer))

    def _check_timeout(self, call: "asyncio.Future[Any]", silent_since: float) -> None:
        """Abort the connection, or restart the timer if it had an answer meanwhile."""
        if call.done():
            return
        connection = self._connection
        is_open = connection is not None and connection.is_open
        if self._question is not None and self._question.future is call and not is_open:
            self._question.give_up()
            return
        # Connecting has its own timeout.
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
        """Tell whether a query has been unanswered for longer than *seconds*."""
        connection = self._connection
        sent_at = None if connection is None else connection.query_sent_at
        return sent_at is not None and time.monotonic() - sent_at > seconds

    def abort(self) -> None:
        """Abort the connection, unless it had a recent answer."""
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
            raise _refused(error) from error
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
        """Finish the calls already made, then close."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._question is not None:
            self._question.give_up()
        if self._connection is not None or self._pending_calls:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self._close_connection)
        self._executor.shutdown(wait=False)

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _stop_timer(future: "asyncio.Future[Any]", timer: asyncio.TimerHandle) -> None:
    """Cancel the timer, and retrieve the error that no caller waits for."""
    timer.cancel()
    if not future.cancelled():
        future.exception()


def _refused(error: Exception) -> Unavailable:
    return Unavailable(f"The database refused: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """Return the first line of the error; the others may show values."""
    return str(error).partition("\n")[0]
