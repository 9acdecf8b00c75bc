"""Statements of somebody's own, done in the next round of the one writer."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import attrs

from pushserver.storage.sqlite.commit import GroupCommit, Job

T = TypeVar("T")


@attrs.frozen
class Writer:
    """Called with work, does it in a transaction shared with what else waits."""

    commits: GroupCommit

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Do *work*; return its value when it is on disk.

        Raises:
            Unavailable: the store is away.
        """
        future = asyncio.get_running_loop().create_future()
        value: T = await self.commits.submit(Job(future, work=work))
        return value
