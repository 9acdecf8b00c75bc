"""SQLite files with a new store in them: one is made, the others are copies of it."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import ManualClock


def copy_new_store(path: Path) -> None:
    """Make a file at *path* as if a store had just been made in it."""
    path.touch(0o600)
    path.write_bytes(_template())


@cache
def _template() -> bytes:
    """Have the store make its tables in an empty file, and return that."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "template.db"
        # A thread of its own: the event loop of this one belongs to the tests.
        thread.submit(asyncio.run, _make(path)).result()
        return path.read_bytes()


async def _make(path: Path) -> None:
    await (await SqliteStore.open(path, ManualClock())).close()
