"""Lists of operations: filters, cursors, pages by place, within a scope."""

from itertools import combinations

import pytest

from pushserver.model.operation import Operation, OperationDescriptor, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store
from pushserver.storage.operations import OperationFilter, PageRequest, SortField
from tests.clock import START
from tests.model.operation_scenario import operation
from tests.storage.operations import operation_ids, save_operations

OTHER = 8


@pytest.fixture(name="many")
async def _many(store: Store) -> list[Operation]:
    """Return operations of two scopes and some devices, in every status."""
    operations = [
        operation(
            scope_id=DEFAULT_SCOPE_ID if n % 6 else OTHER,
            device_id=1 + n % 3,
            task_id=40 if n % 4 == 0 else None,
            status=list(OperationStatus)[n % 4 if n % 5 else 0],
            descriptor=OperationDescriptor(resource=("photos", "users")[n % 2]),
            retried=n % 7 == 0,
            modified_at=START + 100 - n,
        )
        for n in range(36)
    ]
    for each in operations:
        await save_operations(store, each)
    return [each for each in operations if each.scope_id == DEFAULT_SCOPE_ID]


FILTERS = {
    "device_id": 2,
    "task_id": 40,
    "status": OperationStatus.RUNNING,
    "resource": "photos",
    "exclude_retried": True,
}


def fits(one: Operation, query: OperationFilter) -> bool:
    """Return whether an operation matches, by the definition."""
    return (
        query.device_id in (None, one.device_id)
        and query.task_id in (None, one.task_id)
        and query.status in (None, one.status)
        and query.resource in (None, one.descriptor.resource)
        and not (query.exclude_retried and one.retried)
    )


@pytest.mark.parametrize("size", range(len(FILTERS) + 1))
async def test_filters(store: Store, many: list[Operation], size: int) -> None:
    """Filters say what they say, alone and together, page by page, within a scope."""
    operations = store.operations
    whole = PageRequest(limit=1000, sort=SortField.ID)
    for names in combinations(FILTERS, size):
        filters = OperationFilter(**{name: FILTERS[name] for name in names})  # type: ignore[arg-type]
        expected = [each.id for each in reversed(many) if fits(each, filters)]
        by_place = await operations.operations_page(DEFAULT_SCOPE_ID, filters, whole)
        count = await operations.count_operations(DEFAULT_SCOPE_ID, filters)

        assert expected == await operation_ids(store, filters), names
        assert expected == await ids_page_by_page(store, filters), names
        assert expected[::-1] == [each.id for each in by_place], names
        assert len(expected) == count, names


async def ids_page_by_page(store: Store, filters: OperationFilter) -> list[int]:
    """Return the ids of all operations that match, read three at a time."""
    ids: list[int] = []
    while page := await operation_ids(
        store, filters, before=ids[-1] if ids else None, limit=3
    ):
        ids += page
    return ids


async def test_another_scope(store: Store, many: list[Operation]) -> None:
    """Every scope has its own, whatever is asked for."""
    own = {each.id for each in many}
    theirs = await operation_ids(store, OperationFilter(), scope=OTHER)

    assert 6 == len(theirs)
    assert not own & set(theirs)
    assert await store.operations.find_operation(DEFAULT_SCOPE_ID, theirs[0]) is None
    assert [] == await operation_ids(store, OperationFilter(), scope=9)


COLUMNS = {
    SortField.ID: "id",
    SortField.CREATED: "id",
    SortField.STATUS: "status",
    SortField.MODIFIED: "modified_at",
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", COLUMNS)
async def test_pages(
    store: Store, many: list[Operation], sort: SortField, descending: bool
) -> None:
    """Pages by place put together are everything, in order, each once."""
    ordered = sorted(many, key=lambda o: (getattr(o, COLUMNS[sort]), o.id))
    expected = [each.id for each in ordered]

    pages: list[int] = []
    for offset in range(0, 40, 7):
        page = PageRequest(offset=offset, limit=7, sort=sort, descending=descending)
        found = await store.operations.operations_page(
            DEFAULT_SCOPE_ID, OperationFilter(), page
        )
        pages += [each.id for each in found]

    assert (expected[::-1] if descending else expected) == pages
