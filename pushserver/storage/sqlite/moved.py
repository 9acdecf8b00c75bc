"""The mark of a file that was copied into another store, where servers go on from it.

It is in the file itself (`application_id`), so that it goes with every copy of it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from pushserver.errors import Misconfigured

_MOVED = int.from_bytes(b"move")
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
    (mark,) = file.execute("PRAGMA application_id").fetchone()
    if mark != _MOVED:
        return
    if not again:
        raise Misconfigured(
            f"The database {path} was copied by migrate-store, and doors that servers"
            " over the copy opened since would be opened again: set DATABASE to the"
            " PostgreSQL, or start once with --again to go back to this file."
        )
    _set_mark(file, _UNMARKED)


def _set_mark(file: sqlite3.Connection, mark: int) -> None:
    file.execute(f"PRAGMA application_id = {mark}")
