"""Servers over a PostgreSQL whose schema is another one, or becomes one."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from pushserver.errors import Misconfigured, Outdated
from pushserver.settings_loading import load
from pushserver.storage.migrations import SCHEMA_VERSION
from pushserver.storage.postgres.connection.connection import Connection
from pushserver.storage.postgres.connection.schema import migrate_database
from pushserver.storage.postgres.opening import open_postgres
from pushserver.storage.postgres.store import PostgresStore
from pushserver.stores import migrator_of
from tests.clock import ManualClock
from tests.database_rows import open_reader
from tests.e2e.faulty_network import FaultyNetwork
from tests.model.factories import command
from tests.storage.cluster import open_server as server
from tests.storage.migrations.catalogue import catalogue
from tests.storage.migrations.first import NOW
from tests.storage.migrations.steps import (
    BROKEN,
    KEEP_WORKING,
    NEXT,
    NOTE,
    STOP,
    with_next,
)
from tests.storage.notice_recorder import PATIENCE
from tests.storage.queue_actions import enqueue_commands, poll_command
from tests.web.local_server import wait_until

pytestmark = pytest.mark.only_on("postgres")

_SERVERS = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'pushserver%'"
    " AND datname = current_database()"
)
_WAITS = (
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture(name="running")
async def _running(empty: str) -> AsyncIterator[PostgresStore]:
    """Return the store of a server that made the tables and is at work."""
    async with server(empty) as store:
        yield store


async def refused(database: str) -> str:
    """Return why no server starts over the database."""
    with pytest.raises(Misconfigured) as refusal:
        await (await open_postgres(database, ManualClock(NOW))).close()
    return str(refusal.value)


def has_seen(store: PostgresStore, number: int) -> bool:
    """Tell whether a server has looked at this schema."""
    seen = store.member.cluster.schema_watch.seen
    return seen is not None and seen.number == number


def migrate_further(database: str, folder: Path, sql: str, servers: str) -> None:
    """Migrate the database as a release to come does."""
    steps = with_next(folder, sql, servers)
    with closing(Connection(database)) as link:
        link.configure(0)
        migrate_database(link, steps)


async def test_older_schema(old: str) -> None:
    """
    Over an older schema no server starts; it names the command, and changes nothing.
    """
    before = catalogue(old)
    why = await refused(old)

    assert f"schema 1, this release needs {SCHEMA_VERSION}" in why
    assert "`pushserver migrate`" in why
    assert before == catalogue(old)


async def test_foreign_version(empty: str) -> None:
    """
    A version that is no number is another program's: a line says so, to `migrate`, too.
    """
    async with server(empty):
        pass
    with psycopg.connect(empty) as link:
        link.execute("ALTER TABLE schema_version ALTER version TYPE TEXT")
    why = await refused(empty)
    with pytest.raises(Misconfigured) as refusal:
        migrator_of(load({"database": empty}, {})).plan()

    assert "schema_version" in why
    assert str(refusal.value) == why


async def test_stops(running: PostgresStore, empty: str, tmp_path: Path) -> None:
    """
    A server that must not work over the new schema stops, and none starts.
    """
    with capture_logs() as logs:
        migrate_further(empty, tmp_path, NOTE, STOP)
        await asyncio.wait_for(running.outdated.wait(), PATIENCE)
    (line,) = [each for each in logs if each["event"] == "schema.newer"]

    assert ("error", NEXT, SCHEMA_VERSION, NEXT) == tuple(
        line[name] for name in ("log_level", "database", "release", "oldest_server")
    )
    with pytest.raises(Outdated, match="start a newer release"):
        await open_postgres(empty, ManualClock(NOW))


async def test_keeps_working(
    running: PostgresStore, empty: str, tmp_path: Path
) -> None:
    """
    Over a schema that allows it a server goes on, and another one starts.
    """
    migrate_further(empty, tmp_path, NOTE, KEEP_WORKING)
    await wait_until(lambda: has_seen(running, NEXT), within=PATIENCE)
    order = command()
    await enqueue_commands(running, order)
    flight = await poll_command(running)

    assert not running.outdated.is_set()
    assert order.id == flight.command.id
    async with server(empty) as other:
        assert other.cached_lane(order.device_id) is None


def test_failure_in_the_middle(old: str, tmp_path: Path) -> None:
    """
    A step that fails leaves nothing of those before it.
    """
    before = catalogue(old)
    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate_further(old, tmp_path, BROKEN, STOP)

    assert before == catalogue(old)
    with open_reader(old) as read:
        assert [(1,)] == read("SELECT version FROM schema_version")


def test_two_at_once(old: str) -> None:
    """
    Of two that migrate at the same time one does, and the other finds it done.
    """
    migrator = migrator_of(load({"database": old}, {}))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(migrator.migrate, (NOW, NOW)))

    assert [0, SCHEMA_VERSION - 1] == sorted(len(each.steps) for each in done)


async def test_the_answer_to_the_commit_is_lost(old: str) -> None:
    """
    Who does not know whether all was done says so; to run it again tells.
    """
    async with FaultyNetwork.in_front_of(old) as network:
        network.cut_at = [b"\x0bCOMMIT\0"]
        migrator = migrator_of(load({"database": network.url}, {}))
        with pytest.raises(Misconfigured, match="or nothing: run it again"):
            await asyncio.to_thread(migrator.migrate, NOW)
    again = migrator_of(load({"database": old}, {})).migrate(NOW)

    assert (SCHEMA_VERSION, []) == (again.old, again.steps)


def test_one_waits_for_the_other(old: str) -> None:
    """
    Who migrates waits for who makes or migrates the tables just now.
    """
    migrator = migrator_of(load({"database": old}, {}))
    with closing(psycopg.connect(old)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(-1)")
        running = pool.submit(migrator.migrate, NOW)
        while not running.done() and not other.execute(_WAITS).fetchone():
            pass
        has_waited = not running.done()
        other.commit()

        assert has_waited
        assert SCHEMA_VERSION - 1 == len(running.result().steps)


def test_servers_of_the_first_release(old: str) -> None:
    """
    Servers that do not look at the schema have to be stopped first.
    """
    migrator, before = migrator_of(load({"database": old}, {})), catalogue(old)
    with closing(psycopg.connect(old, application_name="pushserver writer")):
        with pytest.raises(Misconfigured, match="stop them first"):
            migrator.migrate(NOW)
        assert before == catalogue(old)
    # The database may still be about to notice that they are gone.
    with open_reader(old) as read:
        while read(_SERVERS):
            pass

    assert SCHEMA_VERSION - 1 == len(migrator.migrate(NOW).steps)
