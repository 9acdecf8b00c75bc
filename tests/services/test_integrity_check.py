"""The nightly check: once a day, table by table, and what it finds is kept."""

import resource
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, time

import pytest
from structlog.testing import capture_logs

from pushserver.clock import from_datetime
from pushserver.errors import Unavailable
from pushserver.services.integrity_check import IntegrityCheck
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.storage.integrity import IntegrityOutcome
from pushserver.stores import open_store
from pushserver.web.services import Services
from tests.clock import ManualClock

HOUR = 3600
#: Rows that no check has stored.
ODD_OUTCOMES = (
    (5, "not json"),
    (5, "[" * 100_000),
    (5, "3"),
    (5, '{"a": 1}'),
    (5, "[1]"),
    (5, b"\xff"),
)


def at(clock: ManualClock, hour: int, minute: int) -> None:
    """Set the clock to a time of day, by the machine's time zone."""
    day = datetime(2030, 1, 15, hour, minute, tzinfo=UTC).astimezone()
    local = day.replace(day=15, hour=hour, minute=minute)
    clock.tick((from_datetime(local) - clock.now()) / 1_000_000)


def nightly(store: Store, clock: ManualClock) -> IntegrityCheck:
    """Return a check at half past three."""
    return IntegrityCheck(store.integrity, clock, time(3, 30))


@pytest.mark.only_on("sqlite")
async def test_once_a_day(services: Services, clock: ManualClock) -> None:
    """
    It runs when its time has come, once, and again the next day.
    """
    at(clock, 3, 29)
    check, ran = nightly(services.store, clock), []

    for seconds in (0, 59, 1, 1, 23 * HOUR, HOUR - 2, 1):
        clock.tick(seconds)
        ran.append(await check.run_if_due() > 0)

    assert [False, False, True, False, False, False, True] == ran


@pytest.mark.only_on("sqlite")
async def test_by_the_wall_clock(services: Services, clock: ManualClock) -> None:
    """
    Its time has come when the machine's wall clock says so, however that was set. Set
    back to before that time, it brings no second check; the next night has its own.
    """
    at(clock, 22, 0)
    clock.jump(5 * HOUR)
    check, ran = nightly(services.store, clock), []

    for seconds, jump in (
        (29 * 60, 0),
        (60, 0),
        (60, -5 * HOUR),
        (5 * HOUR, 0),
        (24 * HOUR - 120, 0),
        (60, 0),
        (60, -100 * 24 * HOUR),
        (24 * HOUR, 0),
    ):
        clock.tick(seconds)
        clock.jump(jump)
        ran.append(await check.run_if_due() > 0)

    assert [False, True, False, False, False, True, False, True] == ran


@pytest.mark.only_on("sqlite")
async def test_sound(services: Services, clock: ManualClock) -> None:
    """
    Every table is checked; that nothing was found is logged, and kept with its time.
    """
    at(clock, 3, 0)
    check = nightly(services.store, clock)
    assert check.outcome is None
    clock.tick(HOUR)

    with capture_logs() as logs:
        count = await check.run_if_due()

    assert check.outcome is not None
    assert (clock.now(), []) == (check.outcome.checked_at, check.outcome.faults)
    assert [("integrity.checked", count)] == [(e["event"], e["tables"]) for e in logs]
    assert count > 15


@pytest.mark.only_on("sqlite")
async def test_restart(services: Services, clock: ManualClock) -> None:
    """
    What the last check found is known after a restart, and that of the next instead.
    """
    at(clock, 3, 0)
    check = nightly(services.store, clock)
    for _ in range(2):
        clock.tick(24 * HOUR)
        await check.run_if_due()
        later = nightly(services.store, clock)
        await later.load()

        assert check.outcome is not None
        assert check.outcome == later.outcome
        assert clock.now() == check.outcome.checked_at


@pytest.mark.only_on("sqlite")
async def test_outcomes_of_nobody(services: Services, database: str) -> None:
    """
    What no check has stored counts as none, and the next one takes its place.
    """
    check, found = IntegrityCheck(services.store.integrity, services.clock, None), []
    path = Settings(database=database).sqlite_path
    for row in ODD_OUTCOMES:
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("DELETE FROM integrity_check")
            file.execute("INSERT INTO integrity_check VALUES (?, ?)", row)
        await check.load()
        found.append(check.outcome)
    await services.store.integrity.save_outcome(IntegrityOutcome(1, ["a fault"]))
    await check.load()

    assert [None] * len(ODD_OUTCOMES) == found
    assert IntegrityOutcome(1, ["a fault"]) == check.outcome


@pytest.mark.only_on("sqlite")
async def test_no_files_left(services: Services, clock: ManualClock) -> None:
    """
    A file that cannot be opened is not called damaged; it is checked again, soon.
    """
    at(clock, 3, 0)
    check = nightly(services.store, clock)
    clock.tick(HOUR)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
    try:
        with capture_logs() as logs, pytest.raises(Unavailable):
            await check.run_if_due()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)

    assert (None, []) == (check.outcome, logs)
    assert 0 < await check.run_if_due()


@pytest.mark.only_on("sqlite")
async def test_never(services: Services, clock: ManualClock) -> None:
    """
    It may be switched off.
    """
    check = IntegrityCheck(services.store.integrity, clock, None)
    clock.tick(48 * HOUR)

    assert 0 == await check.run_if_due()


async def test_stopped(services: Services, clock: ManualClock) -> None:
    """
    A stop ends it, and what it did not see is not called sound.
    """
    at(clock, 3, 0)
    check = nightly(services.store, clock)
    clock.tick(HOUR)
    check.stop()

    await check.run_if_due()

    assert check.outcome is None


@pytest.mark.only_on("postgres")
async def test_looks_after_itself(services: Services, clock: ManualClock) -> None:
    """
    A PostgreSQL is not checked.
    """
    at(clock, 3, 0)
    check = nightly(services.store, clock)
    clock.tick(HOUR)

    assert (0, None) == (await check.run_if_due(), check.outcome)


@pytest.mark.only_on("sqlite")
async def test_damaged(database: str, clock: ManualClock) -> None:
    """
    A page that cannot be read is found; the table is named, and the rest is checked.
    """
    path = Settings(database=database).sqlite_path
    with closing(sqlite3.connect(path)) as file:
        (page,) = file.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'idempotency_key'"
        ).fetchone()
    with path.open("r+b") as raw:
        raw.seek((page - 1) * 4096)
        raw.write(b"\xff" * 100)
    at(clock, 3, 0)
    store = await open_store(Settings(database=database), clock)
    check = nightly(store, clock)
    clock.tick(HOUR)

    with capture_logs() as logs:
        await check.run_if_due()
    await store.close()

    assert check.outcome is not None
    assert {"idempotency_key"} == {f.partition(":")[0] for f in check.outcome.faults}
    assert ["integrity.damaged"] == [entry["event"] for entry in logs]
