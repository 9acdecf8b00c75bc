"""Marks in the file itself (`application_id`), so that they go with every copy of it.

*Moved*: it was copied into another store, where servers go on from it. *Restored*: it
was a backup, and what was pending in it may have been done since.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from pushserver.errors import Misconfigured
from pushserver.storage.sql.connection import SqlConnection

_MOVED = int.from_bytes(b"move")
_RESTORED = int.from_bytes(b"rest")
_UNMARKED = 0


def mark_moved(path: Path) -> None:
    """
    Mark the file at *path*, which was copied.

    Raises:
        Misconfigured: it cannot be written.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("PRAGMA synchronous = FULL")
            _set_mark(file, _MOVED)
    except sqlite3.Error as error:
        raise Misconfigured(
            f"Everything was copied, but {path} cannot be marked: {error}. Start no"
            " server over it."
        ) from error


def check_moved(file: sqlite3.Connection, path: Path, *, again: bool) -> None:
    """
    Refuse a file that was copied; *again* takes the mark away instead.

    Raises:
        Misconfigured: it was copied.
    """
    if _mark(file) != _MOVED:
        return
    if not again:
        raise Misconfigured(
            f"The database {path} was copied by migrate-store, and doors that servers"
            " over the copy opened since would be opened again: set DATABASE to the"
            " PostgreSQL, or start once with --again to go back to this file."
        )
    _set_mark(file, _UNMARKED)


def mark_restored(file: sqlite3.Connection) -> None:
    """Mark a restored file; one that was moved stays so, which says more."""
    if _mark(file) != _MOVED:
        _set_mark(file, _RESTORED)


def is_restored(file: SqlConnection) -> bool:
    """Tell whether nobody has held yet what was pending in a restored file."""
    return _mark(file) == _RESTORED


def forget_restore(file: SqlConnection) -> None:
    """Take the mark of a restored file away."""
    if is_restored(file):
        _set_mark(file, _UNMARKED)


def _mark(file: SqlConnection) -> int:
    (mark,) = file.execute("PRAGMA application_id").fetchone()
    return int(mark)


def _set_mark(file: SqlConnection, mark: int) -> None:
    file.execute(f"PRAGMA application_id = {mark}")
