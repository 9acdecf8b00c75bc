"""Notices that the files of an open database are no longer where they were.

SQLite does not: it goes on writing into a file that was deleted, and what it says to
have on disk is gone with the process.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import attrs
import structlog

from pushserver.errors import Unavailable
from pushserver.storage.sqlite.file_lock import FileId, file_id

log = structlog.get_logger(__name__)

#: Seconds between two log lines.
_LOG_INTERVAL = 60.0


@attrs.define(eq=False)
class OpenFiles:
    """Which file each name had when the database was opened."""

    _ids: Mapping[str, FileId]
    _next_log_at: float = attrs.field(default=0.0, init=False)

    @classmethod
    def beside(cls, path: Path) -> "OpenFiles":
        """Return those of the open database at *path*: the file, its log, its index."""
        real = path.resolve()
        # SQLite names the others by the file, whatever link leads to it.
        names = [str(path), f"{real}-wal", f"{real}-shm"]
        return cls({name: file_id(name) for name in names})

    def check(self) -> None:
        """
        Do nothing if every file is still there under its name.

        Raises:
            Unavailable: one is gone, or another is in its place.
        """
        for name, expected in self._ids.items():
            try:
                is_there = file_id(name) == expected
            except OSError:
                is_there = False
            if not is_there:
                self._log(name)
                raise Unavailable(
                    "A file of the database is gone, or another one is in its place."
                )

    def _log(self, name: str) -> None:
        now = time.monotonic()
        if now >= self._next_log_at:
            self._next_log_at = now + _LOG_INTERVAL
            log.error("sqlite.file_lost", file=name)
