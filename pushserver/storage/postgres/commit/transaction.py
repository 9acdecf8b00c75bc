"""The end of a transaction: write the changes, and commit."""

from collections.abc import Callable

import psycopg

from pushserver.errors import Unavailable
from pushserver.storage.postgres.connection.connection import Connection


def write_with_retry(
    connection: Connection, write_changes: Callable[[Connection], None] | None
) -> None:
    """Write; again, if another server locked the same rows in another order."""
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
    Write, *lane_rows_sql* versions, and commit: that gives the devices back, too.

    Raises:
        Unavailable: they were lost meanwhile, with the connection.
    """
    if not connection.in_transaction:
        raise Unavailable("The connection was lost.")
    if write_changes is not None:
        write_changes(connection)
    connection.execute_all(f"{lane_rows_sql} COMMIT")
