"""
Connections to the PostgreSQL of the tests that outlive the test that opened them.

A new backend first reads the catalogue: half of what a small test costs. One that is
taken again is as if it were new, but for that.
"""

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import attrs
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn

#: Forgets settings, locks, channels and statements; what is kept is no server's.
_RESET = b"DISCARD ALL", b"SET application_name = ''"
#: So many that what tests of one server open is at hand; a few processes keep some.
_MAX_KEPT = 12
Connect = Callable[..., psycopg.Connection[Any]]
#: Not empty while no connection is to be kept, or to be one that was.
_NEW_ALONE: list[None] = []


@contextmanager
def new_connections() -> Iterator[None]:
    """
    Have every connection of the block a new one, and none that it closes used again.

    For what changes the defaults of the database, which a backend reads at its start.
    """
    _NEW_ALONE.append(None)
    try:
        yield
    finally:
        _NEW_ALONE.pop()


class _Kept(psycopg.Connection[Any]):
    """A connection whose end is kept when it is closed, if it is idle and sound."""

    keep: Callable[[PGconn], None]

    def close(self) -> None:
        if _NEW_ALONE or self.info.transaction_status is not TransactionStatus.IDLE:
            super().close()
            return
        try:
            for sql in _RESET:
                self.execute(sql, prepare=False)
        except psycopg.Error:
            super().close()
        else:
            kept, self.pgconn = self.pgconn, _closed()
            self.keep(kept)


@attrs.define
class WarmConnections:
    """
    Connects in place of psycopg; keeps connections of servers to one database.

    What a test closed is used by later tests alone: a server ends the backend whose
    connection it lost, and that must be no other's by then.
    """

    url: str
    _connect: Connect = psycopg.connect
    _kept: list[PGconn] = attrs.field(factory=list, init=False)
    _closed_by_test: list[PGconn] = attrs.field(factory=list, init=False)

    def install(self) -> None:
        """Take the place of psycopg's own, until the process ends."""
        psycopg.connect = self  # type: ignore[assignment]
        atexit.register(self.close)

    def begin_test(self) -> None:
        """Let the next test use what the last one closed."""
        self._kept += self._closed_by_test
        self._closed_by_test.clear()

    def close(self) -> None:
        """Close what is kept."""
        for each in (*self._kept, *self._closed_by_test):
            each.finish()

    def __call__(self, url: str, **options: Any) -> psycopg.Connection[Any]:
        """Connect; the connection of a server may be one that was kept."""
        name = options.get("application_name", "")
        is_server = name.startswith("pushserver")
        if url != self.url or not is_server or _NEW_ALONE:
            return self._connect(url, **options)
        connection = self._take(name) or _Kept.connect(url, **options)
        connection.autocommit = True
        connection.cursor_factory = options["cursor_factory"]
        connection.keep = self._keep
        return connection

    def _keep(self, kept: PGconn) -> None:
        """Keep it for later tests, unless there are enough."""
        if len(self._kept) + len(self._closed_by_test) < _MAX_KEPT:
            self._closed_by_test.append(kept)
        else:
            kept.finish()

    def _take(self, name: str) -> _Kept | None:
        """Return one that was kept, and has not broken since."""
        while self._kept:
            connection = _Kept(self._kept.pop())
            connection.autocommit = True
            try:
                rename = f"SET application_name = '{name}'".encode()
                connection.execute(rename, prepare=False)
            except psycopg.Error:
                connection.pgconn.finish()
            else:
                return connection
        return None


@cache
def _closed() -> PGconn:
    """Return a connection's end that is closed."""
    pgconn: PGconn = psycopg.pq.PGconn.connect(b"host=/nowhere")
    pgconn.finish()
    return pgconn
