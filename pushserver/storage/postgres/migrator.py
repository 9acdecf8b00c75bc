"""Migrates a database, also while servers are using it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import attrs
import psycopg

from pushserver.errors import Misconfigured
from pushserver.storage.migrations import MIGRATIONS, missing, refuse_newer
from pushserver.storage.migrator import Migrated, Plan
from pushserver.storage.postgres.connection.connection import MIGRATOR, Connection
from pushserver.storage.postgres.connection.schema import (
    migrate_database,
    read_version,
    script,
)


@attrs.frozen
class PostgresMigrator:
    """Migrates a PostgreSQL database."""

    url: str = attrs.field(repr=False)

    def plan(self) -> Plan:
        with self._opened() as link:
            found = read_version(link)
        if found is None:
            return Plan(None)
        refuse_newer(found)
        steps = missing(found, MIGRATIONS)
        return Plan(found.number, steps, script(steps) if steps else "")

    def migrate(self, now: int) -> Migrated:  # noqa: ARG002 - only a copy has a date
        with self._opened() as link:
            try:
                return migrate_database(link)
            except psycopg.OperationalError as error:
                if link.is_open:
                    raise
                # It may have been lost after the commit.
                raise Misconfigured(
                    "The connection to the database was lost, so all steps were done,"
                    f" or nothing: run it again ({_first_line(error)})."
                ) from error

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        try:
            with closing(Connection(self.url, MIGRATOR)) as link:
                # No timeout: migrating a large table takes long.
                link.configure(0)
                yield link
        except psycopg.Error as error:
            raise Misconfigured(
                f"Cannot migrate the database: {_first_line(error)}"
            ) from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0]
