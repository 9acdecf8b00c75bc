"""Tasks over very many devices: in batches, so that no door waits for long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.next_steps import BATCH_SIZE as OPERATION_BATCH_SIZE
from pushserver.storage.sqlite.store import SqliteStore
from tests.services.operation_driver import ERROR, OperationDriver

ONE = "load_objects"
MANY = 10_000
#: A step that moves is a command, its operation, a notification, and its delivery.
ROWS = 4


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> str:
    """Return where a file is to be: it is SQLite's one writer that must not wait."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@asynccontextmanager
async def count_rows_written(
    operation_driver: OperationDriver,
) -> AsyncIterator[list[int]]:
    """Count the rows that each transaction writes, for the length of the block."""
    store = operation_driver.services.store
    assert isinstance(store, SqliteStore)
    connection = store.group_commit.connection
    marks: list[int] = []
    counted: list[int] = []

    def record(statement: str, total: int) -> None:
        if statement.startswith("BEGIN"):
            marks.append(total)
        elif statement == "COMMIT":
            counted.append(total - marks.pop())

    await connection.run(
        lambda c: c.set_trace_callback(lambda sql: record(sql, c.total_changes))
    )
    yield counted
    await connection.run(lambda c: c.set_trace_callback(None))


async def test_made(operation_driver: OperationDriver) -> None:
    """No transaction of a task for ten thousand devices is longer than a batch."""
    await operation_driver.adopt(*range(1, MANY + 1))

    async with count_rows_written(operation_driver) as counted:
        created = await operation_driver.create_task(ONE, devices=MANY)

    assert created.task is not None
    assert {"waiting": MANY} == await operation_driver.task_counts(created.task)
    assert MANY // BATCH_SIZE + 2 == len(counted)
    assert max(counted) <= BATCH_SIZE


@pytest.mark.parametrize(("late", "ended"), [(False, 1200), (True, 600)])
async def test_course(
    operation_driver: OperationDriver, late: bool, ended: int
) -> None:
    """Nor is one when they begin, fail, are tried again, and are ended."""
    task = await operation_driver.adopt_and_create_task(ONE, devices=1200, seen=1200)
    place = DEFAULT_SCOPE_ID, task.id

    async with count_rows_written(operation_driver) as counted:
        for _ in range(2):
            await operation_driver.advance_tasks()
        for device in range(1, 601):
            await operation_driver.run_command(ERROR, device=device)
        await operation_driver.services.tasks.retry(*place, include_unknown=True)
        if late:
            operation_driver.clock.tick(86_400)
        else:
            await operation_driver.services.tasks.cancel(*place)
        await operation_driver.advance_tasks()
        _, counts = await operation_driver.services.tasks.retry(
            *place, include_unknown=True
        )

    assert ended == counts.waiting
    assert max(counted) <= max(BATCH_SIZE * 2 + 2, OPERATION_BATCH_SIZE * ROWS)
