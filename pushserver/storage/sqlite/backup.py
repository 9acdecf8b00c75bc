"""Copies the file while it is in use, and checks the copy."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pushserver.errors import Misconfigured
from pushserver.storage.backup import Backup
from pushserver.storage.sqlite.copying import copy_to, sync
from pushserver.storage.sqlite.file_lock import refuse_odd_beside, refuse_other_names

#: Steps of SQLite's machine between two looks at whether to stop: some milliseconds.
_STEPS = 100_000
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
)


class Stopped(Exception):
    """Somebody stopped it."""


def _never() -> bool:
    return False


def back_up(
    source: Path, target: Path, is_stopping: Callable[[], bool] = _never
) -> Backup:
    """
    Copy the file at *source* as it is at one moment; return the checked copy.

    Servers go on writing meanwhile. Only its owner may read the copy, which gets its
    name once it is complete, checked and on the disk.

    Raises:
        Misconfigured: it cannot be made, *target* exists, or *source* has several
            names, beside one of which its latest writes are; nothing is left behind.
        Stopped: *is_stopping* was true; nothing is left behind.
    """
    _refuse_existing(target)
    if source.exists():
        refuse_other_names(source, source.stat().st_nlink)
    unfinished = target.with_name(f"{target.name}.part")
    try:
        rows = copy_checked(source, unfinished, is_stopping)
        _rename(unfinished, target)
        sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise Misconfigured(f"Cannot back up {source}: {error}.") from error
    return Backup(target, target.stat().st_size, rows)


def _rename(unfinished: Path, target: Path) -> None:
    """Give a copy its name, unless somebody has taken that while it was made."""
    try:
        _refuse_existing(target)
    except Misconfigured:
        unfinished.unlink()
        raise
    unfinished.rename(target)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise Misconfigured(f"{target} exists already; a backup overwrites nothing.")


def copy_checked(
    source: Path, unfinished: Path, is_stopping: Callable[[], bool] = _never
) -> int:
    """
    Make *unfinished* a copy of *source*, synced and checked; return its rows.

    Raises:
        Misconfigured: the copy is damaged, or there is no *source*; it is deleted.
        Stopped: *is_stopping* was true; the copy is deleted.
    """

    def on_progress(*_: int) -> None:
        if is_stopping():
            raise Stopped

    with open_to_read(source) as file:
        # One transaction, so that the counts are those of what is copied.
        file.execute("BEGIN")
        rows = _count_rows(file)
        copy_to(file, unfinished, on_progress)
    try:
        _check(unfinished, rows, is_stopping)
        sync(unfinished)
    except BaseException as error:
        unfinished.unlink()
        if isinstance(error, sqlite3.OperationalError) and is_stopping():
            raise Stopped from error
        raise
    return rows


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """
    Open a file that others may be writing, for the length of the block.

    Raises:
        Misconfigured: there is none, or something beside it is no file.
    """
    if not path.is_file():
        raise Misconfigured(f"There is no file {path}.")
    refuse_odd_beside(path)
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as file:
        yield file


def _check(path: Path, rows: int, is_stopping: Callable[[], bool]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        # One file, without another beside it that has the latest writes.
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.set_progress_handler(is_stopping, _STEPS)
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Misconfigured(f"The copy is damaged, as the file may be: {found}.")
        if (arrived := _count_rows(copy)) != rows:
            raise Misconfigured(f"Only {arrived} of {rows} rows arrived.")


def _count_rows(file: sqlite3.Connection) -> int:
    names = [name for (name,) in file.execute(_TABLES).fetchall()]
    return sum(
        file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names
    )
