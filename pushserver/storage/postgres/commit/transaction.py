"""Transactions that write: begin, write the changes, and commit."""

from collections.abc import Callable

import psycopg

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.clock import DATABASE_NOW_SQL
from pushserver.storage.postgres.connection.connection import Connection

#: The classes of errors that a database which cannot work answers with: it is out of
#: room, it fails, it stops, the connection is lost.
_FAILURE_CLASSES = ("08", "53", "57P", "58")
#: It is read-only: a standby, or set so.
_READ_ONLY = "25006"


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
    Write the changes, and commit; False after a deadlock with another server.

    Raises:
        Unavailable: the connection was lost.
        DeadlockDetected: so it was, and one more try is of no use.
    """
    try:
        write_and_commit(connection, write_changes)
    except psycopg.errors.DeadlockDetected:
        if not may_retry:
            raise
        connection.rollback_or_close()
        return False
    return True


def write_and_commit(
    connection: Connection,
    write_changes: Callable[[Connection], None] | None,
    lane_rows_sql: str = "",
) -> None:
    """
    Write the changes, then *lane_rows_sql*, and commit, which unlocks the devices.

    Raises:
        Unavailable: the connection was lost, and with it the locks.
    """
    if not connection.in_transaction:
        raise Unavailable("The connection was lost.")
    if write_changes is not None:
        write_changes(connection)
    connection.execute_all(f"{lane_rows_sql} COMMIT")
