"""Locks the database's file against other processes, whatever name they know it by.

The lock is on the file itself: not on its name, which a link may be another of, nor on
a file beside it, which may be deleted.
"""

import fcntl
import os
import stat
import sys
from pathlib import Path

import structlog

from pushserver.errors import Misconfigured
from pushserver.storage.sqlite.mount_points import is_mount_point

log = structlog.get_logger(__name__)

#: How each SQLite file begins.
_HEADER = b"SQLite format 3\0"
#: What SQLite opens beside a file, by the names that begin with the file's.
_BESIDE = ("-journal", "-wal", "-shm")
#: Device and inode: a file, whatever it is called.
FileId = tuple[int, int]

#: The files that this process has locked. It must not open one of them again: closing
#: any descriptor of a file ends all locks that SQLite has on it in this process.
_locked: set[FileId] = set()


def file_id(path: Path | str | int) -> FileId:
    """
    Return which file has this name, or is open as this descriptor.

    Raises:
        OSError: there is none.
    """
    found = os.stat(path)  # noqa: PTH116 - the path may be a descriptor
    return found.st_dev, found.st_ino


class FileLock:
    """
    Keeps other processes from opening the file at `path`; creates it if there is none.

    Only its owner may read a file that is created, and with it those beside it, which
    SQLite gives the same mode.

    Unless it *restores*, a file that a restore has put aside is not begun anew.

    Raises:
        Misconfigured: it is in use, or is no file that can be written.
    """

    def __init__(self, path: Path, *, restores: bool = False) -> None:
        self._path = path
        self._restores = restores
        try:
            self._refuse_if_locked_here()
            self._fd = os.open(
                _place(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise _cannot_open(path, error.strerror or str(error)) from error
        try:
            self._lock()
        except BaseException:
            os.close(self._fd)
            raise
        self.file_id = file_id(path)
        _locked.add(self.file_id)

    def warn_if_readable(self) -> None:
        """Log that others may read the file: it was not made by this release."""
        mode = stat.S_IMODE(os.fstat(self._fd).st_mode)
        if mode & 0o077:
            log.warning(
                "sqlite.readable_by_others", file=str(self._path), mode=f"{mode:o}"
            )

    def release(self) -> None:
        """Release the file, once no connection to it is open any more."""
        _locked.discard(self.file_id)
        os.close(self._fd)

    def _refuse_if_locked_here(self) -> None:
        if self._path.exists() and file_id(self._path) in _locked:
            raise _in_use(self._path)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(self._path) from None
        except OSError as error:
            raise _cannot_open(self._path, f"no lock: {error.strerror}") from error
        self._check_file()

    def _check_file(self) -> None:
        """Refuse what SQLite would wait for, or would keep two logs of."""
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            raise _cannot_open(self._path, "it is no file")
        refuse_odd_beside(self._path)
        refuse_other_names(self._path, found.st_nlink)
        if found.st_size == 0:
            self._refuse_if_put_aside()
            self._refuse_if_cut()
        elif os.pread(self._fd, len(_HEADER), 0) != _HEADER:
            # SQLite takes a file of a few bytes for an empty one, and overwrites it.
            raise _cannot_open(self._path, "it is no SQLite database")

    def _refuse_if_put_aside(self) -> None:
        unfinished = restoring(self._path)
        if unfinished.exists() and not self._restores:
            raise _cannot_open(
                self._path,
                "a restore of it has not come to its end: run pushserver restore again,"
                f" or remove {unfinished} to begin anew",
            )

    def _refuse_if_cut(self) -> None:
        """Refuse an empty file that has a log: SQLite would delete that."""
        real = self._path.resolve()
        latest = real.with_name(f"{real.name}-wal")
        if latest.exists() and latest.stat().st_size:
            raise _cannot_open(
                self._path,
                f"it is empty, but was not, for {latest} has its latest writes. Put the"
                " last good copy of the database in its place, or remove both to begin"
                " anew",
            )


def restoring(path: Path) -> Path:
    """Return the path of what a restore is about to put in the place of a file."""
    return path.with_name(f"{path.name}.restoring")


def refuse_other_names(path: Path, links: int) -> None:
    """
    Refuse a database that has a name in another folder, or in this one.

    Raises:
        Misconfigured: it is one of several *links*, or mounted as a file.
    """
    if links != 1:
        raise _cannot_open(
            path,
            f"it has {links} names (hard links), and beside each of them SQLite would"
            " look for other latest writes. Remove all but this one",
        )
    if is_mount_point(path):
        raise _cannot_open(
            path,
            "it is mounted as a file, and by its other name SQLite would look for other"
            " latest writes. Mount the folder that it is in",
        )


def refuse_odd_beside(path: Path) -> None:
    """
    Refuse what SQLite would wait for beside the database at *path*, such as a pipe.

    Raises:
        Misconfigured: something there is no file.
    """
    for suffix in _BESIDE:
        beside = Path(f"{path.resolve()}{suffix}")
        if beside.exists() and not beside.is_file():
            raise _cannot_open(path, f"{beside} is no file. Remove it")


def _place(path: Path) -> Path:
    """Return what is locked for the file at *path*."""
    if sys.platform == "linux":
        return path
    # Elsewhere this lock would be in the way of SQLite's own.
    real = path.resolve()
    return real.with_name(real.name + "-lock")


def _in_use(path: Path) -> Misconfigured:
    return Misconfigured(
        f"The database {path} is in use by another pushserver process; stop that one"
        " first, or choose another file with --database."
    )


def _cannot_open(path: Path, reason: str) -> Misconfigured:
    return Misconfigured(f"Cannot open the database {path}: {reason}.")
