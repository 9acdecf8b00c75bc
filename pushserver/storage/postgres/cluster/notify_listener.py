"""Receives notices on the listening connection."""

from collections import deque
from collections.abc import Collection, Iterator

import attrs
import psycopg

from pushserver.model.change_notice import ChangeNotice
from pushserver.storage.postgres.cluster.notice_buffer import decode_notice
from pushserver.storage.postgres.connection.connection import Connection


@attrs.define(eq=False)
class NotifyListener:
    """Receives notices on any thread; the event loop takes them with `pop_notices`."""

    _received: deque[tuple[int, str]] = attrs.field(factory=deque, init=False)

    def attach(self, connection: Connection) -> None:
        """Also receive notices that arrive with the answer to a statement."""
        connection.raw.add_notify_handler(self._on_notify)

    def _on_notify(self, notify: psycopg.Notify) -> None:
        self._received.append((notify.pid, notify.payload))

    def receive(self, connection: Connection) -> None:
        """
        Receive the notices that have arrived.

        Raises:
            psycopg.Error: the connection is lost.
        """
        connection.raw.pgconn.consume_input()
        while (notify := connection.raw.pgconn.notifies()) is not None:
            self._received.append((notify.be_pid, notify.extra.decode()))

    def pop_notices(self, own_pids: Collection[int]) -> Iterator[ChangeNotice]:
        """Yield the notices that were not sent by the backends *own_pids*."""
        while self._received:
            pid, payload = self._received.popleft()
            if pid not in own_pids:
                yield decode_notice(payload)
