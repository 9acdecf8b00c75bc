"""A connection to PostgreSQL with the interface that the statements use."""

import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.string import BytesBinaryDumper, StrDumperUnknown

from pushserver.errors import Misconfigured
from pushserver.storage.postgres.connection.arrays import text_array_literal
from pushserver.storage.sql.connection import PostgresDialect

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds that connecting may take for one host, and for all of them; libpq takes no
#: less than two.
_CONNECT_TIMEOUT, _CONNECT_BUDGET, _MIN_CONNECT_TIMEOUT = 3, 6, 2
#: Seconds without an answer after which the network is considered down.
_NETWORK_TIMEOUT = 5
_CONNECT_OPTIONS: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": _NETWORK_TIMEOUT,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": _NETWORK_TIMEOUT * 1000,
}
# A server that vanishes must not keep its locks. Waiting for a lock ends sooner: else a
# server might get the lock after it has vanished itself. A commit is durable, whatever
# the database's default is.
_SESSION_SETTINGS = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 1;"
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = 5000;"
    " SET idle_in_transaction_session_timeout = '3s'; SET lock_timeout = '{lock}s';"
    " SET statement_timeout = '{patience}s';"
    # After waiting for a lock, statements must see what was committed meanwhile.
    " SET default_transaction_isolation = 'read committed';"
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
#: Seconds that sending a large value may take.
_LARGE_VALUE_TIMEOUT = 20.0
_EXTEND_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = '20s'"
# The database may not know that the connection was lost, and keep its locks. Meanwhile
# the process id may belong to another connection.
_TERMINATE_BACKEND = (
    "; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid}"
    " AND datname = current_database() AND usename = current_user"
    # That of a server among others ends with its release.
    " AND application_name ~ '^{name}( [0-9][^ ]*)?$'"
    " AND backend_start < clock_timestamp() - INTERVAL '{silence} seconds'"
)
_FORCE_CUSTOM_PLANS = "; SET plan_cache_mode = force_custom_plan"
# Writers find rows by their keys, and keep plans: one that was made while a table was
# small would read all of it each time, until the table is analyzed.
_PLANS_BY_KEY = (
    "; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
)
#: The `application_name` of connections, by their use; the last is not a server's.
READER_APPLICATION, WRITER_APPLICATION = "pushserver", "pushserver writer"
MIGRATOR = "migration of pushserver"
#: Seconds that they wait for a lock; only writers lock devices.
_LOCK_TIMEOUTS = {READER_APPLICATION: 5, WRITER_APPLICATION: 2, MIGRATOR: 5}
#: The first release of PostgreSQL with `transaction_timeout`.
_LIMITS_TRANSACTIONS = 170000
_PLACEHOLDER = re.compile(r"\?(\d*)")


