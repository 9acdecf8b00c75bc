"""Several statements that read one state of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from pushserver.storage.sql.connection import PostgresDialect, SqlConnection

_POSTGRES_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@contextmanager
def read_snapshot(connection: SqlConnection) -> Iterator[None]:
    """Read everything in the block as it was at the first statement."""
    is_postgres = isinstance(connection, PostgresDialect)
    connection.execute(_POSTGRES_BEGIN if is_postgres else "BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
