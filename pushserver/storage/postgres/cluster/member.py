"""This server as a member of the cluster: one of several over the same database.

One connection receives the notices of the other servers, sends those of this one, and
holds two advisory locks: of its node number and, on one server, of the leader. When the
connection is lost, so are the locks, and no notices arrive until it is back.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

import attrs
import psycopg
import structlog

from pushserver.errors import Unavailable
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.device import Device
from pushserver.storage.change_feed import ChangeFeed
from pushserver.storage.postgres.cluster.connection import (
    ClusterConnection,
    take_leave,
)
from pushserver.storage.postgres.cluster.notice_buffer import NoticeBuffer
from pushserver.storage.postgres.commit.lane_cache import LaneCache
from pushserver.storage.postgres.connection.threads import ConnectionThread

log = structlog.get_logger(__name__)

#: Seconds between two checks, and before reconnecting.
_CHECK_INTERVAL, _RECONNECT_DELAY = 1.0, 0.2


@attrs.define(eq=False, kw_only=True)
class ClusterMember:
    """
    Publishes the notices of other servers to `lane_cache` and then to `feed`.

    `writer_pids` are the backends of this server's own writers: their notices are
    ignored.
    """

    feed: ChangeFeed
    connection_thread: ConnectionThread
    cluster: ClusterConnection
    lane_cache: LaneCache
    writer_pids: Callable[[], Collection[int]]
    notice_buffer: NoticeBuffer = attrs.Factory(NoticeBuffer)
    is_joined: bool = attrs.field(default=False, init=False)
    _answered_at: float = attrs.field(default=0.0, init=False)
    _wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _run_task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    @property
    def is_leader(self) -> bool:
        """Tell whether this server does the work that only one of them does."""
        return self.cluster.has_leader_lock and self.is_joined

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
        self.cluster.node = node

    def _wake(self) -> None:
        if self.cluster.other_servers.is_alone:
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
        """Send what is buffered, release the locks, and close the connection."""
        if self._run_task is not None:
            self._run_task.cancel()
            await asyncio.wait([self._run_task])
        if self.is_joined:
            payloads = self._take_payloads()
            with suppress(Unavailable):
                await self.connection_thread.run(
                    lambda connection: take_leave(connection, payloads)
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
                self.is_joined = self.cluster.has_leader_lock = False
                log.warning("cluster.connection_lost", reason=error.detail)
                await asyncio.sleep(_RECONNECT_DELAY)
            except Exception:
                log.exception("cluster.failed")
                await asyncio.sleep(_RECONNECT_DELAY)

    async def _connect_and_register(self) -> ChangeNotice:
        """Connect and take the locks; return a notice that everything changed."""
        asked_at = time.monotonic()
        notice = await self.connection_thread.run(self.cluster.register)
        self.is_joined, self._answered_at = True, asked_at
        return attrs.evolve(notice, everything=True)

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
        """
        Receive in the event loop if the connection is idle; tell whether that was all.
        """
        connection = self.cluster.connection
        if (
            connection is None
            or not connection.is_open
            or not self.connection_thread.is_idle
        ):
            return False
        self._wakeup.clear()
        try:
            self.cluster.notify_listener.receive(connection)
        except psycopg.Error:
            return False
        self._publish_received()
        return not self.cluster.notify_listener.questions

    async def _exchange(self, *, check: bool = False, ping: bool = False) -> None:
        """
        Receive and send notices; *check* the cluster.

        With *ping*, every notice that was sent before the call is received.
        """
        self._wakeup.clear()
        payloads, asked_at = self._take_payloads(), time.monotonic()
        try:
            notice = await self.connection_thread.run(
                lambda connection: self.cluster.exchange(
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
        self.cluster.schema_watch.judge()

    def _publish_received(self) -> None:
        for notice in self.cluster.notify_listener.pop_notices(
            {*self.writer_pids(), self.cluster.backend_pid}
        ):
            self.cluster.other_servers.on_notice()
            self._publish(notice)

    def _publish(self, notice: ChangeNotice) -> None:
        if notice != ChangeNotice():
            self.lane_cache.on_notice(notice)
            self.feed.publish(notice)

    def _take_payloads(self) -> Sequence[str]:
        """Return the payloads to send; none if this server is alone."""
        if self.cluster.other_servers.is_alone:
            self.notice_buffer.clear()
        return self.notice_buffer.take_payloads()

    async def _wait_for_wakeup(self, next_check_at: float) -> None:
        """Wait for something to send or receive, or until the next check is due."""
        loop, connection = asyncio.get_running_loop(), self.cluster.connection
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
