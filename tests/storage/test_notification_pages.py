"""Notifications by place: every order, both ways, also where lists are long."""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.model.operation import Notification, OperationStatus
from pushserver.storage.base import Store
from pushserver.storage.operations import PageRequest, SortField
from pushserver.storage.sql import offset_marks
from tests.clock import START
from tests.storage.notifications import (
    SCOPE,
    notification,
    operation,
    save_notifications,
    save_operations,
)

RESOURCES = (None, "download", "install")
#: By what a page can be sorted, word for word; what is absent comes first.
KEYS: dict[SortField, Callable[[Notification], Any]] = {
    SortField.ID: lambda n: n.id,
    SortField.CREATED: lambda n: n.id,
    SortField.CREATED_BY: lambda n: (n.created_by, n.sent_at, n.id),
    SortField.SENT: lambda n: (n.sent_at, n.id),
    SortField.STATUS: lambda n: (n.status.value, n.sent_at, n.id),
    SortField.RESOURCE: lambda n: (n.resource or "", n.sent_at, n.id),
    SortField.PROGRESS: lambda n: (n.progress, n.sent_at, n.id),
    SortField.MESSAGE: lambda n: (n.message or "", n.sent_at, n.id),
}


def random_notification(number: int, random: Random, **fields: Any) -> Notification:
    """Return a notification that is unlike its neighbours."""
    usual: dict[str, Any] = {
        "created_at": START + number,
        "created_by": random.choice((2, 3)),
        "sent_at": START + random.randrange(20) * SECOND,
        "status": random.choice(list(OperationStatus)),
        "progress": random.randrange(101),
        "resource": random.choice(RESOURCES),
        "message": random.choice((None, "a", "b", "ä")),
    }
    return notification(number, **usual | fields)


async def ids_of(
    store: Store, page: PageRequest, resource: str | None = None, scope_id: int = SCOPE
) -> list[int]:
    """Return the ids of a page."""
    found = await store.notifications.notifications_page(scope_id, 1, resource, page)
    return [one.id for one in found]


@pytest.mark.parametrize("sort", KEYS)
async def test_pages(store: Store, sort: SortField) -> None:
    """Pages in any order say together what there is, each once."""
    random = Random(4)  # noqa: S311 - it must repeat
    notifications = [random_notification(100 + n, random) for n in range(60)]
    await save_operations(store, operation(1), operation(2))
    await save_notifications(
        store, [*notifications, random_notification(500, random, operation_id=2)]
    )
    for resource, descending in product(RESOURCES, (False, True)):
        matching = [one for one in notifications if resource in (None, one.resource)]
        expected = sorted(matching, key=KEYS[sort], reverse=descending)

        found = []
        for offset in range(0, 70, 7):
            page = PageRequest(offset=offset, limit=7, sort=sort, descending=descending)
            found += await ids_of(store, page, resource)

        assert [one.id for one in expected] == found, (resource, descending)


async def test_found_whole(store: Store) -> None:
    """A page shows what one notification shows."""
    random = Random(1)  # noqa: S311 - it must repeat
    one = random_notification(5, random, resource="download", message="half")
    await save_operations(store, operation(1))
    await save_notifications(store, [one])

    assert [one] == await store.notifications.notifications_page(
        SCOPE, 1, None, PageRequest()
    )
    assert one == await store.notifications.find_notification(SCOPE, 1, 5)


async def test_another_scope(store: Store) -> None:
    """Another scope finds nothing of it, and deletes nothing."""
    await save_operations(store, operation(1))
    await save_notifications(store, [notification(5)])

    assert [] == await ids_of(store, PageRequest(), scope_id=9)
    assert 0 == await store.notifications.count_notifications(9, 1, None)
    assert None is await store.notifications.find_notification(9, 1, 5)
    assert 0 == await store.notifications.delete_notifications(9, 1, [5], limit=1)
    assert [5] == await ids_of(store, PageRequest())


async def test_no_operation(store: Store) -> None:
    """Nothing is listed under an operation that is not there."""
    assert [] == await ids_of(store, PageRequest())
    assert [] == await ids_of(store, PageRequest(offset=5000))
    assert 0 == await store.notifications.count_notifications(SCOPE, 1, None)


class LongList:
    """A list of some thousands that changes, and what it should say."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.random = Random(seed)  # noqa: S311 - it must repeat
        self.by_id: dict[int, Notification] = {}
        self.number = 100

    async def grow(self, count: int, at: int) -> None:
        """Add notifications that were sent about *at* seconds after the start."""
        notifications: list[Notification] = []
        for _ in range(count):
            self.number += self.random.choice((1, 2))
            sent = START + at * SECOND + self.random.randrange(-3, 30)
            notifications.append(
                random_notification(self.number, self.random, sent_at=sent)
            )
        await save_notifications(self.store, notifications)
        self.by_id |= {one.id: one for one in notifications}

    async def shrink(self, count: int) -> None:
        """Delete some notifications, wherever they are."""
        gone = self.random.sample(sorted(self.by_id), count)
        done = await self.store.notifications.delete_notifications(
            SCOPE, 1, gone, limit=count
        )
        assert count == done
        for each in gone:
            del self.by_id[each]

    async def check(self) -> None:
        """Compare pages here and there, and the counts."""
        for resource in (None, "download"):
            expected = [
                o for o in self.by_id.values() if resource in (None, o.resource)
            ]
            count_all = self.store.notifications.count_notifications
            count = await count_all(SCOPE, 1, resource)
            assert len(expected) == count
            for sort in (
                SortField.SENT,
                SortField.ID,
                SortField.STATUS,
                SortField.PROGRESS,
            ):
                await self._pages(sort, resource, sorted(expected, key=KEYS[sort]))

    async def _pages(
        self, sort: SortField, resource: str | None, expected: Sequence[Notification]
    ) -> None:
        ids, last = [one.id for one in expected], max(0, len(expected) - 5)
        for offset in (0, 999, 1000, 1001, self.random.randrange(4000), last, 9999):
            page = PageRequest(offset=offset, limit=10, sort=sort)
            assert ids[offset : offset + 10] == await ids_of(self.store, page, resource)
            back = PageRequest(offset=offset, limit=10, sort=sort, descending=True)
            assert ids[::-1][offset : offset + 10] == await ids_of(
                self.store, back, resource
            )


@pytest.mark.parametrize("length", [1, 64])
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.proof) for n in (1, 2))]
)
async def test_long_lists(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int, length: int
) -> None:
    """A long list is true after each change, however much of it is remembered."""
    monkeypatch.setattr(offset_marks, "MAX_LISTS", length)
    await save_operations(store, operation(1))
    long = LongList(store, seed)
    for at in range(3):
        await long.grow(1100, at)
    await long.check()
    await long.grow(50, 10)  # at the end
    await long.check()
    await long.grow(3, 1)  # in the midst of it, late
    await long.check()
    await long.shrink(40)
    await long.check()
    await long.grow(1200, 11)
    await long.check()


async def test_all_removed(store: Store) -> None:
    """The offset marks of a list go when everything in it is deleted."""
    await save_operations(store, operation(1))
    long = LongList(store, 1)
    await long.grow(2500, 0)
    await long.check()
    remove = store.notifications.delete_notifications

    assert 1000 == await remove(SCOPE, 1, None, limit=1000)
    assert 1500 == await store.notifications.count_notifications(SCOPE, 1, None)
    assert 1500 == await remove(SCOPE, 1, None, limit=5000)
    assert [] == await ids_of(store, PageRequest(offset=1200))
    assert 0 == await store.notifications.count_notifications(SCOPE, 1, None)
