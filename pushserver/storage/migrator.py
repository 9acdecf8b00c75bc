"""Migrates a database to this release's schema: the interface of every migrator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import attrs

from pushserver.storage.migrations import Migration


@attrs.frozen
class Plan:
    """The steps from schema `old` (None: empty) to this release's, and their SQL."""

    old: int | None
    steps: Sequence[Migration] = ()
    sql: str = ""


@attrs.frozen
class Migrated:
    """The steps that were run, and the path of the copy made of a file before."""

    old: int | None
    steps: Sequence[Migration] = ()
    copy: Path | None = None


class Migrator(Protocol):
    """Migrates one database that is not open as a store in this process."""

    def plan(self) -> Plan:
        """
        Return the steps to run, without running them.

        Raises:
            Misconfigured: the database cannot be read, or only newer releases can.
        """

    def migrate(self, now: int) -> Migrated:
        """
        Run the steps in one transaction; leave an empty database alone.

        Raises:
            Misconfigured: a step failed, or the database cannot be read.
        """
