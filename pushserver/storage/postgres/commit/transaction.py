"""The end of a transaction: write the changes, and commit."""

from collections.abc import Callable

import psycopg

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.connection import Connection


def write_with_retry(
    connection: Connection, write_changes: Callable[[Connection], None] | None
) -> None:
    """Write the changes; retry after a deadlock with another server."""
    for may_retry in (True, True, False):
        try:
            connection.execute_all("BEGIN")
            write_and_commit(connection, write_changes)
        except psycopg.errors.DeadlockDetected:
            if not may_retry:
                raise
            connection.rollback_or_close()
        else:
            return


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
