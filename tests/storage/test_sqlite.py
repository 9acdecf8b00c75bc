"""Only SQLite: the file, its lock, its pragmas, and its failures."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from itertools import product
from pathlib import Path

import pytest

from pushserver.errors import Misconfigured, Unavailable
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import CommandState
from pushserver.storage.sqlite.backup import back_up
from pushserver.storage.sqlite.migrator import SqliteMigrator
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START, ManualClock
from tests.model.factories import DEVICE, at_most_once_command, command, order
from tests.program import Program
from tests.storage.queue_actions import (
    command_record,
    enqueue_commands,
    poll,
    poll_command,
    post_result,
    waiting_ids,
)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "store.db"


@pytest.fixture(name="rubbish")
def _rubbish(path: Path) -> bytes:
    """Return what the file holds, which is no database."""
    path.write_bytes(b"no database at all, but long enough to have a header" * 100)
    return path.read_bytes()


@pytest.fixture(name="file")
async def _file(path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    """Return an open store."""
    store = await SqliteStore.open(path, clock)
    yield store
    await store.close()


async def pragma(store: SqliteStore, name: str) -> object:
    """Return one pragma of the writing connection."""
    row = await store.group_commit.connection.run(
        lambda c: c.execute(f"PRAGMA {name}").fetchone()
    )
    return row[0]


async def test_durable(file: SqliteStore) -> None:
    """The writer syncs every commit to the disk, with a log beside the file."""
    assert ("wal", 2) == (
        await pragma(file, "journal_mode"),
        await pragma(file, "synchronous"),
    )


async def test_readers_only_read(file: SqliteStore) -> None:
    """The readers' connections refuse to write, and never checkpoint."""
    for reader in (file.hot_reader, file.list_reader):
        with pytest.raises(Unavailable, match="readonly"):
            await reader.run(lambda c: c.execute("DELETE FROM command"))
        (pages,) = await reader.run(
            lambda c: c.execute("PRAGMA wal_autocheckpoint").fetchone()
        )
        assert 0 == pages


async def test_second_opening(
    file: SqliteStore, path: Path, clock: ManualClock
) -> None:
    """A file that is in use is refused, in words that say what to do."""
    with pytest.raises(Misconfigured, match=r"in use by another .* stop"):
        await SqliteStore.open(path, clock)

    await enqueue_commands(file, command())


@pytest.mark.only_on("sqlite")
async def test_second_process(file: SqliteStore, path: Path, program: Program) -> None:
    """A second process on the file refuses to start, in one line."""
    other = program.spawn(database=f"sqlite:///{path}")

    assert 1 == other.wait(60)
    assert 1 == len(program.log.read_text().splitlines())
    assert "is in use by another" in program.log.read_text()
    await enqueue_commands(file, command())


@pytest.mark.parametrize("content", [b"x", b"SQLite format 4\0", b"\0" * 600])
async def test_other_file(path: Path, clock: ManualClock, content: bytes) -> None:
    """A file that is no database, however short, is refused and left as it is."""
    await asyncio.to_thread(path.write_bytes, content)

    with pytest.raises(Misconfigured, match="it is no SQLite database"):
        await SqliteStore.open(path, clock)

    assert content == await asyncio.to_thread(path.read_bytes)


async def open_once(path: Path, clock: ManualClock) -> None:
    """Open the file, and close it."""
    await (await SqliteStore.open(path, clock)).close()


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_pipe_beside(path: Path, clock: ManualClock, suffix: str) -> None:
    """What SQLite opens beside the file is none that it would wait for."""
    asyncio.run(open_once(path, clock))
    os.mkfifo(f"{path}{suffix}")
    link = path.with_name("link.db")
    link.symlink_to(path)

    uses: tuple[Callable[[Path], object], ...] = (
        lambda file: asyncio.run(open_once(file, clock)),
        lambda file: back_up(file, path.with_name("copy.db")),
        lambda file: SqliteMigrator(file).plan(),
        lambda file: SqliteMigrator(file).migrate(START),
    )
    for use, file in product(uses, (path, link)):
        with pytest.raises(Misconfigured, match=f"{path}{suffix} is no file"):
            use(file)


def test_backup_by_another_name(path: Path, clock: ManualClock) -> None:
    """
    A database with two names is not backed up: beside the other may be its latest
    writes.
    """
    asyncio.run(open_once(path, clock))
    other = path.with_name("other.db")
    other.hardlink_to(path)
    copy = path.with_name("copy.db")

    with pytest.raises(Misconfigured, match="2 names"):
        back_up(other, copy)

    assert not copy.exists()


