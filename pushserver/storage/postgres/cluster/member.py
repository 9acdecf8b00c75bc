"""This server as a member of the cluster: one of several over the same database.

One connection receives the notices of the other servers, sends those of this one, and
holds two advisory locks: of its node number and, on one server, of the leader. When the
connection is lost, so are the locks, and no notices arrive until it is back.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import attrs
import psycopg
import structlog

from pushserver.errors import Unavailable
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.device import Device
from pushserver.model.ids import IdGenerator
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.postgres.cluster.missed_changes import MissedChangeSweep
from pushserver.storage.postgres.cluster.notice_buffer import NoticeBuffer
from pushserver.storage.postgres.cluster.notify_listener import NotifyListener
from pushserver.storage.postgres.cluster.other_servers import OtherServers
from pushserver.storage.postgres.cluster.schema_watch import SchemaWatch
from pushserver.storage.postgres.cluster.server_locks import (
    MAX_NODES,
    lock_free_node,
    try_leader_lock,
)
from pushserver.storage.postgres.commit.lane_cache import LaneCache
from pushserver.storage.postgres.connection.clock import DatabaseClock
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread
from pushserver.storage.postgres.connection.watchdog import abort_stalled_connections

log = structlog.get_logger(__name__)

#: Seconds between two checks, and before reconnecting.
_CHECK_INTERVAL, _RECONNECT_DELAY = 1.0, 0.2
# A machine that vanished must not stay the leader for long, even if a proxy between it
# and the database keeps the connection up; but a busy one may be silent for a while.
_SESSION_SETTINGS = (
    "LISTEN pushserver; SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1;"
    " SET tcp_keepalives_count = 3; SET idle_session_timeout = '8s';"
    # A crash loses notices in any case, so they need not wait for the disk.
    " SET synchronous_commit = off"
)
_NOTIFY = (
    "SELECT pg_notify('pushserver', piece) FROM unnest(CAST(? AS TEXT[])) AS piece"
)


@attrs.define(eq=False, kw_only=True)
class ClusterMember:
    """
    Publishes the notices of other servers to `lane_cache` and then to `feed`.

    `writer_pids` are the backends of this server's own writers: their notices are
    ignored.
    """

    feed: ChangeFeed
    connection_thread: ConnectionThread
    database_clock: DatabaseClock
    new_id: IdGenerator
    lane_cache: LaneCache
    writer_pids: Callable[[], Collection[int]]
    notice_buffer: NoticeBuffer = attrs.Factory(NoticeBuffer)
    sweep: MissedChangeSweep = attrs.Factory(MissedChangeSweep)
    notify_listener: NotifyListener = attrs.Factory(NotifyListener)
    schema_watch: SchemaWatch = attrs.Factory(SchemaWatch)
    other_servers: OtherServers = attrs.Factory(OtherServers)
    is_joined: bool = attrs.field(default=False, init=False)
    _answered_at: float = attrs.field(default=0.0, init=False)
    _has_leader_lock: bool = attrs.field(default=False, init=False)
    _node: int | None = attrs.field(default=None, init=False)
    _wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _connection: Connection | None = attrs.field(default=None, init=False)
    _backend_pid: int = attrs.field(default=0, init=False)
    _run_task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    @property
    def is_leader(self) -> bool:
        """Tell whether this server does the work that only one of them does."""
        return self._has_leader_lock and self.is_joined

    def is_listening(self) -> bool:
        """Tell whether notices of other servers are received."""
        return self.is_joined

    def is_up_to_date(self, seconds: float) -> bool:
        """Tell whether every notice is known that was sent up to *seconds* ago."""
        return self.is_joined and time.monotonic() - self._answered_at <= seconds

    def publish_commit(self, notice: ChangeNotice) -> None:
        """Publish a commit of this server, here and to the other servers."""
        self.feed.publish(notice)
        self.notice_buffer.add(notice)
        self._wake()

    def record_seen(self, devices: Iterable[Device]) -> None:
        """Send the other servers when *devices* were last seen."""
        self.notice_buffer.add_seen(devices)
        self._wake()

    async def catch_up(self) -> None:
        """
        Receive every notice that was sent before the call.

        Raises:
            Unavailable: the connection is lost.
        """
        if not self.is_joined:
            raise Unavailable("The connection to other servers is lost.")
        await self._exchange(ping=True)

    def prefer_node(self, node: int) -> None:
        """Take this node number, or the next free one, when joining."""
        self._node = node

    def _wake(self) -> None:
        if self.other_servers.is_alone:
            self.notice_buffer.clear()
        elif self.notice_buffer:
            self._wakeup.set()

    async def join(self) -> None:
        """
        Connect, take a node number, and listen.

        Raises:
            Unavailable: the database is away.
        """
        self._publish(await self._connect_and_register())
        self._run_task = asyncio.create_task(self._run(), name="cluster member")

    async def leave(self) -> None:
        """Send what is buffered, then close the connection and with it the locks."""
        if self._run_task is not None:
            self._run_task.cancel()
            await asyncio.wait([self._run_task])
        if self.is_joined:
            payloads = self._take_payloads()
            with suppress(Unavailable):
                await self.connection_thread.run(
                    lambda connection: _notify(connection, payloads)
                )
        self.is_joined = False
        await self.connection_thread.close()

    async def _run(self) -> None:
        """Receive and send notices; reconnect whenever the connection was lost."""
        while True:
            try:
                if not self.is_joined:
                    self._publish(await self._connect_and_register())
                await self._run_until_lost()
            except Unavailable as error:
                self.is_joined = self._has_leader_lock = False
                log.warning("cluster.connection_lost", reason=error.detail)
                await asyncio.sleep(_RECONNECT_DELAY)
            except Exception:
                log.exception("cluster.failed")
                await asyncio.sleep(_RECONNECT_DELAY)

    async def _connect_and_register(self) -> ChangeNotice:
        """Connect and take the locks; return a notice that everything changed."""
        asked_at = time.monotonic()
        notice = await self.connection_thread.run(self._register)
        self.is_joined, self._answered_at = True, asked_at
        return attrs.evolve(notice, everything=True)

    def _register(self, connection: Connection) -> ChangeNotice:
        connection.raw.execute(_SESSION_SETTINGS, prepare=False)
        self.notify_listener.attach(connection)
        self._connection, self._backend_pid = connection, connection.pid
        first_node = random.randrange(MAX_NODES) if self._node is None else self._node  # noqa: S311 - no secret
        self._node = lock_free_node(connection, first_node)
        self.new_id.set_node(self._node)
        self._has_leader_lock = try_leader_lock(connection)
        _notify(connection, ["{}"])
        self.other_servers.start(connection)
        self.database_clock.measure(connection)
        return self.sweep.start(connection, self.database_clock.now())

    async def _run_until_lost(self) -> None:
        loop = asyncio.get_running_loop()
        next_check_at = loop.time()
        while True:
            is_check_due = loop.time() >= next_check_at
            if is_check_due:
                next_check_at = loop.time() + _CHECK_INTERVAL
            if is_check_due or self.notice_buffer or not self._receive_if_idle():
                await self._exchange(check=is_check_due)
            await self._wait_for_wakeup(next_check_at)

    def _receive_if_idle(self) -> bool:
        """Receive in the event loop if the connection is idle; tell whether it was."""
        connection = self._connection
        if (
            connection is None
            or not connection.is_open
            or not self.connection_thread.is_idle
        ):
            return False
        self._wakeup.clear()
        try:
            self.notify_listener.receive(connection)
        except psycopg.Error:
            return False
        self._publish_received()
        return True

    async def _exchange(self, *, check: bool = False, ping: bool = False) -> None:
        """
        Receive and send notices; *check* the cluster.

        With *ping*, every notice that was sent before the call is received.
        """
        self._wakeup.clear()
        payloads, asked_at = self._take_payloads(), time.monotonic()
        try:
            notice = await self.connection_thread.run(
                lambda connection: self._exchange_on_thread(
                    connection, payloads, check, ping
                )
            )
        except Unavailable:
            self.notice_buffer.mark_lost()
            raise
        self._publish_received()
        if notice is not None:
            self._publish(notice)
        if check or ping or payloads:
            # The database answered, and sends the notices of before first.
            self._answered_at = asked_at
        self.schema_watch.judge()

    def _publish_received(self) -> None:
        for notice in self.notify_listener.pop_notices(
            {*self.writer_pids(), self._backend_pid}
        ):
            self.other_servers.on_notice()
            self._publish(notice)

    def _publish(self, notice: ChangeNotice) -> None:
        if notice != ChangeNotice():
            self.lane_cache.on_notice(notice)
            self.feed.publish(notice)

    def _take_payloads(self) -> Sequence[str]:
        """Return the payloads to send; none if this server is alone."""
        if self.other_servers.is_alone:
            self.notice_buffer.clear()
        return self.notice_buffer.take_payloads()

    def _exchange_on_thread(
        self, connection: Connection, payloads: Sequence[str], check: bool, ping: bool
    ) -> ChangeNotice | None:
        if connection is not self._connection:
            connection.close()
            raise Unavailable("The connection was lost.")
        if ping:
            # The database sends all earlier notices before its answer.
            connection.execute("SELECT 1")
        self.notify_listener.receive(connection)
        _notify(connection, payloads)
        return self._check_cluster(connection) if check else None

    def _check_cluster(self, connection: Connection) -> ChangeNotice | None:
        """Become the leader if there is none; scan for missed changes unless alone."""
        if not self._has_leader_lock:
            self._has_leader_lock = try_leader_lock(connection)
        abort_stalled_connections(connection, self.connection_thread.database.threads)
        self.schema_watch.look(connection)
        self.other_servers.check(connection)
        if self.database_clock.measure(connection):
            self.sweep.request_full_notice()
            return ChangeNotice(everything=True)
        if self.other_servers.is_alone and not self.sweep.needs_full_notice:
            return None
        return self.sweep.scan(connection, self.database_clock.now(), self.new_id.node)

    async def _wait_for_wakeup(self, next_check_at: float) -> None:
        """Wait for something to send or receive, or until the next check is due."""
        loop, connection = asyncio.get_running_loop(), self._connection
        if connection is None or not connection.is_open:
            return
        fd = connection.raw.fileno()
        loop.add_reader(fd, self._wakeup.set)
        try:
            async with asyncio.timeout_at(next_check_at):
                await self._wakeup.wait()
        except TimeoutError:
            return
        finally:
            loop.remove_reader(fd)


def _notify(connection: Connection, payloads: Sequence[str]) -> None:
    if payloads:
        connection.execute_arrays(_NOTIFY, [(payload,) for payload in payloads])
