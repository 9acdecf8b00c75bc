"""Checking that what is stored can still be read."""

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs


@attrs.frozen
class IntegrityOutcome:
    """What a check found: nothing, or the first faults of each table."""

    checked_at: int
    faults: Sequence[str]


class IntegrityStore(Protocol):
    """Checks the database table by table, while it is in use."""

    async def list_tables(self) -> Sequence[str]:
        """
        Return the tables to check; none if the database looks after itself.

        Raises:
            Unavailable: the database refused.
        """

    async def find_faults(
        self, table: str, is_stopping: Callable[[], bool]
    ) -> Sequence[str]:
        """
        Return what is wrong with a table and its indexes: the first faults, as text.

        It ends early, without faults, once *is_stopping* is true.

        Raises:
            Unavailable: the table could not be read; that says nothing of it.
        """

    async def last_outcome(self) -> IntegrityOutcome | None:
        """
        Return what the last check found, before a restart, too.

        Raises:
            Unavailable: the database refused.
        """

    async def save_outcome(self, outcome: IntegrityOutcome) -> None:
        """
        Keep what a check found, in place of the one before.

        Raises:
            Unavailable: the database refused.
        """


class NoIntegrityChecks:
    """For a database that looks after itself."""

    async def list_tables(self) -> Sequence[str]:
        """Return none."""
        return ()

    async def find_faults(
        self,
        table: str,  # noqa: ARG002 - there are none
        is_stopping: Callable[[], bool],  # noqa: ARG002 - it ends at once
    ) -> Sequence[str]:
        """Return none."""
        return ()

    async def last_outcome(self) -> IntegrityOutcome | None:
        """Return None."""
        return None

    async def save_outcome(self, outcome: IntegrityOutcome) -> None:
        """Do nothing: there is no outcome."""
