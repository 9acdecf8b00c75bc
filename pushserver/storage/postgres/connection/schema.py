"""Making the tables, once, however many servers start at the same time."""

import re

from pushserver.errors import Misconfigured
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.schema import schema_sql
from pushserver.storage.sql.scopes import add_first_scope

#: Kept in the database; a later release migrates what has a smaller one.
SCHEMA_VERSION = 1
#: The locks of devices are their ids, which are not negative.
_SCHEMA_LOCK = -1


def install_schema(connection: Connection, now: int) -> None:
    """
    Make the tables and the first scope in an empty database.

    Raises:
        Misconfigured: a later release made them.
    """
    connection.execute("BEGIN")
    ensure_schema(connection, now)
    connection.execute("COMMIT")


def ensure_schema(connection: Connection, now: int) -> None:
    """Do so within the transaction that is open; others wait for its end."""
    connection.execute("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"
    )
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    if row is None:
        _create_tables(connection, now)
    elif row[0] > SCHEMA_VERSION:
        raise Misconfigured(
            f"The database has schema {row[0]}, this release knows {SCHEMA_VERSION};"
            " start a newer release."
        )


def _create_tables(connection: Connection, now: int) -> None:
    # Text is compared byte by byte, as SQLite does.
    schema = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', schema_sql(include_postgres=True))
    connection.raw.execute(schema.encode(), prepare=False)
    add_first_scope(connection, now)
    connection.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
