"""A file of an older release: copied, then migrated, or left exactly as it is."""

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushserver.errors import Misconfigured, Outdated
from pushserver.storage.migrations import SCHEMA_VERSION
from pushserver.storage.sqlite.schema import migrate_file
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import ManualClock
from tests.storage.migrations.catalogue import catalogue
from tests.storage.migrations.first import NOW
from tests.storage.migrations.steps import BROKEN, NEXT, STOP, with_next
from tests.storage.migrations.work import counts

pytestmark = pytest.mark.only_on("sqlite")

#: The copy of a file that was migrated at NOW.
COPY = "store.db.schema-1.20260107T071016Z"


@pytest.fixture(name="path")
def _path(old: str) -> Path:
    """Return where the file of schema 1 is."""
    return Path(old.removeprefix("sqlite:///"))


def open_and_close(path: Path) -> None:
    """Open a store on the file, as a server does."""

    async def opening() -> None:
        await (await SqliteStore.open(path, ManualClock(NOW))).close()

    asyncio.run(opening())


def refused(path: Path) -> str:
    """Return why no store is opened on the file."""
    with pytest.raises(Misconfigured) as refusal:
        open_and_close(path)
    return str(refusal.value)


def version_of(path: Path) -> int:
    """Return the schema that the file says it has."""
    with closing(sqlite3.connect(path)) as file:
        (number,) = file.execute("PRAGMA user_version").fetchone()
        return int(number)


def files_of(path: Path) -> set[str]:
    """Return what is in the file's folder, but for SQLite's own."""
    names = {each.name for each in path.parent.iterdir()}
    return {name for name in names if not name.endswith(("-wal", "-shm"))}


@contextmanager
def as_it_was(path: Path) -> Iterator[None]:
    """Check that the block leaves the file and its folder as they were."""
    database = f"sqlite:///{path}"
    before = (catalogue(database), counts(database), version_of(path), files_of(path))
    yield
    after = (catalogue(database), counts(database), version_of(path), files_of(path))
    assert before == after


def test_copy(old: str, path: Path) -> None:
    """
    The copy has all that the file had, is for its owner alone, and stands in the log.
    """
    path.chmod(0o644)
    before = catalogue(old), counts(old)
    with capture_logs() as logs:
        open_and_close(path)
    copy = path.with_name(COPY)
    (line,) = [each for each in logs if each["event"] == "schema.migrated"]

    assert {path.name, COPY} == files_of(path)
    assert (1, SCHEMA_VERSION, str(copy)) == (line["old"], line["new"], line["copy"])
    assert before == (catalogue(f"sqlite:///{copy}"), counts(f"sqlite:///{copy}"))
    assert (1, SCHEMA_VERSION) == (version_of(copy), version_of(path))
    assert 0o600 == copy.stat().st_mode & 0o777


def test_once(path: Path) -> None:
    """
    A file that was migrated is not copied again.
    """
    open_and_close(path)
    with capture_logs() as logs:
        open_and_close(path)

    assert [] == [each for each in logs if each["event"] == "schema.migrated"]
    assert {path.name, COPY} == files_of(path)


def test_going_back(path: Path) -> None:
    """
    The copy, in the file's place, is the database of the release before.
    """
    with as_it_was(path):
        open_and_close(path)
        path.with_name(COPY).replace(path)
        assert "ok" == _integrity(path)


def _integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as file:
        return str(file.execute("PRAGMA integrity_check").fetchone()[0])


def test_no_copy_is_overwritten(path: Path) -> None:
    """
    Where a copy of that name is there already, nothing is done.
    """
    path.with_name(COPY).write_bytes(b"somebody else's")
    with as_it_was(path):
        why = refused(path)

    assert COPY in why
    assert "Nothing was changed" in why
    assert b"somebody else's" == path.with_name(COPY).read_bytes()


def test_what_a_kill_left(path: Path) -> None:
    """
    Half a copy, left by a process that was killed, is deleted.
    """
    path.with_name("store.db.schema-1.20260101T000000Z.part").write_bytes(b"half")
    open_and_close(path)

    assert {path.name, COPY} == files_of(path)


def test_disk_full(path: Path) -> None:
    """
    Where there is no room for the copy, nothing is done, and no half of it stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with as_it_was(path):
        # No file may get as large as the database: to it, the disk is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, hard))
        try:
            why = refused(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert "Cannot copy the database" in why
    assert "\n" not in why


def test_failure_in_the_middle(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    A step that fails leaves nothing of those before it, nor a copy.
    """
    steps = with_next(tmp_path_factory.mktemp("steps"), BROKEN, STOP)
    with (
        as_it_was(path),
        closing(sqlite3.connect(path, isolation_level=None)) as file,
        pytest.raises(sqlite3.OperationalError, match="nowhere"),
    ):
        migrate_file(file, path, NOW, steps)


@pytest.mark.parametrize(("oldest", "may"), [(SCHEMA_VERSION, True), (NEXT, False)])
def test_newer_file(path: Path, oldest: int, *, may: bool) -> None:
    """
    A newer file says itself whether this release may work over it.
    """
    open_and_close(path)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "UPDATE schema_version SET version = ?, oldest_server = ?", (NEXT, oldest)
        )
        file.execute(f"PRAGMA user_version = {NEXT}")

    if may:
        open_and_close(path)
    else:
        with pytest.raises(Outdated, match="start a newer release"):
            open_and_close(path)
    assert NEXT == version_of(path)


def test_newer_file_that_says_nothing(path: Path) -> None:
    """
    A newer file that does not say so is refused, with or without our tables.
    """
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {NEXT}")
    assert f"schema {NEXT}" in refused(path)

    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 1")
    open_and_close(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {NEXT}")
    assert f"schema {NEXT}" in refused(path)
