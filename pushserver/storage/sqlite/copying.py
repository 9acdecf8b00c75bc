"""Copies the file to one beside it before its schema is migrated."""

import glob
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pushserver.clock import SECOND, rfc3339
from pushserver.errors import Misconfigured


def copy_file(
    connection: sqlite3.Connection, path: Path, number: int, now: int
) -> Path:
    """
    Copy the file at *path*, which has schema *number*; return the path of the copy.

    The copy gets its name once it is complete and on the disk.

    Raises:
        Misconfigured: it cannot be made, or exists already; nothing is left behind.
    """
    copy = path.with_name(f"{path.name}.schema-{number}.{_compact(now)}")
    unfinished = copy.with_name(f"{copy.name}.part")
    try:
        if copy.exists():
            raise FileExistsError(f"{copy} exists already")
        _clear(path)
        _copy(connection, unfinished)
        unfinished.rename(copy)
        _sync(copy.parent)
    except (sqlite3.Error, OSError) as error:
        raise Misconfigured(
            f"Cannot copy the database {path} before its schema is changed: {error}."
            " Nothing was changed."
        ) from error
    return copy


def _clear(path: Path) -> None:
    """Delete what a process left that was killed while it copied."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.schema-*.part"):
        left.unlink()


def _copy(connection: sqlite3.Connection, unfinished: Path) -> None:
    # At no time may others read it.
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            connection.backup(target)
        _sync(unfinished)
    except BaseException:
        unfinished.unlink()
        raise


def _sync(path: Path) -> None:
    """Sync a file or a folder to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _compact(instant: int) -> str:
    """Return an instant, to the second, in a form for file names."""
    text = rfc3339(instant - instant % SECOND)
    return text.partition(".")[0].replace("-", "").replace(":", "") + "Z"
