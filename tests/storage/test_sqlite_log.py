"""Only SQLite: the log beside the file shrinks again, and a reader in its way shows."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushserver.storage.sqlite import checkpoints
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import ManualClock
from tests.model.factories import command, order
from tests.storage.queue_actions import enqueue_commands

#: A body whose command makes the log this much longer.
MEBIBYTE = 1024 * 1024


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "store.db"


@pytest.fixture(name="file")
async def _file(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    """Return an open store that looks at a log of 24 MiB."""
    monkeypatch.setattr(checkpoints, "SUSPICIOUS_SIZE", 24 * MEBIBYTE)
    store = await SqliteStore.open(path, clock)
    yield store
    await store.close()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold a transaction open, as a forgotten shell does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT count(*) FROM command").fetchone()
        yield


async def write(store: SqliteStore, mebibytes: int) -> None:
    """Write so much, in commits of a mebibyte."""
    for _ in range(mebibytes):
        large = command(order=order(body=f'"{"x" * MEBIBYTE}"'))
        await enqueue_commands(store, large)


def log_size(path: Path) -> int:
    """Return the size of the log."""
    return path.with_name(path.name + "-wal").stat().st_size


async def test_shrinks(file: SqliteStore, path: Path) -> None:
    """
    When the reader is gone, the log is no longer as large as it ever was.
    """
    with reading(path):
        await write(file, 32)
        assert log_size(path) > 32 * MEBIBYTE

    await write(file, 12)

    assert log_size(path) <= checkpoints.JOURNAL_SIZE_LIMIT


async def test_a_reader_is_reported(
    file: SqliteStore, path: Path, clock: ManualClock
) -> None:
    """
    While a reader holds the log up, that is said once a minute, with its size.
    """
    with capture_logs() as logs, reading(path):
        await write(file, 32)
        clock.tick(seconds=59)
        await write(file, 1)
        once = list(logs)
        clock.tick(seconds=1)
        await write(file, 1)

    assert ["sqlite.checkpoint_starved"] == [line["event"] for line in once]
    assert "warning" == once[0]["log_level"]
    assert once[0]["wal_bytes"] >= 24 * MEBIBYTE
    assert once[0]["copied_pages"] < once[0]["pages"]
    assert 2 == len(logs)


async def test_a_large_log_alone_is_no_news(
    file: SqliteStore, clock: ManualClock
) -> None:
    """
    A log that one large commit made is copied, and nothing is said.
    """
    large = command(order=order(body=f'"{"x" * 32 * MEBIBYTE}"'))
    with capture_logs() as logs:
        await enqueue_commands(file, large)
        clock.tick(seconds=61)
        await write(file, 1)

    assert [] == logs
