"""Puts a backup in the place of the file, and keeps the one that was there."""

import glob
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pushserver.errors import Misconfigured
from pushserver.storage.backup import Restored
from pushserver.storage.migrations import refuse_newer
from pushserver.storage.sqlite.backup import copy_checked, open_to_read
from pushserver.storage.sqlite.copying import compact, sync
from pushserver.storage.sqlite.file_lock import FileLock, restoring
from pushserver.storage.sqlite.marks import mark_restored
from pushserver.storage.sqlite.schema import read_version

#: The file itself, and what SQLite keeps beside it.
_PARTS = ("", "-wal", "-shm")
#: What the name of a file that was put aside has before the instant.
_ASIDE = ".before-restore."
#: What was revoked; entries of the audit also tell of tokens whose rows are gone.
_REVOKED = (
    "SELECT id FROM token WHERE revoked_at IS NOT NULL",
    "SELECT target_id FROM audit WHERE action = 'token.revoke'",
)
_DELETED_SCOPES = "SELECT target_id FROM audit WHERE action = 'scope.delete'"


def restore(backup: Path, path: Path, now: int) -> Restored:
    """
    Make the file at *path* a copy of *backup*, marked so that a server holds doors.

    The file before is kept beside it. Tokens revoked in that are revoked again, and all
    sessions end.

    Raises:
        Misconfigured: a server has the file, or the backup is damaged or of a newer
            release, and nothing was changed; or it is in place, but perhaps not on the
            disk.
    """
    _refuse_unusable(backup)
    try:
        _undo_unfinished(path)
        return _restore(backup, path, now)
    except (sqlite3.Error, OSError) as error:
        raise Misconfigured(f"Cannot restore {backup}: {error}.") from error


def _restore(backup: Path, path: Path, now: int) -> Restored:
    was_there = path.exists()
    lock = FileLock(path, restores=True)
    try:
        if backup.samefile(path):
            raise Misconfigured("The backup is the database itself.")
        return _replace(backup, path, now, was_there=was_there)
    finally:
        lock.release()
        if not was_there and not path.stat().st_size:
            path.unlink()


def _refuse_unusable(backup: Path) -> None:
    try:
        with open_to_read(backup) as file:
            version = read_version(file)
    except sqlite3.Error as error:
        raise Misconfigured(f"{backup} is no backup: {error}.") from error
    if version is None:
        raise Misconfigured(f"{backup} is no backup: it has no schema.")
    refuse_newer(version)


def _undo_unfinished(path: Path) -> None:
    """Put the file back that a restore has put aside, and was killed."""
    if not restoring(path).exists() or (path.exists() and path.stat().st_size):
        return
    names = glob.escape(path.name) + _ASIDE
    if kept := max(path.parent.glob(f"{names}*Z"), default=None):
        lock = FileLock(kept)  # unless that restore is still at work
        try:
            _put_back(kept, path)
        finally:
            lock.release()


def _replace(backup: Path, path: Path, now: int, *, was_there: bool) -> Restored:
    unfinished = restoring(path)
    # One is left if a restore was killed; the lock says that none is at work.
    unfinished.unlink(missing_ok=True)
    rows = copy_checked(backup, unfinished)
    try:
        revoked = _prepare(unfinished, path if was_there else None, now)
        kept = _put_aside(path, now) if was_there else None
        _put_in_place(unfinished, path, kept)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    try:
        sync(path.parent)
    except OSError as error:
        aside = "" if kept is None else f", and the one before is {kept}"
        raise Misconfigured(
            f"{backup} was restored{aside}; but {path.parent} cannot be synced, so a"
            f" crash of the machine now may lose that: {error}."
        ) from error
    return Restored(rows, kept, revoked)


def _prepare(unfinished: Path, old: Path | None, now: int) -> int | None:
    """Mark the copy, end its sessions, revoke tokens; return how many of those."""
    denied = None if old is None else _read_revoked(old)
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = FULL")
        file.execute("BEGIN IMMEDIATE")
        mark_restored(file)
        if _has_table(file, "session"):
            file.execute("DELETE FROM session")
        revoked = None if denied is None else _revoke(file, *denied, now)
        file.execute("COMMIT")
    return revoked


def _read_revoked(old: Path) -> tuple[Sequence[int], Sequence[int]] | None:
    """Return the tokens that were revoked, and the scopes deleted; None: unreadable."""
    with suppress(sqlite3.Error), open_to_read(old) as file:
        tokens = [id_ for sql in _REVOKED for (id_,) in file.execute(sql)]
        return tokens, [id_ for (id_,) in file.execute(_DELETED_SCOPES)]
    return None


def _revoke(
    file: sqlite3.Connection, tokens: Sequence[int], scopes: Sequence[int], now: int
) -> int:
    changes_before = file.total_changes
    for column, ids in (("id", tokens), ("scope_id", scopes)):
        file.executemany(
            f"UPDATE token SET revoked_at = {now}"
            f" WHERE {column} = ? AND revoked_at IS NULL",
            [(id_,) for id_ in ids],
        )
    return file.total_changes - changes_before


def _has_table(file: sqlite3.Connection, name: str) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return file.execute(sql, (name,)).fetchone() is not None


def _put_aside(path: Path, now: int) -> Path:
    kept = path.with_name(path.name + _ASIDE + compact(now))
    if kept.exists():
        raise Misconfigured(f"{kept} exists already.")
    # The file first: a log without its file is refused, a file without it is not.
    for part in _PARTS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(kept.with_name(kept.name + part))
    return kept


def _put_in_place(unfinished: Path, path: Path, kept: Path | None) -> None:
    try:
        unfinished.rename(path)
    except BaseException:
        if kept is not None:
            _put_back(kept, path)
        raise


def _put_back(kept: Path, path: Path) -> None:
    """Undo what has put it aside, in the other order."""
    for part in reversed(_PARTS):
        with suppress(FileNotFoundError):
            kept.with_name(kept.name + part).rename(path.with_name(path.name + part))
