"""What is read together was true together."""

import asyncio
import threading

from pushserver.storage.base import Store
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.snapshot import read_snapshot
from tests.model.factories import command
from tests.storage.queue_actions import enqueue_commands, poll_command

_STATE = "SELECT state FROM command"
_DELIVERIES = "SELECT count(*) FROM delivery"


async def test_snapshot(store: Store) -> None:
    """
    A commit between two statements of a snapshot is seen by neither of them.
    """
    await enqueue_commands(store, command())
    first_read, committed = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def read(connection: SqlConnection) -> tuple[str, int]:
        with read_snapshot(connection):
            (state,) = connection.execute(_STATE).fetchone()
            loop.call_soon_threadsafe(first_read.set)
            assert committed.wait(30)
            return state, connection.execute(_DELIVERIES).fetchone()[0]

    reading = asyncio.ensure_future(store.hot_reader.run(read))  # type: ignore[attr-defined]
    await first_read.wait()
    await poll_command(store)
    committed.set()

    assert ("PENDING", 0) == await reading
