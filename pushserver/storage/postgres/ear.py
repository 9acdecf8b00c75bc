"""What others tell on the connection that listens."""

from collections import deque
from collections.abc import Collection, Iterator

import attrs
import psycopg

from pushserver.model.news import News
from pushserver.storage.postgres.gathering import read
from pushserver.storage.postgres.link import Link


@attrs.define(eq=False)
class Ear:
    """Takes in what comes, on any thread; gives it to the event loop's."""

    _told: deque[tuple[int, str]] = attrs.field(factory=deque, init=False)

    def open(self, link: Link) -> None:
        """Hear also what comes along with the answer to something else."""
        link.raw.add_notify_handler(self._note)

    def _note(self, came: psycopg.Notify) -> None:
        self._told.append((came.pid, came.payload))

    def take_in(self, link: Link) -> None:
        """
        Take from the network what is there.

        Raises:
            psycopg.Error: the connection is lost.
        """
        link.raw.pgconn.consume_input()
        while (came := link.raw.pgconn.notifies()) is not None:
            self._told.append((came.be_pid, came.extra.decode()))

    def heard(self, own: Collection[int]) -> Iterator[News]:
        """Give what was told, but not by this server's *own* processes."""
        while self._told:
            pid, payload = self._told.popleft()
            if pid not in own:
                yield read(payload)
