"""Creates the schema once, however many servers start at the same time; migrates it.

A server does not migrate an older schema, because others may be working over it;
`pushserver migrate` does.
"""

from collections.abc import Sequence

from pushserver.errors import Misconfigured
from pushserver.storage.migrations import (
    MIGRATIONS,
    SCHEMA_VERSION,
    Migration,
    SchemaVersion,
    missing,
    newest,
    refuse_newer,
)
from pushserver.storage.migrator import Migrated
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.schema_file import SchemaSection, part_for, schema_sql
from pushserver.storage.sql.scopes import add_first_scope

#: The locks of devices are their ids, which are never negative.
_SCHEMA_LOCK = -1
_LOCK = f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})"
_IS_THERE = "SELECT to_regclass('schema_version') IS NOT NULL"
# The first schema lacks the second column; through JSON, one query fits every schema.
_VERSION = (
    "SELECT version, CAST(to_jsonb(schema_version) ->> 'oldest_server' AS BIGINT)"
    " FROM schema_version"
)
_SERVERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name LIKE 'pushserver%' AND pid <> pg_backend_pid()"
)
#: Servers of older schemas do not check whether the database still has theirs.
_FIRST_THAT_LOOKS = 2


def install_schema(connection: Connection, now: int) -> None:
    """
    Create the tables and the first scope in an empty database.

    Raises:
        Misconfigured: this release must not work over its schema.
    """
    connection.execute("BEGIN")
    ensure_schema(connection, now)
    connection.execute("COMMIT")


def ensure_schema(connection: Connection, now: int) -> None:
    """Do the same within the open transaction; other servers wait for its end."""
    connection.execute(_LOCK)
    row = read_version(connection)
    if row is None:
        _create_tables(connection, now)
    elif row.number < SCHEMA_VERSION:
        raise Misconfigured(
            f"The database has schema {row.number}, this release needs"
            f" {SCHEMA_VERSION}: run `pushserver migrate`."
        )
    else:
        refuse_newer(row)


def read_version(connection: Connection) -> SchemaVersion | None:
    """Return the version of the schema; None: the database is empty."""
    if not (connection.execute(_IS_THERE).fetchone() or (False,))[0]:
        return None
    return current_version(connection)


def current_version(connection: Connection) -> SchemaVersion | None:
    """Return the version of the schema in a database that is not empty."""
    row = connection.execute(_VERSION).fetchone()
    return None if row is None else SchemaVersion(row[0], row[1] or row[0])


def count_servers(connection: Connection) -> int:
    """Count the connections of servers to the database."""
    return int((connection.execute(_SERVERS).fetchone() or (0,))[0])


def migrate_database(
    connection: Connection, migrations: Sequence[Migration] = MIGRATIONS
) -> Migrated:
    """
    Run the migrations that the database lacks, in one transaction.

    Raises:
        Misconfigured: its schema is newer, or running servers would not notice.
    """
    connection.execute("BEGIN")
    connection.execute(_LOCK)
    row = read_version(connection)
    if row is None:
        return Migrated(None)
    refuse_newer(row)
    steps = missing(row, migrations)
    if steps:
        _refuse_blind(connection, row)
        _run(connection, _statements(steps, migrations))
    connection.execute("COMMIT")
    return Migrated(row.number, steps)


def _refuse_blind(connection: Connection, row: SchemaVersion) -> None:
    if row.number < _FIRST_THAT_LOOKS and count_servers(connection):
        raise Misconfigured(
            f"Servers are at work over the database, and those of schema"
            f" {row.number} do not notice that it changes: stop them first."
        )


def script(
    steps: Sequence[Migration], migrations: Sequence[Migration] = MIGRATIONS
) -> str:
    """Return the SQL of these steps, the last ones of *migrations*."""
    statements = _statements(steps, migrations)
    return "\n".join(("BEGIN;", f"{_LOCK};", statements, "COMMIT;"))


def _statements(steps: Sequence[Migration], migrations: Sequence[Migration]) -> str:
    parts = [part_for(SchemaSection.POSTGRES, step.text) for step in steps]
    return "\n".join((*parts, _record(newest(migrations))))


def _create_tables(connection: Connection, now: int) -> None:
    _run(connection, part_for(SchemaSection.POSTGRES, schema_sql()))
    add_first_scope(connection, now)
    _run(connection, _record(newest(MIGRATIONS)))


def _record(version: SchemaVersion) -> str:
    return (
        "DELETE FROM schema_version;"
        " INSERT INTO schema_version (version, oldest_server)"
        f" VALUES ({version.number}, {version.oldest_server});"
    )


def _run(connection: Connection, sql: str) -> None:
    connection.raw.execute(sql.encode(), prepare=False)
