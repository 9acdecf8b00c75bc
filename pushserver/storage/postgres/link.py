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
from pushserver.storage.sql.connection import ByColumns

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds until a network that answers nothing is taken for gone.
_SILENCE = 5
_CONNECT: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": _SILENCE,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": _SILENCE * 1000,
}
# A server that is gone without a word must not keep its locks. Who waits for one gives
# up before that, or it would get the lock when it is gone itself, and keep it as long.
# What a commit promised holds although the database's own default may say otherwise.
_SESSION = (
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
_SENDING = 20.0
_PATIENTLY = "SET LOCAL idle_in_transaction_session_timeout = '20s'"
# Of a connection that was lost the database may not know so, and keep its locks. Its
# number may have gone to another one since it was heard.
_END = (
    "; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid}"
    " AND datname = current_database() AND usename = current_user"
    " AND application_name = '{name}'"
    " AND backend_start < clock_timestamp() - INTERVAL '{silence} seconds'"
)
_PICKY = "; SET plan_cache_mode = force_custom_plan"
#: How connections call themselves, by what is done on them.
READER, WRITER = "pushserver", "pushserver writer"
#: Seconds that they wait for a lock; those of devices are the writers' alone.
_LOCK = {READER: 5, WRITER: 2}
_MARK = re.compile(r"\?(\d*)")


class Link(ByColumns):
    """
    One connection. Whatever is bound has no type: the statement decides.

    So a statement is planned once, whichever of its values are NULL. `pid` is the
    database's process. Each is answered
    before the next is sent: in the midst of a pipeline (psycopg's `executemany`) the
    database takes a server for working that is gone, and keeps its locks for ever.

    `asked_at` is when
    the question was asked that is not answered yet, `heard_at` when the last one was
    answered, by the monotonic clock.
    """

    asked_at: float | None = None

    def __init__(self, url: str, name: str = READER) -> None:
        _check(url)
        self._name = name
        self.raw = psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            application_name=name,
            **_CONNECT,
        )
        self.raw.prepare_threshold = 0
        self.raw.prepared_max = 500
        self.raw.adapters.register_dumper(str, StrDumperUnknown)
        self.raw.adapters.register_dumper(bytes, BytesBinaryDumper)
        self.pid = self.raw.info.backend_pid
        self.heard_at = time.monotonic()
        self.has_begun = self._is_cut = False
        self._allowance = 0.0
        self._prepared: dict[str, str] = {}
        self._names = count(1)

    def begin(
        self, patience: int, *, picky: bool = False, lost: "Link | None" = None
    ) -> None:
        """Say, before anything else, how it is to be used; end what it is made for."""
        session = _SESSION.format(patience=patience, lock=_LOCK[self._name])
        session += _PICKY if picky else ""
        if lost is not None:
            silence = time.monotonic() - lost.heard_at
            session += _END.format(pid=lost.pid, name=self._name, silence=silence)
        self._ask(self.raw.execute, session, prepare=False)
        self.has_begun = True

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        """Do a statement."""
        return self._ask(self.raw.execute, numbered(sql), bound(values), binary=True)

    def execute_columns(
        self, sql: str, *tables: Sequence[Sequence[Any]]
    ) -> psycopg.Cursor[Any]:
        """Do a statement over *tables*: planned once, however many rows they have."""
        columns = (column for rows in tables for column in zip(*rows, strict=True))
        return self.execute(sql, [_array(column) for column in columns])

    def execute_all(self, sql: str, /) -> psycopg.Cursor[Any]:
        """Do statements, separated by semicolons, in one trip; return the last one."""
        self._allowance = 0.0
        done = self._ask(self.raw.execute, sql.encode(), prepare=False)
        while done.nextset():
            pass
        return done

    def prepare(self, parameters: str, sql: str, /) -> str:
        """Return the name of *sql*, prepared on this connection, for EXECUTE."""
        if sql not in self._prepared:
            name = f"own_{next(self._names)}"
            self.execute_all(f"PREPARE {name} ({parameters}) AS {sql}")
            self._prepared[sql] = name
        return self._prepared[sql]

    def take_time(self) -> None:
        """
        Be silent for longer while a large value is sent, until the commit.

        The database takes a server that has not sent a whole statement for an idle one.
        """
        self.execute_all(_PATIENTLY)
        self._allowance = _SENDING

    def _ask(self, work: Callable[P, T], *values: P.args, **how: P.kwargs) -> T:
        """Do *work* that waits for the database."""
        self.asked_at = time.monotonic() + self._allowance
        try:
            return work(*values, **how)
        finally:
            self.asked_at, self.heard_at = None, time.monotonic()

    @property
    def is_open(self) -> bool:
        """Tell whether it can be used, as far as is known."""
        return not (self._is_cut or self.raw.closed)

    @property
    def is_within(self) -> bool:
        """Tell whether a transaction is open."""
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    def clean(self) -> None:
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

    def cut(self) -> None:
        """Have whatever waits for the network fail at once; from another thread."""
        self._is_cut = True
        if self.raw.closed:
            return
        with socket.socket(fileno=os.dup(self.raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


def _check(url: str) -> None:
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
def numbered(sql: str) -> str:
    """Write `?` and `?3` as PostgreSQL does: `$1`, `$3`."""
    places = count(1)
    return _MARK.sub(lambda mark: f"${mark[1] or next(places)}", sql)


def bound(values: Sequence[Any]) -> list[Any]:
    """Return *values* as they are sent: numbers as digits, texts without NUL."""
    return [_sent(value) for value in values]


def _array(values: Iterable[Any]) -> str:
    """Return an array of texts as PostgreSQL reads it."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _sent(value: Any) -> Any:
    if type(value) is int:
        return str(value)
    # No text of PostgreSQL can have it; a device may well send it.
    if isinstance(value, str) and "\x00" in value:
        return value.replace("\x00", "\ufffd")
    return value
