"""Pages of operations by offset."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.actor import Actor
from pushserver.model.operation import (
    Operation,
    OperationAction,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.storage.base import Store
from pushserver.storage.operations import OperationFilter, PageRequest, SortField
from tests.clock import START
from tests.model.factories import DEVICE
from tests.storage.notifications import SCOPE, operation, save_operations

KEYS: dict[SortField, Callable[[Operation], Any]] = {
    SortField.ID: lambda o: o.id,
    SortField.CREATED: lambda o: o.id,
    SortField.CREATED_BY: lambda o: (o.created_by.token_id, o.id),
    SortField.STATUS: lambda o: (o.status.value, o.id),
    SortField.RESOURCE: lambda o: (o.descriptor.resource, o.id),
    SortField.MODIFIED: lambda o: (o.modified_at, o.id),
    SortField.STARTED: lambda o: (o.started_at or o.created_at, o.id),
    SortField.ENDED: lambda o: (o.ended_at or 0, o.id),
    SortField.ACTION: lambda o: (o.descriptor.action.value, o.id),
    SortField.APP: lambda o: (o.descriptor.app_id, o.id),
    SortField.VERSION: lambda o: (o.version, o.id),
}


def random_operation(number: int, random: Random) -> Operation:
    """Return an operation that is unlike its neighbours."""
    label = OperationDescriptor(
        resource=random.choice(("download", "install")),
        action=random.choice(list(OperationAction)),
        app_id=random.choice(("DEPLOY", "pushserver")),
    )
    moment = START + random.randrange(20) * SECOND
    return operation(
        number,
        descriptor=label,
        created_by=Actor(random.choice((2, 3)), None),
        created_at=START + number * SECOND,
        modified_at=moment,
        started_at=random.choice((None, moment)),
        ended_at=random.choice((None, moment)),
        status=random.choice(list(OperationStatus)),
        version=random.randrange(5),
    )


@pytest.mark.parametrize("resource", [None, "install"])
@pytest.mark.parametrize("sort", KEYS)
async def test_pages(store: Store, sort: SortField, resource: str | None) -> None:
    """Pages in any order say together what the device has, each once."""
    random = Random(5)  # noqa: S311 - it must repeat
    had = [random_operation(number, random) for number in range(10, 40)]
    await save_operations(store, *had)
    await save_operations(store, operation(50, device_id=6), operation(51, scope_id=9))
    filters = OperationFilter(device_id=DEVICE, resource=resource)
    fitting = [one for one in had if resource in (None, one.descriptor.resource)]
    for descending in (False, True):
        expected = sorted(fitting, key=KEYS[sort], reverse=descending)

        found: list[Operation] = []
        for offset in range(0, 40, 7):
            page = PageRequest(offset=offset, limit=7, sort=sort, descending=descending)
            found += await store.operations.operations_page(SCOPE, filters, page)

        assert [one.id for one in expected] == [one.id for one in found]
    assert len(fitting) == await store.operations.count_operations(SCOPE, filters)
