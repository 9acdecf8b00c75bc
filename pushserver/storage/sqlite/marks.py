"""Marks in the file itself (`application_id`), so that they go with every copy of it.

*Moved*: it was copied into another store, where servers go on from it. *Moving*: the
copy was about to be committed, and what became of it is not known. *Restored*: it was a
backup, and what was pending in it may have been done since.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from pushserver.errors import Misconfigured
from pushserver.storage.sql.connection import SqlConnection

MOVED = int.from_bytes(b"move")
MOVING = int.from_bytes(b"mvng")
_RESTORED = int.from_bytes(b"rest")
_UNMARKED = 0

#: Why a file that was copied is not served, by its mark.
_WHY_NOT = {
    MOVED: (
        "The database {path} was copied by migrate-store, and doors that servers over"
        " the copy opened since would be opened again: set DATABASE to the PostgreSQL,"
        " or start once with --again to go back to this file."
    ),
    MOVING: (
        "migrate-store was interrupted at its end, and whether it copied all of the"
        " database {path}, or nothing, is not known here: run it again. It copies, or"
        " says that the target has a copy; then set DATABASE to the PostgreSQL. If no"
        " server is to use that, start once with --again to go back to this file."
    ),
}


def replace_mark(path: Path, mark: int) -> int:
    """
    Mark the file at *path*, on the disk; return the mark before.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = FULL")
        before = _mark(file)
        _set_mark(file, mark)
    return before


def check_moved(file: sqlite3.Connection, path: Path, *, again: bool) -> None:
    """
    Refuse a file that was copied, or may have been; *again* takes the mark away.

    Raises:
        Misconfigured: it was copied.
    """
    if (mark := _mark(file)) not in _WHY_NOT:
        return
    if not again:
        raise Misconfigured(_WHY_NOT[mark].format(path=path))
    _set_mark(file, _UNMARKED)


def mark_restored(file: sqlite3.Connection) -> None:
    """Mark a restored file; one that was moved stays so, which says more."""
    if _mark(file) not in _WHY_NOT:
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
