"""Migrates a file without a server; a server does the same at its start."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from pushserver.errors import Misconfigured
from pushserver.storage.migrations import MIGRATIONS, missing, refuse_newer
from pushserver.storage.migrator import Migrated, Plan
from pushserver.storage.sqlite.file_lock import FileLock, refuse_odd_beside
from pushserver.storage.sqlite.schema import migrate_file, read_version, script


@attrs.frozen
class SqliteMigrator:
    """Migrates a SQLite file."""

    path: Path

    def plan(self) -> Plan:
        with self._opened() as file:
            file.execute("PRAGMA query_only = ON")
            found = read_version(file)
        if found is None:
            return Plan(None)
        refuse_newer(found)
        steps = missing(found, MIGRATIONS)
        return Plan(found.number, steps, script(steps) if steps else "")

    def migrate(self, now: int) -> Migrated:
        with self._locked(), self._opened() as file:
            file.execute("PRAGMA synchronous = FULL")
            return migrate_file(file, self.path, now)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._check()
        lock = FileLock(self.path)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._check()
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as file:
                yield file
        except sqlite3.Error as error:
            raise Misconfigured(f"Cannot migrate {self.path}: {error}.") from error

    def _check(self) -> None:
        """Raise where SQLite would create a file, or wait for what is none."""
        if not self.path.is_file():
            raise Misconfigured(f"There is no file {self.path}.")
        refuse_odd_beside(self.path)
