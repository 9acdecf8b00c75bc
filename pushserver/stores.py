"""Chooses the store: the only place, besides `migration`, that names one."""

from pushserver.clock import Clock
from pushserver.errors import Misconfigured
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.storage.migrator import Migrator
from pushserver.storage.sqlite.migrator import SqliteMigrator
from pushserver.storage.sqlite.store import SqliteStore


async def open_store(settings: Settings, clock: Clock) -> Store:
    """Open the store that the settings name."""
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


def _without_psycopg() -> Misconfigured:
    return Misconfigured(
        "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
    )
