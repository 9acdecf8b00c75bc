"""Receives notices, and questions, on the listening connection."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence

import attrs
import psycopg

from pushserver.model.change_notice import ChangeNotice
from pushserver.storage.postgres.cluster.asked_time import QUESTIONS
from pushserver.storage.postgres.cluster.notice_buffer import decode_notice
from pushserver.storage.postgres.connection.connection import Connection


@attrs.define(eq=False)
class NotifyListener:
    """
    Receives notices on any thread; the event loop takes them with `pop_notices`.

    `questions` were asked by servers that start, and are not answered yet.
    """

    questions: deque[str] = attrs.field(factory=deque, init=False)
    _received: deque[tuple[int, str]] = attrs.field(factory=deque, init=False)

    def attach(self, connection: Connection) -> None:
        """Also receive notices that arrive with the answer to a statement."""
        connection.raw.add_notify_handler(self._on_notify)

    def _on_notify(self, notify: psycopg.Notify) -> None:
        self._record(notify.channel, notify.pid, notify.payload)

    def _record(self, channel: str, pid: int, payload: str) -> None:
        if channel == QUESTIONS:
            self.questions.append(payload)
        else:
            self._received.append((pid, payload))

    def receive(self, connection: Connection) -> None:
        """
        Receive the notices that have arrived.

        Raises:
            psycopg.Error: the connection is lost.
        """
        connection.raw.pgconn.consume_input()
        while (notify := connection.raw.pgconn.notifies()) is not None:
            self._record(notify.relname.decode(), notify.be_pid, notify.extra.decode())

    def pop_questions(self) -> Sequence[str]:
        """Return and forget the questions that were asked."""
        return [self.questions.popleft() for _ in range(len(self.questions))]

    def pop_notices(self, own_pids: Collection[int]) -> Iterator[ChangeNotice]:
        """Yield the notices that were not sent by the backends *own_pids*."""
        while self._received:
            pid, payload = self._received.popleft()
            if pid not in own_pids:
                yield decode_notice(payload)
