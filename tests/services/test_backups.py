"""Backups that the server makes by itself, and restores of those that are no good."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushserver.errors import Misconfigured
from pushserver.services.backups import Backups
from pushserver.settings_loading import load
from pushserver.stores import restore
from pushserver.web.services import Services
from tests.clock import START, ManualClock

pytestmark = pytest.mark.only_on("sqlite")
HOUR = 3600
#: The file of the services, and those beside it.
OWN = {"store.db", "store.db-wal", "store.db-shm"}
EVERY = 6 * HOUR * 1_000_000


def kept(folder: Path) -> list[str]:
    """Return the names of what is in the folder."""
    return sorted(each.name for each in folder.iterdir())


async def test_every_six_hours(
    services: Services, clock: ManualClock, tmp_path: Path
) -> None:
    """
    One is made at once and one every six hours, a restart or not; of these the newest
    are kept, and whatever else is in the folder.
    """
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "pushserver-of-mine.db").touch()
    made = []
    with capture_logs() as logs:
        for hours in (0, 5, 1, 6, 6):
            clock.tick(hours * HOUR)
            backups = Backups(services.store.backups, clock, folder, EVERY, 2)
            made.append(await backups.run_if_due())
    names = [Path(line["file"]).name for line in logs if line["event"] == "backup.made"]

    assert [1, 0, 1, 1, 1] == made
    assert [*names[-2:], "pushserver-of-mine.db"] == kept(folder)


async def test_after_a_wrong_clock(
    services: Services, clock: ManualClock, tmp_path: Path
) -> None:
    """
    Backups of the future neither hasten the next one nor outlast it, and of one that
    was killed nothing stays.
    """
    folder = tmp_path / "backups"
    folder.mkdir()
    past = ["pushserver-20251230T000000Z.db", "pushserver-20251231T000000Z.db"]
    wrong = ["pushserver-20360101T000000Z.db", "pushserver-20360102T000000Z.db"]
    killed = ["pushserver-20251231T060000Z.db.part-journal"]
    for name in (*past, *wrong, *killed):
        (folder / name).touch()
    made = []
    for hours in (0, 1, 1, 4):
        clock.tick(hours * HOUR)
        backups = Backups(services.store.backups, clock, folder, EVERY, 4)
        made.append(await backups.run_if_due())

    assert [1, 0, 0, 1] == made
    new = ["pushserver-20260101T000000Z.db", "pushserver-20260101T060000Z.db"]
    assert [*past, *new] == kept(folder)


async def test_odd_names(
    services: Services, clock: ManualClock, tmp_path: Path
) -> None:
    """
    What has a backup's name, and is a folder or of no instant, is left where it is.
    """
    folder = tmp_path / "backups"
    odd = ["pushserver-20251231T235959Z.db", "pushserver-20251231T000000Z.db.part"]
    for name in odd:
        (folder / name).mkdir(parents=True)
    no_instant = "pushserver-99999999T999999Z.db"
    (folder / no_instant).touch()
    backups = Backups(services.store.backups, clock, folder, EVERY, 1)

    assert backups.last_made_at() is None
    assert 1 == await backups.run_if_due()
    made = "pushserver-20260101T000000Z.db"
    assert sorted([*odd, made, no_instant]) == kept(folder)


async def test_name_is_taken(services: Services, tmp_path: Path) -> None:
    """
    What gets the backup's name while that is made is not overwritten.
    """
    target = tmp_path / "copy.db"

    def take_name() -> bool:
        target.write_text("of somebody else")
        return False

    with pytest.raises(Misconfigured, match="exists already"):
        await services.store.backups.back_up(target, take_name)
    assert "of somebody else" == target.read_text()
    assert {"copy.db"} == set(kept(tmp_path)) - OWN


async def test_stop(services: Services, clock: ManualClock, tmp_path: Path) -> None:
    """
    A server that stops ends the backup, of which nothing is left.
    """
    folder = tmp_path / "backups"
    folder.mkdir()
    backups = Backups(services.store.backups, clock, folder, EVERY, 2)
    backups.stop()

    assert 0 == await backups.run_if_due()
    assert [] == kept(folder)


async def test_unusable(services: Services, tmp_path: Path) -> None:
    """
    What is no sound backup is refused, and the database stays as it is.
    """
    good = tmp_path / "good.db"
    await services.store.backups.back_up(good, lambda: False)
    damaged, bent = bytearray(good.read_bytes()), bytearray(good.read_bytes())
    damaged[4096:40960] = bytes(36864)
    # Where the row of a table begins: to count its rows takes none.
    with closing(sqlite3.connect(good)) as opened:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'schema_version'"
        header = (opened.execute(sql).fetchone()[0] - 1) * 4096
    bent[header + 8 : header + 10] = b"\x0f\xff"
    file = tmp_path / "other.db"
    file.write_bytes(good.read_bytes())
    before = file.read_bytes()
    settings = load({"database": f"sqlite:///{file}"}, {})
    for content in (b"", b"a photo" * 1000, good.read_bytes()[:9000], damaged, bent):
        backup = tmp_path / "backup.db"
        backup.write_bytes(content)
        with pytest.raises(Misconfigured):
            restore(settings, backup, START)

        assert before == file.read_bytes()
        assert {"backup.db", "good.db", "other.db"} >= set(kept(tmp_path)) - OWN
