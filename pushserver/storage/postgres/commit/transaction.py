"""Transactions that write: begin, write the changes, and commit."""

from collections.abc import Callable, Sequence
from functools import partial

import psycopg
from psycopg.pq.abc import PGconn

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.arrays import array_bytes
from pushserver.storage.postgres.connection.clock import DATABASE_NOW_SQL
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.threads import ConnectionThread
from pushserver.storage.sql.bulk import RowChanged, combine
from pushserver.storage.sql.changes import PreparedWrite

#: The classes of errors that a database which cannot work answers with: it is out of
#: room, it fails, it stops, the connection is lost.
_FAILURE_CLASSES = ("08", "53", "57P", "58")
#: It is read-only: a standby, or set so.
_READ_ONLY = "25006"
#: A deadlock; or a row of `must_match_all` that does not match any more.
_CAME_BETWEEN = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.InvalidTextRepresentation,
    RowChanged,
)
#: As long as one statement may take.
_LIMIT_TRANSACTION = b"SET LOCAL transaction_timeout = '5s'"


def is_of_the_database(error: Exception) -> bool:
    """Tell whether an error is about the database, not about what was to be written."""
    if not isinstance(error, Unavailable):
        return False
    cause = error.__cause__
    sqlstate = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    if sqlstate is None:
        return not isinstance(cause, ValueError)
    return sqlstate.startswith(_FAILURE_CLASSES) or sqlstate == _READ_ONLY


def begin(connection: Connection) -> int:
    """Begin a transaction; return the database's time, in microseconds UTC."""
    rows = connection.execute_all(f"BEGIN; SELECT {DATABASE_NOW_SQL}")
    return int((rows.fetchone() or (0,))[0])


def try_to_commit(
    connection: Connection,
    write_changes: Callable[[Connection], None] | None,
    *,
    may_retry: bool,
) -> bool:
    """
    Write the changes, and commit; False if another server came between.

    Then the next try may see what that wrote, and refuse or change it.

    Raises:
        Unavailable: the connection was lost.
        Error: so it was, and one more try is of no use.
    """
    try:
        write_and_commit(connection, write_changes)
    except _CAME_BETWEEN:
        if not may_retry:
            raise
        connection.rollback_or_close()
        return False
    return True


def write_and_commit(
    connection: Connection, write_changes: Callable[[Connection], None] | None
) -> None:
    """
    Write the changes, and commit, which unlocks the devices.

    Raises:
        Unavailable: the connection was lost, and with it the locks.
    """
    _assert_in_transaction(connection)
    if write_changes is not None:
        write_changes(connection)
    connection.execute_all("COMMIT")


async def finish_round(writer: ConnectionThread, write: PreparedWrite | None) -> None:
    """
    Write the changes, and commit; without the thread, if that takes one statement.

    Raises:
        Unavailable: the connection was lost, and with it the locks.
    """
    connection = writer.connected()
    if connection is None or (write is not None and not write.is_one_statement):
        await writer.run(partial(write_and_commit, write_changes=write))
        return
    if write is None:
        await writer.ask(connection, _send_commit)
        return
    sql, arrays = combine(write.batches)
    if sql not in connection.prepared:
        await writer.run(lambda c: c.prepare(sql))
    _assert_in_transaction(connection)
    name = connection.prepare(sql).encode()
    values = [array_bytes(each) for each in arrays]
    if connection.may_pipeline:
        await writer.ask(
            connection,
            partial(send_pipeline, name=name, values=values),
            is_pipeline=True,
        )
        return
    await writer.ask(connection, lambda raw: raw.send_query_prepared(name, values))
    await writer.ask(connection, _send_commit)


def _send_commit(raw: PGconn) -> None:
    raw.send_query(b"COMMIT")


def send_pipeline(raw: PGconn, name: bytes, values: Sequence[bytes]) -> None:
    """Send it in one pipeline, in the midst of which no other limit applies."""
    raw.send_query_params(_LIMIT_TRANSACTION, None)
    raw.send_query_prepared(name, values)
    raw.send_query_params(b"COMMIT", None)
    raw.pipeline_sync()


def _assert_in_transaction(connection: Connection) -> None:
    if not connection.in_transaction:
        raise Unavailable("The connection was lost.")
