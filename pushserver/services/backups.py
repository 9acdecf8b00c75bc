"""Backs the database up every few hours, and keeps the newest backups."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
import structlog

from pushserver.clock import Clock, from_datetime, wall_now
from pushserver.storage.backup import BackupStore

log = structlog.get_logger(__name__)

_NAME = "pushserver-%Y%m%dT%H%M%SZ.db"
_PATTERN = re.compile(r"pushserver-\d{8}T\d{6}Z\.db", re.ASCII)
#: One that a process left that was killed, and what SQLite keeps beside it.
_UNFINISHED = re.compile(_PATTERN.pattern + r"\.part.*", re.ASCII)


@attrs.define(eq=False)
class Backups:
    """
    Keeps `keep` backups in `folder` (None: makes none), one each `every` microseconds.

    The folder says when the last one was made: a restart makes none too many.
    """

    store: BackupStore
    clock: Clock
    folder: Path | None
    every: int
    keep: int
    _is_stopping: bool = attrs.field(default=False, init=False)

    async def run_if_due(self) -> int:
        """
        Make a backup if the newest is old; return how many.

        Raises:
            Misconfigured: it cannot be made; the next call tries again.
        """
        if self.folder is None or not self._is_due(self.folder):
            return 0
        for left in _files_in(self.folder, _UNFINISHED):
            left.unlink()
        now, started = wall_now(self.clock), self.clock.now()
        path = self.folder / now.strftime(_NAME)
        made = await self.store.back_up(path, lambda: self._is_stopping)
        if made is None:
            return 0
        seconds = round((self.clock.now() - started) / 1_000_000, 1)
        log.info(
            "backup.made",
            file=str(path),
            bytes=made.size,
            rows=made.rows,
            seconds=seconds,
        )
        for old in self._backups_in(self.folder)[: -self.keep]:
            old.unlink()
        return 1

    def last_made_at(self) -> int | None:
        """
        Return by the wall clock when the newest backup was made, if there is one.

        It is of those that this server makes: of others it does not know.
        """
        try:
            backups = self._backups_in(self.folder) if self.folder else ()
        except OSError:
            return None
        return from_datetime(_made_at(backups[-1])) if backups else None

    def stop(self) -> None:
        """End a backup that is being made; nothing is left of it."""
        self._is_stopping = True

    def _is_due(self, folder: Path) -> bool:
        backups = self._backups_in(folder)
        if not backups:
            return True
        age = from_datetime(wall_now(self.clock)) - from_datetime(_made_at(backups[-1]))
        return not 0 <= age < self.every

    def _backups_in(self, folder: Path) -> Sequence[Path]:
        """
        Return the finished backups, the oldest first; other files do not count.

        Those of the future are of a clock that was wrong. They come first, so that none
        takes the place of the newest.
        """
        now = wall_now(self.clock)
        found = filter(_is_named_by_instant, _files_in(folder, _PATTERN))
        return sorted(found, key=lambda each: (_made_at(each) <= now, each.name))


def _files_in(folder: Path, pattern: re.Pattern[str]) -> Sequence[Path]:
    """Return the files of *folder* that are named so; a folder in it is none."""
    named = (each for each in folder.iterdir() if pattern.fullmatch(each.name))
    return [each for each in named if each.is_file()]


def _is_named_by_instant(file: Path) -> bool:
    try:
        _made_at(file)
    except ValueError:
        return False
    return True


def _made_at(backup: Path) -> datetime:
    return datetime.strptime(backup.name, _NAME).replace(tzinfo=UTC)
