"""Tasks over very many devices: piece by piece, so that no door waits for long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pushserver.model.scope import FIRST_SCOPE
from pushserver.services.operations import BATCH
from pushserver.services.tasks import PIECE
from pushserver.storage.sqlite.store import SqliteStore
from tests.services.work import ERROR, WorkDesk

ONE = "load_objects"
MANY = 10_000
#: A step that moves is a command, its operation, what is told, and its delivery.
ROWS = 4


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> str:
    """Return where a file is to be: it is SQLite's one writer that must not wait."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@asynccontextmanager
async def holds(work: WorkDesk) -> AsyncIterator[list[int]]:
    """Count the rows that each transaction writes, for the length of the block."""
    store = work.services.store
    assert isinstance(store, SqliteStore)
    connection = store.writer.connection
    marks: list[int] = []
    counted: list[int] = []

    def note(statement: str, total: int) -> None:
        if statement.startswith("BEGIN"):
            marks.append(total)
        elif statement == "COMMIT":
            counted.append(total - marks.pop())

    await connection.run(
        lambda c: c.set_trace_callback(lambda sql: note(sql, c.total_changes))
    )
    yield counted
    await connection.run(lambda c: c.set_trace_callback(None))


async def test_made(work: WorkDesk) -> None:
    """No transaction of a task for ten thousand devices is longer than a piece."""
    await work.adopt(*range(1, MANY + 1))

    async with holds(work) as counted:
        made = await work.make(ONE, devices=MANY)

    assert made.task is not None
    assert {"waiting": MANY} == await work.counts(made.task)
    assert MANY // PIECE + 2 == len(counted)
    assert max(counted) <= PIECE


@pytest.mark.parametrize(("late", "ended"), [(False, 1200), (True, 600)])
async def test_course(work: WorkDesk, late: bool, ended: int) -> None:
    """Nor is one when they begin, fail, are tried again, and are ended."""
    task = await work.task(ONE, devices=1200, there=1200)
    place = FIRST_SCOPE, task.id

    async with holds(work) as counted:
        for _ in range(2):
            await work.advance()
        for device in range(1, 601):
            await work.do(ERROR, device=device)
        await work.services.tasks.retry(*place, include_unknown=True)
        if late:
            work.clock.tick(86_400)
        else:
            await work.services.tasks.cancel(*place)
        await work.advance()
        _, counts = await work.services.tasks.retry(*place, include_unknown=True)

    assert ended == counts.waiting
    assert max(counted) <= max(PIECE * 2 + 1, BATCH * ROWS)
