"""Copies the file to one beside it before its schema is migrated."""

import glob
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pushserver.clock import SECOND, rfc3339
from pushserver.errors import Misconfigured

#: Pages that are copied between two looks at whether to go on: 16 MB.
_PAGES = 4096


def copy_file(
    connection: sqlite3.Connection, path: Path, number: int, now: int
) -> Path:
    """
    Copy the file at *path*, which has schema *number*; return the path of the copy.

    The copy gets its name once it is complete and on the disk.

    Raises:
        Misconfigured: it cannot be made, or exists already; nothing is left behind.
    """
    copy = path.with_name(f"{path.name}.schema-{number}.{compact(now)}")
    unfinished = copy.with_name(f"{copy.name}.part")
    try:
        if copy.exists():
            raise FileExistsError(f"{copy} exists already")
        _clear(path)
        copy_to(connection, unfinished)
        unfinished.rename(copy)
        sync(copy.parent)
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


def copy_to(
    connection: sqlite3.Connection,
    unfinished: Path,
    on_progress: Callable[..., None] | None = None,
) -> None:
    """
    Copy what *connection* reads to a new file, which is on the disk then.

    *on_progress* is called now and then; whatever it raises ends the copy, which is
    deleted.
    """
    # At no time may others read it.
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            connection.backup(target, pages=_PAGES, progress=on_progress)
        sync(unfinished)
    except BaseException:
        unfinished.unlink()
        raise


def sync(path: Path) -> None:
    """Sync a file or a folder to the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def compact(instant: int) -> str:
    """Return an instant, to the second, in a form for file names."""
    text = rfc3339(instant - instant % SECOND)
    return text.partition(".")[0].replace("-", "").replace(":", "") + "Z"
