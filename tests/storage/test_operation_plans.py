"""
Queries of operations and tasks among many: which index SQLite uses.

What is read over a long past is counted in `test_rows_read`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START, ManualClock
from tests.model.operation_scenario import operation

TABLES = ("operation", "notification", "step", "command", "task", "device")


@pytest.fixture(name="file")
async def _file(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    """Return an open store."""
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    yield store
    await store.close()


async def plan(file: SqliteStore, read: Awaitable[object]) -> list[str]:
    """Return how SQLite goes through the tables in what *read* asks."""
    statement: list[str] = []
    for reader in (file.list_reader, file.background_reader):
        await reader.run(lambda c: c.set_trace_callback(statement.append))
    await read
    for reader in (file.list_reader, file.background_reader):
        await reader.run(lambda c: c.set_trace_callback(None))
    rows = [
        row
        for sql in statement
        if sql.startswith("SELECT")
        for row in await file.list_reader.run(
            lambda c, sql=sql: c.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()  # type: ignore[misc]
        )
    ]
    return [step for *_, step in rows if step.startswith(("SEARCH", "SCAN", "USE"))]


Read = Callable[[SqliteStore], Awaitable[object]]
#: What workers ask each second, and handlers for each task.
READS: dict[str, tuple[Read, list[str]]] = {
    "due_steps": (
        lambda f: f.operations.due_steps(limit=9),
        ["SCAN operation USING INDEX operation_due"],
    ),
    "active_tasks": (
        lambda f: f.tasks.active_tasks(),
        ["SCAN task USING INDEX task_active"],
    ),
    "count_task": (
        lambda f: f.tasks.operation_counts(6),
        [
            "SEARCH operation USING COVERING INDEX operation_task"
            " (task_id=? AND retried=?)",
            "SEARCH operation USING INDEX operation_waiting (task_id=?)",
        ],
    ),
    "unended": (
        lambda f: f.tasks.unfinished_operations(6, limit=9),
        [
            "SEARCH operation USING INDEX operation_task"
            " (task_id=? AND retried=? AND status=?)"
        ],
    ),
    "tasks": (
        lambda f: f.tasks.tasks(DEFAULT_SCOPE_ID, before=None, limit=9),
        ["SEARCH task USING INDEX task_scope (scope_id=? AND id>? AND id<?)"],
    ),
    "step_records": (
        lambda f: f.operations.step_records(operation()),
        [
            "SEARCH step USING INDEX sqlite_autoindex_step_1 (owner_id=?)",
            "SEARCH command USING INDEX command_operation (operation_id=?) LEFT-JOIN",
        ],
    ),
}


@pytest.mark.parametrize("name", READS)
async def test_reads(file: SqliteStore, name: str) -> None:
    """Each goes by an index of its own, in order."""
    read, expected = READS[name]

    assert expected == await plan(file, read(file))


async def test_shadows(file: SqliteStore) -> None:
    """Due and lapsed shadows are found without reading the others."""
    reads = {
        "needs_reconcile": file.shadows.due_services(limit=9),
        "write_expired": file.shadows.retryable_services(now=START, hold=0, limit=9),
    }
    for name, read in reads.items():
        first, *others = await plan(file, read)

        assert first.startswith(f"SCAN shadow USING INDEX shadow_{name}")
        assert {"SEARCH"} >= {step.split()[0] for step in others}
    found = await plan(file, file.shadows.services(DEFAULT_SCOPE_ID, 5))
    assert [
        "SEARCH shadow USING INDEX sqlite_autoindex_shadow_1 (device_id=?)"
    ] == found


async def test_waiting(file: SqliteStore) -> None:
    """A task's waiting operations are found among those that wait, not among all."""
    reads = {
        "startable": file.tasks.startable_steps(6, now=START, hold=0, limit=9),
        "hopeless": file.tasks.unreachable_operations(
            6, include_offline=True, now=START, hold=0, limit=9
        ),
    }
    for read in reads.values():
        first, *others = await plan(file, read)

        index = "operation_waiting (task_id=?)"
        assert f"SEARCH operation USING INDEX {index}" == first
        assert {"SEARCH"} == {step.split()[0] for step in others}
