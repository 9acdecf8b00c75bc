"""Migrating a database, also while servers are at work over it."""

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
    """Keeps the promise of `Migrator`."""

    url: str = attrs.field(repr=False)

    def plan(self) -> Plan:
        """Look at the database."""
        with self._opened() as link:
            found = read_version(link)
        if found is None:
            return Plan(None)
        refuse_newer(found)
        steps = missing(found, MIGRATIONS)
        return Plan(found.number, steps, script(steps) if steps else "")

    def migrate(self, now: int) -> Migrated:  # noqa: ARG002 - only a copy has a date
        """Do it while nobody else does."""
        with self._opened() as link:
            return migrate_database(link)

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        try:
            with closing(Connection(self.url, MIGRATOR)) as link:
                # A large table takes what time it takes.
                link.configure(0)
                yield link
        except psycopg.Error as error:
            said = str(error).partition("\n")[0]
            raise Misconfigured(f"Cannot migrate the database: {said}") from error
