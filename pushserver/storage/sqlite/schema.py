"""Creates the schema in an empty file, and migrates the file of an older release.

`PRAGMA user_version` has the schema's number, because the first release checks nothing
else. The table `schema_version` has it, too, and the oldest schema whose servers may
work over it.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import structlog

from pushserver.errors import Outdated
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
from pushserver.storage.schema_file import SchemaSection, part_for, schema_sql
from pushserver.storage.sql.scopes import add_first_scope
from pushserver.storage.sqlite.copying import copy_file

log = structlog.get_logger(__name__)

_RECORDED = "SELECT oldest_server FROM schema_version WHERE version = ?"


def read_version(connection: sqlite3.Connection) -> SchemaVersion | None:
    """
    Return the version of the schema; None: the file is empty.

    Raises:
        Outdated: it is newer, and does not say which servers may work over it.
    """
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    if number <= SCHEMA_VERSION:
        return SchemaVersion(number, number) if number else None
    try:
        row = connection.execute(_RECORDED, (number,)).fetchone()
    except sqlite3.OperationalError:
        row = None
    if row is None:
        raise Outdated(
            f"The database has schema {number}, of which this release knows nothing;"
            " start a newer release."
        )
    return SchemaVersion(number, row[0])


def prepare(connection: sqlite3.Connection, path: Path, now: int) -> None:
    """
    Create the tables in an empty file; migrate an older one.

    Raises:
        Outdated: only newer releases may work over it.
        Misconfigured: the file is older, and cannot be copied.
    """
    found = read_version(connection)
    if found is None:
        _make(connection, now)
        return
    if missing(found, MIGRATIONS):
        # Logged first, because a large file takes long.
        log.info("schema.older", database=found.number, release=SCHEMA_VERSION)
    done = migrate_file(connection, path, now)
    if done.copy is not None:
        copy = str(done.copy)
        log.info("schema.migrated", old=found.number, new=SCHEMA_VERSION, copy=copy)


def migrate_file(
    connection: sqlite3.Connection,
    path: Path,
    now: int,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> Migrated:
    """
    Copy the file, and run the migrations that it lacks in one transaction.

    Raises:
        Outdated: only newer releases may work over it.
        Misconfigured: the file cannot be copied.
        sqlite3.Error: a step failed; the file is unchanged, and its copy deleted.
    """
    found = read_version(connection)
    if found is None:
        return Migrated(None)
    refuse_newer(found)
    steps = missing(found, migrations)
    if not steps:
        return Migrated(found.number)
    copy = copy_file(connection, path, found.number, now)
    try:
        _run(connection, script(steps, migrations))
    except BaseException:
        copy.unlink()
        raise
    return Migrated(found.number, steps, copy)


def script(
    steps: Sequence[Migration], migrations: Sequence[Migration] = MIGRATIONS
) -> str:
    """Return the SQL of these steps, the last ones of *migrations*."""
    parts = [part_for(SchemaSection.SQLITE, step.text) for step in steps]
    record = [f"{statement};" for statement in _record(newest(migrations))]
    return "\n".join(("BEGIN IMMEDIATE;", *parts, *record, "COMMIT;"))


def _make(connection: sqlite3.Connection, now: int) -> None:
    tables = part_for(SchemaSection.SQLITE, schema_sql())
    connection.executescript(f"BEGIN IMMEDIATE; {tables}")
    add_first_scope(connection, now)
    for statement in _record(newest(MIGRATIONS)):
        connection.execute(statement)
    connection.execute("COMMIT")


def _record(version: SchemaVersion) -> Sequence[str]:
    """Return the statements that record the version of the schema."""
    return (
        "DELETE FROM schema_version",
        "INSERT INTO schema_version (version, oldest_server)"
        f" VALUES ({version.number}, {version.oldest_server})",
        f"PRAGMA user_version = {version.number}",
    )


def _run(connection: sqlite3.Connection, sql: str) -> None:
    try:
        connection.executescript(sql)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
