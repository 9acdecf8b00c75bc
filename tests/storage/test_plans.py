"""Lists over a long past: which index SQLite goes by, and how far."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import State
from pushserver.storage.base import CommandFilter
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START, ManualClock

RARE = frozenset({State.PENDING, State.SENT})
MOST = frozenset({State.SUCCESSFUL})


@pytest.fixture(name="file")
async def _file(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    """Return an open store."""
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    yield store
    await store.close()


async def plan(file: SqliteStore, statements: list[str]) -> set[str]:
    """
    Return how SQLite goes through the table in the one list that was asked for.

    Merging some sorted pages, each no longer than the limit, does not count.
    """
    (asked,) = [each for each in statements if " ORDER BY " in each]
    rows = await file.lists.run(
        lambda c: c.execute(f"EXPLAIN QUERY PLAN {asked}").fetchall()
    )
    tables = ("SEARCH command", "SCAN command", "SEARCH result", "SCAN result")
    within = {parent for _, parent, _, step in rows if step.startswith(tables)}
    return {
        step
        for _, parent, _, step in rows
        if parent in within and step.startswith((*tables, "USE TEMP"))
    }


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (CommandFilter(), "command_scope (scope_id=? AND id<?)"),
        (CommandFilter(states=RARE), "command_state (scope_id=? AND state=? AND id<?)"),
        (CommandFilter(states=MOST), "command_state (scope_id=? AND state=? AND id<?)"),
        (
            CommandFilter(endpoint="reboot"),
            "command_endpoint (scope_id=? AND endpoint=? AND id<?)",
        ),
        (
            CommandFilter(endpoint="reboot", states=MOST),
            "command_endpoint (scope_id=? AND endpoint=? AND id<?)",
        ),
        (
            CommandFilter(endpoint="reboot", states=RARE),
            "command_state (scope_id=? AND state=? AND id<?)",
        ),
        (CommandFilter(device_id=5), "command_device (device_id=? AND id<?)"),
        (
            CommandFilter(device_id=5, states=MOST, endpoint="reboot"),
            "command_device (device_id=? AND id<?)",
        ),
        (CommandFilter(operation_id=5), "command_operation (operation_id=? AND id<?)"),
        (
            CommandFilter(operation_id=5, states=MOST, endpoint="reboot"),
            "command_operation (operation_id=? AND id<?)",
        ),
        (
            CommandFilter(created_after=START),
            "command_scope (scope_id=? AND id>? AND id<?)",
        ),
    ],
)
async def test_commands(file: SqliteStore, wanted: CommandFilter, index: str) -> None:
    """A list of commands goes by the index that leads to the fewest rows, in order."""
    statements: list[str] = []
    await file.lists.run(lambda c: c.set_trace_callback(statements.append))

    await file.commands(FIRST_SCOPE, wanted, before=2**62, limit=50)

    assert {f"SEARCH command USING INDEX {index}"} == await plan(file, statements)


@pytest.mark.parametrize(
    ("device_id", "orphan", "index"),
    [
        (None, None, "result_scope (scope_id=? AND id>? AND id<?)"),
        (None, False, "result_scope (scope_id=? AND id>? AND id<?)"),
        (None, True, "result_orphan (scope_id=? AND id>? AND id<?)"),
        (5, None, "result_device (device_id=? AND id>? AND id<?)"),
        (5, True, "result_device (device_id=? AND id>? AND id<?)"),
    ],
)
async def test_results(
    file: SqliteStore, device_id: int | None, orphan: bool | None, index: str
) -> None:
    """A list of results goes by the index that leads to the fewest rows, in order."""
    statements: list[str] = []
    await file.lists.run(lambda c: c.set_trace_callback(statements.append))

    await file.results(
        FIRST_SCOPE, after=0, limit=50, device_id=device_id, orphan=orphan
    )

    assert {f"SEARCH result USING INDEX {index}"} == await plan(file, statements)