class Connection(PostgresDialect):
    """
    One connection. Parameters are sent untyped; PostgreSQL infers their types.

    So a statement is planned once, whichever of its values are NULL. Nothing is
    pipelined (as by psycopg's `executemany`): if the server vanished in the middle of a
    pipeline, the database would not notice, and would keep its locks. `may_pipeline`
    tells whether it can set a limit to that, as PostgreSQL does since 17.

    `pid` is the backend's process id. `query_sent_at` is when the unanswered query was
    sent, `last_answer_at` when the last answer came, by the monotonic clock.
    """

    query_sent_at: float | None = None

    def __init__(self, url: str, application_name: str = READER_APPLICATION) -> None:
        host_count = _count_hosts(url)
        self._application_name = application_name
        self.raw = psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            application_name=application_name,
            connect_timeout=_connect_timeout(host_count),
            **_CONNECT_OPTIONS,
        )
        self.raw.prepare_threshold = 0
        self.raw.prepared_max = 500
        self.raw.adapters.register_dumper(int, _IntDumper)
        self.raw.adapters.register_dumper(str, _TextDumper)
        self.raw.adapters.register_dumper(bytes, BytesBinaryDumper)
        self.pid = self.raw.info.backend_pid
        is_new = self.raw.info.server_version >= _LIMITS_TRANSACTIONS
        self.may_pipeline = is_new and psycopg.Pipeline.is_supported()
        self.last_answer_at = time.monotonic()
        self.is_configured = self._is_aborted = False
        self._extra_time = 0.0
        self.prepared: dict[str, str] = {}
        self._statement_numbers = count(1)

    def configure(
        self,
        timeout: int,
        *,
        custom_plans: bool = False,
        replaced: "Connection | None" = None,
    ) -> None:
        """Set the session up; terminate the backend of the connection it replaces."""
        settings_sql = _SESSION_SETTINGS.format(
            patience=timeout, lock=_LOCK_TIMEOUTS[self._application_name]
        )
        settings_sql += _FORCE_CUSTOM_PLANS if custom_plans else ""
        if self._application_name == WRITER_APPLICATION:
            settings_sql += _PLANS_BY_KEY
        if replaced is not None:
            silent_for = time.monotonic() - replaced.last_answer_at
            settings_sql += _TERMINATE_BACKEND.format(
                pid=replaced.pid, name=self._application_name, silence=silent_for
            )
        self._call_database(self.raw.execute, settings_sql, prepare=False)
        self.is_configured = True

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        """Execute a statement."""
        return self._call_database(
            self.raw.execute,
            number_placeholders(sql),
            values,
            binary=True,
        )

    def execute_arrays(
        self, sql: str, arrays: Iterable[Sequence[Any]]
    ) -> psycopg.Cursor[Any]:
        """Execute a statement with arrays; one plan serves any number of rows."""
        return self.execute(sql, [text_array_literal(each) for each in arrays])

    def execute_all(self, sql: str, /) -> psycopg.Cursor[Any]:
        """Execute statements, separated by semicolons, in one round trip."""
        self._extra_time = 0.0
        cursor = self._call_database(self.raw.execute, sql.encode(), prepare=False)
        while cursor.nextset():
            pass
        return cursor

    def prepare(self, sql: str) -> str:
        """Prepare *sql* on this connection, once; return the statement's name."""
        if sql not in self.prepared:
            name = f"own_{next(self._statement_numbers)}"
            self.execute_all(f"PREPARE {name} AS {number_placeholders(sql)}")
            self.prepared[sql] = name
        return self.prepared[sql]

    def extend_timeout(self) -> None:
        """
        Allow more time for sending large values, until the commit.

        To the database, a server that is still sending is idle in transaction.
        """
        self.execute_all(_EXTEND_IDLE_TIMEOUT)
        self._extra_time = _LARGE_VALUE_TIMEOUT

    def _call_database(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call *function*, which waits for the database."""
        self.query_sent_at = time.monotonic() + self._extra_time
        try:
            return function(*args, **kwargs)
        finally:
            self.query_sent_at, self.last_answer_at = None, time.monotonic()

    @property
    def is_open(self) -> bool:
        """Tell whether the connection is open, as far as the client knows."""
        return not (self._is_aborted or self.raw.closed)

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    def rollback_or_close(self) -> None:
        """Roll back; close the connection if that fails."""
        try:
            if self.raw.info.transaction_status != TransactionStatus.IDLE:
                # psycopg may drop prepared statements on ROLLBACK.
                self.prepared.clear()
                self.raw.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        """Close."""
        self.raw.close()

    def abort(self) -> None:
        """Make calls that wait for the network fail at once; from any thread."""
        self._is_aborted = True
        if self.raw.closed:
            return
        with socket.socket(fileno=os.dup(self.raw.fileno())) as sock:
            sock.shutdown(socket.SHUT_RDWR)


def _connect_timeout(host_count: int) -> int:
    """Return how many seconds to try each of so many hosts."""
    share = _CONNECT_BUDGET // host_count
    return max(_MIN_CONNECT_TIMEOUT, min(_CONNECT_TIMEOUT, share))


def _count_hosts(url: str) -> int:
    """
    Count the hosts of *url*. Psycopg's own error might show the password.

    Raises:
        Misconfigured: it is not valid.
    """
    try:
        host = str(conninfo_to_dict(url).get("host", ""))
    except psycopg.ProgrammingError:
        host = "@@"
    # The name of a Unix socket may start with an @.
    if "@" in host[1:]:
        raise Misconfigured(
            "DATABASE cannot be read: in its user and password, write @, :, /, % and"
            " spaces as %40, %3A, %2F, %25 and %20."
        )
    return host.count(",") + 1


@lru_cache(maxsize=2048)
def number_placeholders(sql: str) -> str:
    """Replace `?` and `?3` by PostgreSQL's `$1` and `$3`."""
    positions = count(1)
    return _PLACEHOLDER.sub(lambda match: f"${match[1] or next(positions)}", sql)


class _IntDumper(Dumper):
    """Sends an int as digits, without a type."""

    def dump(self, obj: int) -> bytes:
        return str(obj).encode()


class _TextDumper(StrDumperUnknown):
    """Sends text without a type, and without NUL, which PostgreSQL cannot store."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\x00", "\ufffd") if "\x00" in obj else obj)
