"""Chooses the store: the only place, besides `migration`, that names one."""

from pathlib import Path

from pushserver.clock import Clock
from pushserver.errors import Misconfigured
from pushserver.settings import Settings
from pushserver.storage.backup import Backup, Restored
from pushserver.storage.base import Store
from pushserver.storage.foreign_values import refusing_foreign_values
from pushserver.storage.migrator import Migrator
from pushserver.storage.sqlite import backup as sqlite_backup
from pushserver.storage.sqlite import restore as sqlite_restore
from pushserver.storage.sqlite.migrator import SqliteMigrator
from pushserver.storage.sqlite.store import SqliteStore


async def open_store(settings: Settings, clock: Clock) -> Store:
    """
    Open the store that the settings name.

    Raises:
        Misconfigured: it cannot be opened, or has what no pushserver has written.
    """
    with refusing_foreign_values():
        return await _open_store(settings, clock)


async def _open_store(settings: Settings, clock: Clock) -> Store:
    if not settings.is_postgres:
        return await SqliteStore.open(settings.sqlite_path, clock, again=settings.again)
    try:
        # psycopg is an optional dependency.
        from pushserver.storage.postgres.opening import open_postgres  # noqa: PLC0415
    except ImportError:
        raise _without_psycopg() from None
    return await open_postgres(settings.database, clock)


def migrator_of(settings: Settings) -> Migrator:
    """Return the migrator of the database that the settings name."""
    if not settings.is_postgres:
        return SqliteMigrator(settings.sqlite_path)
    try:
        from pushserver.storage.postgres.migrator import (  # noqa: PLC0415
            PostgresMigrator,
        )
    except ImportError:
        raise _without_psycopg() from None
    return PostgresMigrator(settings.database)


def back_up(settings: Settings, target: Path) -> Backup:
    """
    Copy the database to a new file, also while a server is using it.

    Raises:
        Misconfigured: it cannot be copied, or is a PostgreSQL.
    """
    return sqlite_backup.back_up(_file_of(settings, "pg_dump"), target)


def restore(settings: Settings, backup: Path, now: int) -> Restored:
    """
    Put a backup in the place of the database, which no server may be using.

    Raises:
        Misconfigured: it cannot be done, and nothing was changed; or it is in place,
            but perhaps not on the disk.
    """
    return sqlite_restore.restore(backup, _file_of(settings, "pg_restore"), now)


def _file_of(settings: Settings, tool: str) -> Path:
    if settings.is_postgres:
        raise Misconfigured(f"This is for a SQLite file; a PostgreSQL takes {tool}.")
    return settings.sqlite_path


def _without_psycopg() -> Misconfigured:
    return Misconfigured(
        "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
    )
