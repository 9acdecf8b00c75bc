"""Notifications: in the order they were made, by place, and deleted."""

from typing import Any

import pytest

from pushserver.model.operation import Notification, Operation, OperationStatus
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.storage.base import Store
from pushserver.storage.operations import PageRequest, SortField
from tests.clock import START
from tests.model.operation_scenario import notification, operation
from tests.storage.operations import notification_messages, save_operations

OTHER = 8


@pytest.fixture(name="parent")
async def _parent(store: Store) -> Operation:
    """Return an operation, beside another one that has a notification."""
    of, other = operation(), operation(scope_id=OTHER)
    await save_operations(store, of)
    await save_operations(
        store, other, notifications=[notification(other) for _ in range(3)]
    )
    return of


@pytest.fixture(name="notifications")
async def _notifications(store: Store, parent: Operation) -> list[Notification]:
    """Return its notifications, not in the order of their `sent_at`."""
    notifications = [
        notification(
            parent,
            sent_at=START + (n * 7) % 20 // 2,
            status=list(OperationStatus)[n % 4],
            progress=(n * 13) % 100,
            resource=("photo", "user", None)[n % 3],
            message=f"m{n % 5}",
        )
        for n in range(20)
    ]
    await save_operations(store, parent, notifications=notifications)
    return notifications


async def test_in_order(
    store: Store, parent: Operation, notifications: list[Notification]
) -> None:
    """They are listed in the order they were made, after a cursor, in their scope."""
    read = store.notifications.notifications
    found = await read(DEFAULT_SCOPE_ID, parent.id, after=0, limit=1000)
    rest = await read(DEFAULT_SCOPE_ID, parent.id, after=notifications[4].id, limit=3)

    assert notifications == found
    assert notifications[5:8] == rest
    assert [] == await read(OTHER, parent.id, after=0, limit=9)


def sort_key(one: Notification, sort: SortField) -> tuple[Any, ...]:
    """Return what a notification is sorted by, then when; nothing comes first."""
    if sort in (SortField.CREATED, SortField.ID):
        return (one.id,)
    value = getattr(one, sort.value)
    return "" if value is None else value, one.sent_at, one.id


@pytest.mark.parametrize("resource", [None, "photo", "nothing"])
@pytest.mark.parametrize(
    "sort",
    [
        SortField.ID,
        SortField.CREATED,
        SortField.SENT,
        SortField.STATUS,
        SortField.RESOURCE,
        SortField.PROGRESS,
        SortField.MESSAGE,
    ],
)
async def test_pages(
    store: Store,
    parent: Operation,
    notifications: list[Notification],
    sort: SortField,
    resource: str | None,
) -> None:
    """Pages by place put together are everything, in order, each once."""
    expected = [n for n in notifications if resource in (None, n.resource)]
    ordered = sorted(expected, key=lambda n: sort_key(n, sort))

    for descending in (False, True):
        pages: list[Notification] = []
        for offset in range(0, 25, 6):
            page = PageRequest(offset=offset, limit=6, sort=sort, descending=descending)
            pages += await store.notifications.notifications_page(
                DEFAULT_SCOPE_ID, parent.id, resource, page
            )

        assert (ordered[::-1] if descending else ordered) == pages
    assert len(expected) == await store.notifications.count_notifications(
        DEFAULT_SCOPE_ID, parent.id, resource
    )


async def test_strangers(
    store: Store, parent: Operation, notifications: list[Notification]
) -> None:
    """Another scope finds none of them, counts none, and deletes none."""
    stored = store.notifications

    assert [] == await stored.notifications_page(OTHER, parent.id, None, PageRequest())
    assert 0 == await stored.count_notifications(OTHER, parent.id, None)
    ids = [each.id for each in notifications]
    for ids_filter in (None, ids):
        assert 0 == await stored.delete_notifications(
            OTHER, parent.id, ids_filter, limit=99
        )
    assert len(notifications) == len(await notification_messages(store, parent))


async def test_removed(
    store: Store, parent: Operation, notifications: list[Notification]
) -> None:
    """Those that are named are deleted, and no more than were asked for."""
    remove = store.notifications.delete_notifications

    assert 1 == await remove(
        DEFAULT_SCOPE_ID, parent.id, [notifications[3].id], limit=1
    )
    assert 0 == await remove(
        DEFAULT_SCOPE_ID, parent.id, [notifications[3].id], limit=1
    )
    assert 0 == await remove(DEFAULT_SCOPE_ID, parent.id, [], limit=9)
    assert 0 == await remove(
        DEFAULT_SCOPE_ID, parent.id + 1, [notifications[4].id], limit=9
    )
    left = await store.notifications.notifications(
        DEFAULT_SCOPE_ID, parent.id, after=0, limit=1000
    )

    assert notifications[:3] + notifications[4:] == left


async def test_all_removed(
    store: Store, parent: Operation, notifications: list[Notification]
) -> None:
    """All are deleted batch by batch; another operation's stay."""
    remove = store.notifications.delete_notifications

    pieces = [
        await remove(DEFAULT_SCOPE_ID, parent.id, None, limit=8) for _ in range(4)
    ]

    assert [8, 8, len(notifications) - 16, 0] == pieces
    assert [] == await notification_messages(store, parent)
