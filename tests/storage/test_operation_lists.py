"""Lists of operations: filters, cursors, pages by place, within a scope."""

from itertools import combinations

import pytest

from pushserver.model.operation import Label, Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.base import Store
from pushserver.storage.tracking import OperationFilter, Page, Sort
from tests.clock import START
from tests.model.work import operation
from tests.storage.tracked import ids_of, keep

OTHER = 8


@pytest.fixture(name="many")
async def _many(store: Store) -> list[Operation]:
    """Return operations of two scopes and some devices, in every status."""
    made = [
        operation(
            scope_id=FIRST_SCOPE if n % 6 else OTHER,
            device_id=1 + n % 3,
            task_id=40 if n % 4 == 0 else None,
            status=list(Status)[n % 4 if n % 5 else 0],
            label=Label(resource=("photos", "users")[n % 2]),
            retried=n % 7 == 0,
            modified_at=START + 100 - n,
        )
        for n in range(36)
    ]
    for each in made:
        await keep(store, each)
    return [each for each in made if each.scope_id == FIRST_SCOPE]


FILTERS = {
    "device_id": 2,
    "task_id": 40,
    "status": Status.RUNNING,
    "resource": "photos",
    "current": True,
}


def fits(one: Operation, wanted: OperationFilter) -> bool:
    """Tell whether an operation is wanted, word for word."""
    return (
        wanted.device_id in (None, one.device_id)
        and wanted.task_id in (None, one.task_id)
        and wanted.status in (None, one.status)
        and wanted.resource in (None, one.label.resource)
        and not (wanted.current and one.retried)
    )


@pytest.mark.parametrize(
    "names", [n for size in range(6) for n in combinations(FILTERS, size)]
)
async def test_filters(
    store: Store, many: list[Operation], names: tuple[str, ...]
) -> None:
    """Filters say what they say, alone and together, page by page, within a scope."""
    wanted = OperationFilter(**{name: FILTERS[name] for name in names})  # type: ignore[arg-type]
    expected = [each.id for each in reversed(many) if fits(each, wanted)]

    pages, before = [], None
    while page := await ids_of(store, wanted, before=before, limit=3):
        pages += page
        before = page[-1]

    operations = store.operations
    whole = Page(limit=1000, sort=Sort.ID)
    by_place = await operations.operations_page(FIRST_SCOPE, wanted, whole)
    assert expected == await ids_of(store, wanted)
    assert expected == pages
    assert expected[::-1] == [each.id for each in by_place]
    assert len(expected) == await operations.count_operations(FIRST_SCOPE, wanted)


async def test_another_scope(store: Store, many: list[Operation]) -> None:
    """Every scope has its own, whatever is asked for."""
    own = {each.id for each in many}
    theirs = await ids_of(store, OperationFilter(), scope=OTHER)

    assert 6 == len(theirs)
    assert not own & set(theirs)
    assert await store.operations.find_operation(FIRST_SCOPE, theirs[0]) is None
    assert [] == await ids_of(store, OperationFilter(), scope=9)


COLUMNS = {
    Sort.ID: "id",
    Sort.CREATED: "id",
    Sort.STATUS: "status",
    Sort.MODIFIED: "modified_at",
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", COLUMNS)
async def test_pages(
    store: Store, many: list[Operation], sort: Sort, descending: bool
) -> None:
    """Pages by place put together are everything, in order, each once."""
    ordered = sorted(many, key=lambda o: (getattr(o, COLUMNS[sort]), o.id))
    expected = [each.id for each in ordered]

    pages: list[int] = []
    for offset in range(0, 40, 7):
        page = Page(offset=offset, limit=7, sort=sort, descending=descending)
        found = await store.operations.operations_page(
            FIRST_SCOPE, OperationFilter(), page
        )
        pages += [each.id for each in found]

    assert (expected[::-1] if descending else expected) == pages
