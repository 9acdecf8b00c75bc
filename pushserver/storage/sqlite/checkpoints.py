"""Watches the write-ahead log, which grows while a reader keeps it from being reused.

The writer's commits checkpoint by themselves, but nobody tells how that went: a
transaction that somebody leaves open, in a shell or a backup, fills the disk silently.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import attrs
import structlog

from pushserver.clock import SECOND

log = structlog.get_logger(__name__)

#: Pages after which a commit copies the log into the file: 8 MB.
AUTOCHECKPOINT_PAGES = 2000
#: The log is cut to this size (bytes) when all of it was copied.
JOURNAL_SIZE_LIMIT = 16 * 1024 * 1024
#: A log of this size (bytes) is worth a look.
SUSPICIOUS_SIZE = 64 * 1024 * 1024
#: Pause between two looks, and so between two warnings (microseconds).
CHECK_INTERVAL = 60 * SECOND


def _log_of(path: Path) -> str:
    # SQLite names the log by the file, whatever link leads to it.
    return f"{path.resolve()}-wal"


@attrs.define(eq=False)
class CheckpointWatch:
    """Warns, now and then, while a reader holds up checkpoints of the file."""

    log_path: str = attrs.field(converter=_log_of)
    now: Callable[[], int]
    _next_check_at: int = attrs.field(default=0, init=False)

    def check(self, connection: sqlite3.Connection) -> None:
        """Look at the log after a commit on *connection*, the one that writes."""
        # What is on disk is on disk, whatever becomes of this.
        with suppress(sqlite3.Error, OSError):
            size = os.stat(self.log_path).st_size  # noqa: PTH116 - for each commit
            if size >= SUSPICIOUS_SIZE and self.now() >= self._next_check_at:
                self._next_check_at = self.now() + CHECK_INTERVAL
                self._warn_if_starved(connection, size)

    def _warn_if_starved(self, connection: sqlite3.Connection, size: int) -> None:
        (_, pages, copied) = connection.execute(
            "PRAGMA wal_checkpoint(PASSIVE)"
        ).fetchone()
        if copied < pages:
            log.warning(
                "sqlite.checkpoint_starved",
                wal_bytes=size,
                pages=pages,
                copied_pages=copied,
            )


def empty_log(connection: sqlite3.Connection) -> bool:
    """
    Copy the log into the file and cut it to nothing; tell whether that was possible.

    It waits for no reader, since all who write would wait with it.
    """
    (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        statement = "PRAGMA wal_checkpoint(TRUNCATE)"
        (is_busy, _, _) = connection.execute(statement).fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout}")
    return not is_busy