async def test_opened_again(path: Path, clock: ManualClock) -> None:
    """A file that was closed can be opened."""
    for number in range(3):
        store = await SqliteStore.open(path, clock)
        await enqueue_commands(store, command())
        waits = await waiting_ids(store)
        await store.close()

        assert number + 1 == len(waits)


async def refuse(path: Path, clock: ManualClock) -> None:
    """Open the file, which must be refused."""
    with pytest.raises(Misconfigured, match=str(path)):
        await SqliteStore.open(path, clock)


def test_no_database(path: Path, rubbish: bytes, clock: ManualClock) -> None:
    """A file that is something else is refused and left as it is."""
    asyncio.run(refuse(path, clock))

    assert rubbish == path.read_bytes()


def test_refused_and_mended(path: Path, rubbish: bytes, clock: ManualClock) -> None:
    """After a refusal the file can be opened as soon as it is repaired."""
    asyncio.run(refuse(path, clock))
    path.unlink()

    asyncio.run(open_once(path, clock))

    assert rubbish != path.read_bytes()


async def test_no_folder(tmp_path: Path, clock: ManualClock) -> None:
    """A folder that is not there is named."""
    with pytest.raises(Misconfigured, match="nowhere"):
        await SqliteStore.open(tmp_path / "nowhere" / "x.db", clock)


async def test_newer_file(path: Path, clock: ManualClock) -> None:
    """A file of a later release is refused as such."""
    store = await SqliteStore.open(path, clock)
    await store.close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()

    with pytest.raises(Misconfigured, match="newer release"):
        await SqliteStore.open(path, clock)


async def test_full_disk(file: SqliteStore) -> None:
    """On a full disk what does not fit is refused, and all is well with more room."""
    small, large = command(), command(order=order(body='"' + "x" * 500_000 + '"'))
    await enqueue_commands(file, small)
    pages = await pragma(file, "page_count")
    await pragma(file, f"max_page_count = {pages}")

    with pytest.raises(Unavailable, match="full"):
        await enqueue_commands(file, large)
    assert [small.id] == await waiting_ids(file)

    await pragma(file, "max_page_count = 1000000")
    again = command(order=large.order)
    await enqueue_commands(file, again)

    assert [small.id, again.id] == await waiting_ids(file)
    assert await file.find_command(DEFAULT_SCOPE_ID, large.id) is None


async def test_locked_file(file: SqliteStore, path: Path) -> None:
    """While somebody else holds the file locked nothing is written, then it is."""
    await pragma(file, "busy_timeout = 1")
    queued = command()
    await enqueue_commands(file, queued)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        await poll(file)
    other.execute("ROLLBACK")
    other.close()

    in_flight = await poll_command(file, START + 1)

    assert (queued.id, 1) == (in_flight.command.id, in_flight.command.attempts)


async def test_moved_by_somebody_else(file: SqliteStore, path: Path) -> None:
    """What somebody else moved in the file is not moved again; the file is right."""
    door, following = at_most_once_command(), at_most_once_command("reboot")
    await enqueue_commands(file, door, following)
    with sqlite3.connect(path) as other:
        other.execute("UPDATE command SET state = 'CANCELED' WHERE id = ?", (door.id,))
    other.close()

    with pytest.raises(Unavailable, match="another process"):
        await poll(file)
    in_flight = await poll_command(file)

    assert following.id == in_flight.command.id
    record = await command_record(file, door)
    assert (CommandState.CANCELED, ()) == (record.command.state, record.deliveries)


async def test_idle_lanes_cost_nothing(file: SqliteStore) -> None:
    """Asking for a lane takes no statement; one that is done with is forgotten."""
    statements: list[str] = []
    for connection in (file.group_commit.connection, file.hot_reader, file.list_reader):
        await connection.run(lambda c: c.set_trace_callback(statements.append))

    assert file.cached_lane(DEVICE) is None
    assert [] == await file.overdue_devices(START)
    assert [] == statements

    queued = command()
    await enqueue_commands(file, queued)
    await post_result(file, await poll_command(file))
    count = len(statements)

    lane = file.cached_lane(DEVICE)
    assert lane is None or lane.is_idle(START, 0)
    assert count == len(statements)
    assert count > 0


async def test_statements_shared(file: SqliteStore) -> None:
    """What waits at the same time shares one transaction."""
    statements: list[str] = []
    writer = file.group_commit.connection
    await writer.run(lambda c: c.set_trace_callback(statements.append))

    await asyncio.gather(
        *(enqueue_commands(file, command(device_id=n)) for n in range(100))
    )

    assert statements.count("COMMIT") <= 2
