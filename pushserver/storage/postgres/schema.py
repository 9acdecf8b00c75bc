"""Making the tables, once, however many servers start at the same time."""

import re

from pushserver.errors import Misconfigured
from pushserver.storage.postgres.link import Link
from pushserver.storage.schema import schema_sql
from pushserver.storage.sql.scopes import add_first_scope

#: Kept in the database; a later release migrates what has a smaller one.
SCHEMA_VERSION = 1
#: The locks of devices are their ids, which are not negative.
_STARTING = -1


def install(link: Link, now: int) -> None:
    """
    Make the tables and the first scope in an empty database.

    Raises:
        Misconfigured: a later release made them.
    """
    link.execute("BEGIN")
    prepare(link, now)
    link.execute("COMMIT")


def prepare(link: Link, now: int) -> None:
    """Do so within the transaction that is open; others wait for its end."""
    link.execute("SELECT pg_advisory_xact_lock(?)", (_STARTING,))
    link.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
    found = link.execute("SELECT version FROM schema_version").fetchone()
    if found is None:
        _make(link, now)
    elif found[0] > SCHEMA_VERSION:
        raise Misconfigured(
            f"The database has schema {found[0]}, this release knows {SCHEMA_VERSION};"
            " start a newer release."
        )


def _make(link: Link, now: int) -> None:
    # Text is compared byte by byte, as SQLite does.
    schema = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', schema_sql(whole=True))
    link.raw.execute(schema.encode(), prepare=False)
    add_first_scope(link, now)
    link.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
