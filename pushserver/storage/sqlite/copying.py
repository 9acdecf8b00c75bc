"""Copying the file to another beside it, before its schema is changed."""

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
    Copy the file at *path*, which has schema *number*; return where the copy is.

    It has its name only once it is whole and on the disk.

    Raises:
        Misconfigured: it cannot be made, or there is one already; nothing is left.
    """
    copy = path.with_name(f"{path.name}.schema-{number}.{_compact(now)}")
    unfinished = copy.with_name(f"{copy.name}.part")
    try:
        if copy.exists():
            raise FileExistsError(f"{copy} exists already")
        _clear(path)
        _copy(connection, path, unfinished)
        unfinished.rename(copy)
        _sync(copy.parent)
    except (sqlite3.Error, OSError) as error:
        raise Misconfigured(
            f"Cannot copy the database {path} before its schema is changed: {error}."
            " Nothing was changed."
        ) from error
    return copy


def _clear(path: Path) -> None:
    """Delete what was left by a process that was killed while it copied."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.schema-*.part"):
        left.unlink()


def _copy(connection: sqlite3.Connection, path: Path, unfinished: Path) -> None:
    # Others who may not read the file may not read its copy, at any moment.
    mode = path.stat().st_mode & 0o777
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            connection.backup(target)
        _sync(unfinished)
    except BaseException:
        unfinished.unlink()
        raise


def _sync(path: Path) -> None:
    """Have a file, or a folder's list of its files, written to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _compact(instant: int) -> str:
    """Return an instant to the second, as it can be part of a file's name."""
    text = rfc3339(instant - instant % SECOND)
    return text.partition(".")[0].replace("-", "").replace(":", "") + "Z"
