"""Bringing a database to this release's schema: the promise of every store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import attrs

from pushserver.storage.migrations import Migration


@attrs.frozen
class Plan:
    """What a database of schema `old` lacks, and the SQL that does it; None: empty."""

    old: int | None
    steps: Sequence[Migration] = ()
    sql: str = ""


@attrs.frozen
class Migrated:
    """What was done, and where the copy is that was made of a file before."""

    old: int | None
    steps: Sequence[Migration] = ()
    copy: Path | None = None


class Migrator(Protocol):
    """Migrates one database, over which no store is open here."""

    def plan(self) -> Plan:
        """
        Return what is to be done; change nothing.

        Raises:
            Misconfigured: the database cannot be read, or only newer releases can.
        """

    def migrate(self, now: int) -> Migrated:
        """
        Do it, all of it or nothing; an empty database stays empty.

        Raises:
            Misconfigured: it cannot be done, or the database cannot be read.
        """
