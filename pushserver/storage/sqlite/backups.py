"""Backups of the file that a server has open."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import attrs

from pushserver.storage.backup import Backup
from pushserver.storage.sql.write_jobs import SqlWriter
from pushserver.storage.sqlite.backup import Stopped, back_up
from pushserver.storage.sqlite.connection import SqliteConnection
from pushserver.storage.sqlite.marks import forget_restore, is_restored


@attrs.frozen
class SqliteBackups:
    """
    Backs up the file at `path`, on a connection and a thread of their own.

    It is one read: for as long, the log beside the file grows.
    """

    path: Path
    reader: SqliteConnection
    write: SqlWriter

    async def back_up(
        self, target: Path, is_stopping: Callable[[], bool]
    ) -> Backup | None:
        try:
            return await asyncio.to_thread(back_up, self.path, target, is_stopping)
        except Stopped:
            return None

    async def is_restored(self) -> bool:
        return await self.reader.run(is_restored)

    async def forget_restore(self) -> None:
        await self.write(forget_restore)
