"""Reading of upgrades among many: by which index SQLite goes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.upgrade import UpgradeResult
from pushserver.storage.sqlite.store import SqliteStore
from pushserver.storage.upgrading import PartFilter
from tests.clock import ManualClock
from tests.storage.test_tracking_plans import plan


@pytest.fixture(name="file")
async def _file(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteStore]:
    """Return an open store."""
    store = await SqliteStore.open(tmp_path / "store.db", clock)
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "task_id=? AND retried=?"),
        (
            {"result": UpgradeResult.FAIL},
            "task_id=? AND retried=? AND status=? AND id>?",
        ),
        ({"waiting": True}, "task_id=? AND retried=? AND status=? AND id>?"),
    ],
)
async def test_parts(file: SqliteStore, wanted: dict[str, Any], index: str) -> None:
    """An upgrade's devices are found by their task, failures among them at once."""
    found = file.upgrades.parts(6, PartFilter(**wanted), after=5, limit=50)

    asked = await plan(file, found)

    assert f"SEARCH operation USING INDEX operation_task ({index})" in asked
    assert not [each for each in asked if each.startswith("SCAN")]


async def test_list(file: SqliteStore) -> None:
    """The list reads no more than its page."""
    found = file.upgrades.upgrades(FIRST_SCOPE, before=9, limit=50)

    asked = await plan(file, found)

    index = "upgrade_scope (scope_id=? AND task_id<?)"
    assert f"SEARCH upgrade USING INDEX {index}" == asked[0]
    assert not [each for each in asked if "SCAN" in each or "B-TREE" in each]
