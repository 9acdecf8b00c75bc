"""Starts over a database that has what no pushserver has written."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pushserver.app import running_services
from pushserver.clock import SystemClock
from pushserver.errors import Misconfigured
from pushserver.settings import Settings
from pushserver.stores import open_store
from tests.clock import ManualClock
from tests.each_case import each_case
from tests.web.local_server import OPEN_DOOR, TOKEN, running_server

pytestmark = pytest.mark.only_on("sqlite")


async def start(database: str) -> None:
    """Start all that a server is, and stop it."""
    settings, clock = (
        Settings(port=0, database=database, admin_token=TOKEN),
        SystemClock(),
    )
    store = await open_store(settings, clock)
    async with running_services(settings, store, clock):
        pass


def change_copy(served: Path, copy: Path, change: str) -> str:
    """Return the address of a copy that somebody else has changed."""
    copy.write_bytes(served.read_bytes())
    with closing(sqlite3.connect(copy)) as file, file:
        file.execute("PRAGMA ignore_check_constraints = ON")
        assert file.execute(f"UPDATE {change}").rowcount
    return f"sqlite:///{copy}"


@each_case(
    "change",
    [
        "clock_anchor SET instant = 1.5",
        "clock_anchor SET instant = 'x'",
        "clock_period SET correction = 'x'",
        "command SET guarantee = 'x'",
        "command SET priority = 'x'",
        "device SET state = 'x'",
        "device SET hold = 'x'",
        "device_seen SET last_seen_at = 'x'",
    ],
)
async def test_refused_in_words(served: Path, tmp_path: Path, change: str) -> None:
    """
    The start ends with a line that says where the value was met, and not what it is.
    """
    copy = change_copy(served, tmp_path / "copy.db", change)
    with pytest.raises(
        Misconfigured, match=r"no pushserver has written \(.*line"
    ) as why:
        await start(copy)

    assert "'x'" not in str(why.value)


@pytest.fixture(name="served")
async def _served(database: str) -> Path:
    """Return a file with rows that a start reads, at rest."""
    async with running_server(database, ManualClock(SystemClock().now())) as server:
        await server.poll("deviceId=1")
        await server.services.write_behind.flush()
        await server.api("POST", "/devices/1/commands", dict(OPEN_DOOR))
    await start(database)
    return Settings(database=database).sqlite_path
