"""Backups: what is asked of a store, and what a backup and a restore say."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import attrs

from pushserver.errors import Misconfigured


@attrs.frozen
class Backup:
    """A copy of the database at `path`: its size in bytes, and how many rows it has."""

    path: Path
    size: int
    rows: int


@attrs.frozen
class Restored:
    """
    A database that was put in place of another one, which is kept at `kept`.

    `revoked` tokens were valid in the backup and were revoked since; None: the database
    before could not be read, so nobody knows.
    """

    rows: int
    kept: Path | None
    revoked: int | None


class BackupStore(Protocol):
    """Backs the database up while it is in use, and knows that it was restored."""

    async def back_up(
        self, target: Path, is_stopping: Callable[[], bool]
    ) -> Backup | None:
        """
        Copy everything to a new file; return None if *is_stopping* became true.

        Raises:
            Misconfigured: it cannot be made, or the database has tools of its own.
        """

    async def is_restored(self) -> bool:
        """
        Tell whether nobody has held yet what was pending in a restored backup.

        Raises:
            Unavailable: the store is away.
        """

    async def forget_restore(self) -> None:
        """
        Remember that what was pending is held now.

        Raises:
            Unavailable: the store is away.
        """


class NoBackups:
    """For a database that has tools of its own."""

    async def back_up(
        self,
        target: Path,  # noqa: ARG002 - none is made
        is_stopping: Callable[[], bool],  # noqa: ARG002 - it ends at once
    ) -> Backup | None:
        """Refuse."""
        raise Misconfigured("A PostgreSQL is backed up by pg_dump.")

    async def is_restored(self) -> bool:
        """Return False: only who restored it knows."""
        return False

    async def forget_restore(self) -> None:
        """Do nothing."""
