"""Notices that the files of an open database are no longer where, or what, they were.

SQLite does not: it goes on writing into a file that was deleted, or behind the end of
one that was cut off, and what it says to have on disk is gone with the process.
"""

import os
import struct
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
#: What the index of the log begins with (https://www.sqlite.org/walformat.html): the
#: size of a page, how many frames the log has, and how many pages the database.
_INDEX = struct.Struct("=14xHII")
#: Bytes before the first frame of a log, and before the page in each frame.
_LOG_HEADER, _FRAME_HEADER = 32, 24


@attrs.define(eq=False)
class OpenFiles:
    """
    Which file each name had when the database was opened.

    `_index`: the open index of its log. It is closed after all connections: closing it
    ends the locks that SQLite has on it in this process.
    """

    _database: str
    _log: str
    _ids: Mapping[str, FileId]
    _index: int
    _size: int = attrs.field(default=0, init=False)
    _next_log_at: float = attrs.field(default=0.0, init=False)

    @classmethod
    def beside(cls, path: Path) -> "OpenFiles":
        """Return those of the open database at *path*: the file, its log, its index."""
        real = path.resolve()
        # SQLite names the others by the file, whatever link leads to it.
        names = [str(path), f"{real}-wal", f"{real}-shm"]
        ids = {name: file_id(name) for name in names}
        return cls(names[0], names[1], ids, os.open(names[2], os.O_RDONLY))

    def close(self) -> None:
        """Close the index, once no connection is open any more."""
        os.close(self._index)

    def check(self) -> None:
        """
        Do nothing if every file is still there under its name, and no part is missing.

        Raises:
            Unavailable: one is gone, or cut off, or another is in its place.
        """
        lost = self._find_lost()
        if lost is not None:
            self._report(lost)
            raise Unavailable(
                "A file of the database is gone, or another one is in its place."
            )

    def _find_lost(self) -> str | None:
        """Return the name of a file that is gone, replaced, or cut off."""
        # Before their sizes: meanwhile they may grow.
        header = os.pread(self._index, _INDEX.size, 0)
        if len(header) < _INDEX.size:
            return self._log
        sizes = {}
        for name, expected in self._ids.items():
            try:
                found = os.stat(name)  # noqa: PTH116 - for each commit, twice
            except OSError:
                return name
            if (found.st_dev, found.st_ino) != expected:
                return name
            sizes[name] = found.st_size
        return self._find_cut_off(header, sizes[self._database], sizes[self._log])

    def _find_cut_off(self, header: bytes, size: int, log_size: int) -> str | None:
        """Return the name of a file that is shorter than what SQLite will read."""
        page_bits, frames, pages = _INDEX.unpack(header)
        page_size = page_bits & 0xFE00 | (page_bits & 1) << 16
        if frames and log_size < _LOG_HEADER + frames * (_FRAME_HEADER + page_size):
            return self._log
        # Its last pages may be in the log; but it shrinks only when there are fewer.
        before, self._size = self._size, max(size, self._size)
        return self._database if size < min(before, pages * page_size) else None

    def _report(self, name: str) -> None:
        now = time.monotonic()
        if now >= self._next_log_at:
            self._next_log_at = now + _LOG_INTERVAL
            log.error("sqlite.file_lost", file=name)
