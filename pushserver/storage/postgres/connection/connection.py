"""A connection to PostgreSQL that looks like SQLite's to the statements."""

import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.types.string import BytesBinaryDumper, StrDumperUnknown

from pushserver.errors import Misconfigured
from pushserver.storage.sql.connection import PostgresDialect

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds until a network that answers nothing is taken for gone.
_NETWORK_TIMEOUT = 5
_CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": _NETWORK_TIMEOUT,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": _NETWORK_TIMEOUT * 1000,
}
# A server that is gone without a word must not keep its locks. Who waits for one gives
# up before that, or it would get the lock when it is gone itself, and keep it as long.
# What a commit promised holds although the database's own default may say otherwise.
_SESSION_SETTINGS = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 1;"
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = 5000;"
    " SET idle_in_transaction_session_timeout = '3s'; SET lock_timeout = '{lock}s';"
    " SET statement_timeout = '{patience}s';"
    # What is read after a lock was waited for must be as it is then.
    " SET default_transaction_isolation = 'read committed';"
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
#: Seconds that a large value may take on its way.
_LARGE_VALUE_TIMEOUT = 20.0
_EXTEND_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = '20s'"
# Of a connection that was lost the database may not know so, and keep its locks. Its
# number may have gone to another one since it was heard.
_TERMINATE_BACKEND = (
    "; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid}"
    " AND datname = current_database() AND usename = current_user"
    " AND application_name = '{name}'"
    " AND backend_start < clock_timestamp() - INTERVAL '{silence} seconds'"
)
_FORCE_CUSTOM_PLANS = "; SET plan_cache_mode = force_custom_plan"
#: How connections call themselves, by what is done on them; the last is no server's.
READER_APPLICATION, WRITER_APPLICATION = "pushserver", "pushserver writer"
MIGRATOR = "migration of pushserver"
#: Seconds that they wait for a lock; those of devices are the writers' alone.
_LOCK_TIMEOUTS = {READER_APPLICATION: 5, WRITER_APPLICATION: 2, MIGRATOR: 5}
_PLACEHOLDER = re.compile(r"\?(\d*)")


