"""Checking that what is stored can still be read."""

from collections.abc import Callable, Sequence
from typing import Protocol


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
