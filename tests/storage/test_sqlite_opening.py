"""What is left of a connection to a SQLite file that could not be opened."""

import sqlite3
import threading
from pathlib import Path

import pytest

from pushserver.errors import Misconfigured
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import ManualClock


async def test_no_thread_is_left(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its thread has ended by then: it speaks to the loop, which may be closed next.
    """

    def fail(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite3, "connect", fail)
    before = threading.enumerate()

    with pytest.raises(Misconfigured, match="disk I/O error"):
        await SqliteStore.open(tmp_path / "store.db", clock)

    assert before == threading.enumerate()
