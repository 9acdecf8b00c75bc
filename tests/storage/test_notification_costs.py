"""A page of a long list costs what a page of a short one does: rows are counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from pushserver.model.operation import OperationStatus
from pushserver.storage.operations import PageRequest, SortField
from pushserver.storage.sql import offset_marks
from pushserver.storage.sqlite.store import SqliteStore
from tests.clock import START, ManualClock
from tests.storage.notifications import (
    SCOPE,
    notification,
    operation,
    save_notifications,
    save_operations,
)

#: How many notifications the two operations have.
SHORT, LONG = 6000, 40_000
#: So much more may be taken for the long one.
MORE = 1.5
#: So many steps of SQLite's machine are counted as one.
GRAIN = 10


@pytest.fixture(name="lists", scope="module")
def _lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a short and a long list, made once for all tests here."""
    path = tmp_path_factory.mktemp("lists") / "store.db"
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    """Keep a short and a long list, of which most is RUNNING."""
    store = await SqliteStore.open(path, ManualClock())
    await save_operations(store, operation(1), operation(2))
    number = 100
    for operation_id, length in ((1, SHORT), (2, LONG)):
        notifications = [
            notification(
                number + n,
                operation_id=operation_id,
                sent_at=START + n // 3,
                progress=100 * n // length,
                resource=("download", "install")[n % 2],
                status=OperationStatus.RUNNING
                if n < length - 1
                else OperationStatus.COMPLETED,
            )
            for n in range(length)
        ]
        await save_notifications(store, notifications)
        number += length
    await store.close()


@pytest.fixture(name="file")
async def _file(
    lists: Path, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[SqliteStore]:
    """Return a store with a short and a long list, not asked for anything yet."""
    store = await SqliteStore.open(Path(copy(lists, tmp_path)), clock)
    yield store
    await store.close()


async def steps(store: SqliteStore, ask: Callable[[], Awaitable[object]]) -> int:
    """Return how many steps SQLite's machine takes to answer."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += GRAIN
        return 0

    await store.list_reader.run(lambda c: c.set_progress_handler(count, GRAIN))
    await ask()
    await store.list_reader.run(lambda c: c.set_progress_handler(None, GRAIN))
    return taken


SORTS = (
    SortField.SENT,
    SortField.ID,
    SortField.CREATED,
    SortField.STATUS,
    SortField.PROGRESS,
)


async def max_page_cost(
    store: SqliteStore,
    operation_id: int,
    length: int,
    resource: str | None,
    **options: Any,
) -> int:
    """Return the steps of the dearest page, when the list was looked through once."""

    async def read(offset: int) -> None:
        page = PageRequest(offset=offset, **options)
        ask = store.notifications.notifications_page
        await ask(SCOPE, operation_id, resource, page)

    await read(length)
    offsets = [length * part // 100 for part in (0, 1, 33, 50, 98, 99)]
    return max([await steps(store, partial(read, offset)) for offset in offsets])


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", SORTS)
async def test_any_page(file: SqliteStore, sort: SortField, descending: bool) -> None:
    """Any page, in the order of any index, costs about the same."""
    options = {"sort": sort, "descending": descending}
    short = await max_page_cost(file, 1, SHORT, None, **options)

    assert MORE * short > await max_page_cost(file, 2, LONG, None, **options)


async def test_resource(file: SqliteStore) -> None:
    """So does a page of one resource that half of all notifications have."""
    short = await max_page_cost(file, 1, SHORT // 2, "install")

    assert MORE * short > await max_page_cost(file, 2, LONG // 2, "install")


@pytest.mark.parametrize("resource", [None, "install"])
async def test_count(file: SqliteStore, resource: str | None) -> None:
    """Counting a long list again costs no more than a short one."""
    count, share = file.notifications.count_notifications, 1 if resource is None else 2
    counted = [await count(SCOPE, each, resource) for each in (1, 2)]
    short = await steps(file, partial(count, SCOPE, 1, resource))

    assert [SHORT // share, LONG // share] == counted
    assert MORE * short > await steps(file, partial(count, SCOPE, 2, resource))


async def test_growing(file: SqliteStore) -> None:
    """After an append only the new rows are read."""
    page = partial(
        file.notifications.notifications_page, SCOPE, 2, None, PageRequest(offset=LONG)
    )
    await page()
    again = await steps(file, page)
    later = [
        notification(99_000 + n, operation_id=2, sent_at=2 * START) for n in (0, 1)
    ]
    await save_notifications(file, later)

    assert MORE * again > await steps(file, page)


async def test_forgotten(file: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that were not requested lately are not remembered."""
    monkeypatch.setattr(offset_marks, "MAX_LISTS", 1)
    count = file.notifications.count_notifications
    first = await steps(file, partial(count, SCOPE, 2, None))
    again = await steps(file, partial(count, SCOPE, 2, None))
    await count(SCOPE, 1, None)

    assert 2 * again < first
    assert 2 * again < await steps(file, partial(count, SCOPE, 2, None))