class Connection(PostgresDialect):
    """
    One connection. Whatever is bound has no type: the statement decides.

    So a statement is planned once, whichever of its values are NULL. `pid` is the
    database's process. Each is answered
    before the next is sent: in the midst of a pipeline (psycopg's `executemany`) the
    database takes a server for working that is gone, and keeps its locks for ever.

    `query_sent_at` is when
    the question was asked that is not answered yet, `last_answer_at` when the last one
    was answered, by the monotonic clock.
    """

    query_sent_at: float | None = None

    def __init__(self, url: str, application_name: str = READER_APPLICATION) -> None:
        _check_url(url)
        self._application_name = application_name
        self.raw = psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            application_name=application_name,
            **_CONNECT_OPTIONS,
        )
        self.raw.prepare_threshold = 0
        self.raw.prepared_max = 500
        self.raw.adapters.register_dumper(str, StrDumperUnknown)
        self.raw.adapters.register_dumper(bytes, BytesBinaryDumper)
        self.pid = self.raw.info.backend_pid
        self.last_answer_at = time.monotonic()
        self.is_configured = self._is_aborted = False
        self._extra_time = 0.0
        self._prepared: dict[str, str] = {}
        self._statement_numbers = count(1)

    def configure(
        self,
        timeout: int,
        *,
        custom_plans: bool = False,
        replaced: "Connection | None" = None,
    ) -> None:
        """Say, before anything else, how it is to be used; end what it is made for."""
        settings_sql = _SESSION_SETTINGS.format(
            patience=timeout, lock=_LOCK_TIMEOUTS[self._application_name]
        )
        settings_sql += _FORCE_CUSTOM_PLANS if custom_plans else ""
        if replaced is not None:
            silent_for = time.monotonic() - replaced.last_answer_at
            settings_sql += _TERMINATE_BACKEND.format(
                pid=replaced.pid, name=self._application_name, silence=silent_for
            )
        self._call_database(self.raw.execute, settings_sql, prepare=False)
        self.is_configured = True

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        """Do a statement."""
        return self._call_database(
            self.raw.execute,
            number_placeholders(sql),
            encode_parameters(values),
            binary=True,
        )

    def execute_arrays(
        self, sql: str, *tables: Sequence[Sequence[Any]]
    ) -> psycopg.Cursor[Any]:
        """Do a statement over *tables*: planned once, however many rows they have."""
        columns = (
            column for table_rows in tables for column in zip(*table_rows, strict=True)
        )
        return self.execute(sql, [_text_array_literal(column) for column in columns])

    def execute_all(self, sql: str, /) -> psycopg.Cursor[Any]:
        """Do statements, separated by semicolons, in one trip; return the last one."""
        self._extra_time = 0.0
        cursor = self._call_database(self.raw.execute, sql.encode(), prepare=False)
        while cursor.nextset():
            pass
        return cursor

    def prepare(self, parameter_types: str, sql: str, /) -> str:
        """Return the name of *sql*, prepared on this connection, for EXECUTE."""
        if sql not in self._prepared:
            name = f"own_{next(self._statement_numbers)}"
            self.execute_all(f"PREPARE {name} ({parameter_types}) AS {sql}")
            self._prepared[sql] = name
        return self._prepared[sql]

    def extend_timeout(self) -> None:
        """
        Be silent for longer while a large value is sent, until the commit.

        The database takes a server that has not sent a whole statement for an idle one.
        """
        self.execute_all(_EXTEND_IDLE_TIMEOUT)
        self._extra_time = _LARGE_VALUE_TIMEOUT

    def _call_database(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do *function* that waits for the database."""
        self.query_sent_at = time.monotonic() + self._extra_time
        try:
            return function(*args, **kwargs)
        finally:
            self.query_sent_at, self.last_answer_at = None, time.monotonic()

    @property
    def is_open(self) -> bool:
        """Tell whether it can be used, as far as is known."""
        return not (self._is_aborted or self.raw.closed)

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    def rollback_or_close(self) -> None:
        """Roll back what was not committed; close if that cannot be done."""
        try:
            if self.raw.info.transaction_status != TransactionStatus.IDLE:
                # With that the library may drop whatever was prepared.
                self._prepared.clear()
                self.raw.execute("ROLLBACK", prepare=False)
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        """Close."""
        self.raw.close()

    def abort(self) -> None:
        """Have whatever waits for the network fail at once; from another thread."""
        self._is_aborted = True
        if self.raw.closed:
            return
        with socket.socket(fileno=os.dup(self.raw.fileno())) as sock:
            sock.shutdown(socket.SHUT_RDWR)


def _check_url(url: str) -> None:
    """
    Check that *url* can be read: what the library says of it may show the password.

    Raises:
        Misconfigured: it cannot.
    """
    try:
        host = str(conninfo_to_dict(url).get("host", ""))
    except psycopg.ProgrammingError:
        host = "@@"
    # Sockets may be named with an @, but only as the first of it.
    if "@" in host[1:]:
        raise Misconfigured(
            "DATABASE cannot be read: in its user and password, write @, :, /, % and"
            " spaces as %40, %3A, %2F, %25 and %20."
        )


@lru_cache(maxsize=2048)
def number_placeholders(sql: str) -> str:
    """Write `?` and `?3` as PostgreSQL does: `$1`, `$3`."""
    positions = count(1)
    return _PLACEHOLDER.sub(lambda match: f"${match[1] or next(positions)}", sql)


def encode_parameters(values: Sequence[Any]) -> list[Any]:
    """Return *values* as they are sent: numbers as digits, texts without NUL."""
    return [_encode_parameter(value) for value in values]


def _text_array_literal(values: Iterable[Any]) -> str:
    """Return an array of texts as PostgreSQL reads it."""
    return "{" + ",".join(map(_array_element, values)) + "}"


def _array_element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _encode_parameter(value: Any) -> Any:
    if type(value) is int:
        return str(value)
    # No text of PostgreSQL can have it; a device may well send it.
    if isinstance(value, str) and "\x00" in value:
        return value.replace("\x00", "\ufffd")
    return value
