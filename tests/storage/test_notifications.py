"""Notifications: in the order they were made, by place, and deleted."""

from typing import Any

import pytest

from pushserver.model.operation import Notification, Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.storage.base import Store
from pushserver.storage.tracking import Page, Sort
from tests.clock import START
from tests.model.work import notification, operation
from tests.storage.tracked import keep, told_of

OTHER = 8


@pytest.fixture(name="of")
async def _of(store: Store) -> Operation:
    """Return an operation, with another one beside it of which something was told."""
    of, other = operation(), operation(scope_id=OTHER)
    await keep(store, of)
    await keep(store, other, told=[notification(other) for _ in range(3)])
    return of


@pytest.fixture(name="told")
async def _told(store: Store, of: Operation) -> list[Notification]:
    """Return what was told of it: not in the order of what is said to be its time."""
    told = [
        notification(
            of,
            sent_at=START + (n * 7) % 20 // 2,
            status=list(Status)[n % 4],
            progress=(n * 13) % 100,
            resource=("photo", "user", None)[n % 3],
            message=f"m{n % 5}",
        )
        for n in range(20)
    ]
    await keep(store, of, told=told)
    return told


async def test_in_order(store: Store, of: Operation, told: list[Notification]) -> None:
    """They are listed in the order they were made, after a cursor, in their scope."""
    read = store.operations.notifications
    found = await read(FIRST_SCOPE, of.id, after=0, limit=1000)
    rest = await read(FIRST_SCOPE, of.id, after=told[4].id, limit=3)

    assert told == found
    assert told[5:8] == rest
    assert [] == await read(OTHER, of.id, after=0, limit=9)


def place_of(one: Notification, sort: Sort) -> tuple[Any, ...]:
    """Return what a notification is sorted by, then when; nothing comes first."""
    if sort in (Sort.CREATED, Sort.ID):
        return (one.id,)
    value = getattr(one, sort.value)
    return "" if value is None else value, one.sent_at, one.id


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("resource", [None, "photo", "nothing"])
@pytest.mark.parametrize(
    "sort",
    [
        Sort.ID,
        Sort.CREATED,
        Sort.SENT,
        Sort.STATUS,
        Sort.RESOURCE,
        Sort.PROGRESS,
        Sort.MESSAGE,
    ],
)
async def test_pages(
    store: Store,
    of: Operation,
    told: list[Notification],
    sort: Sort,
    resource: str | None,
    descending: bool,
) -> None:
    """Pages by place put together are everything, in order, each once."""
    wanted = [n for n in told if resource in (None, n.resource)]
    ordered = sorted(wanted, key=lambda n: place_of(n, sort))

    pages: list[Notification] = []
    for offset in range(0, 25, 6):
        page = Page(offset=offset, limit=6, sort=sort, descending=descending)
        pages += await store.operations.notifications_page(
            FIRST_SCOPE, of.id, resource, page
        )

    assert (ordered[::-1] if descending else ordered) == pages
    assert len(wanted) == await store.operations.count_notifications(
        FIRST_SCOPE, of.id, resource
    )


async def test_strangers(store: Store, of: Operation, told: list[Notification]) -> None:
    """Another scope finds none of them, counts none, and deletes none."""
    operations = store.operations

    assert [] == await operations.notifications_page(OTHER, of.id, None, Page())
    assert 0 == await operations.count_notifications(OTHER, of.id, None)
    ids = [each.id for each in told]
    for wanted in (None, ids):
        assert 0 == await operations.remove_notifications(
            OTHER, of.id, wanted, limit=99
        )
    assert len(told) == len(await told_of(store, of))


async def test_removed(store: Store, of: Operation, told: list[Notification]) -> None:
    """Those that are named are deleted, and no more than were asked for."""
    remove = store.operations.remove_notifications

    assert 1 == await remove(FIRST_SCOPE, of.id, [told[3].id], limit=1)
    assert 0 == await remove(FIRST_SCOPE, of.id, [told[3].id], limit=1)
    assert 0 == await remove(FIRST_SCOPE, of.id, [], limit=9)
    assert 0 == await remove(FIRST_SCOPE, of.id + 1, [told[4].id], limit=9)
    left = await store.operations.notifications(FIRST_SCOPE, of.id, after=0, limit=1000)

    assert told[:3] + told[4:] == left


async def test_all_removed(
    store: Store, of: Operation, told: list[Notification]
) -> None:
    """All are deleted piece by piece; another operation's stay."""
    remove = store.operations.remove_notifications

    pieces = [await remove(FIRST_SCOPE, of.id, None, limit=8) for _ in range(4)]

    assert [8, 8, len(told) - 16, 0] == pieces
    assert [] == await told_of(store, of)
