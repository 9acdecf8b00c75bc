"""The stored interest of streams."""

from pushserver.model.event import EventType
from pushserver.storage.base import Store
from pushserver.storage.subscriptions import StreamInterest
from tests.clock import ManualClock
from tests.storage.locations import StoreLocation, open_store

STATUS, ORPHANED = EventType.COMMAND_STATUS, EventType.RESULT_ORPHANED


async def test_kept(location: StoreLocation, clock: ManualClock) -> None:
    """Wishes survive a restart."""
    interests = [
        StreamInterest(1, STATUS, recorded_since=3, expires_at=9),
        StreamInterest(2, ORPHANED, recorded_since=4, expires_at=8),
    ]
    async with open_store(location, clock) as store:
        await store.stream_interests.save_interests(interests)
    async with open_store(location, clock) as store:
        assert interests == await store.stream_interests.all_interests()


async def test_lasts_longer(store: Store) -> None:
    """
    An interest that is saved again lasts longer, never shorter, and keeps its start.
    """
    for since, until in ((3, 9), (5, 12), (4, 7)):
        await store.stream_interests.save_interests(
            [StreamInterest(1, STATUS, since, until)]
        )

    assert [
        StreamInterest(1, STATUS, 3, 12)
    ] == await store.stream_interests.all_interests()


async def test_begins_anew(store: Store) -> None:
    """An interest that had lapsed starts again: nothing was written in between."""
    await store.stream_interests.save_interests(
        [StreamInterest(1, STATUS, recorded_since=3, expires_at=9)]
    )
    await store.stream_interests.save_interests(
        [StreamInterest(1, STATUS, recorded_since=10, expires_at=20)]
    )

    assert [
        StreamInterest(1, STATUS, 10, 20)
    ] == await store.stream_interests.all_interests()


async def test_dropped(store: Store) -> None:
    """What has lapsed is forgotten, and nothing else."""
    lasting = StreamInterest(1, ORPHANED, recorded_since=3, expires_at=10)
    await store.stream_interests.save_interests(
        [StreamInterest(1, STATUS, recorded_since=3, expires_at=9), lasting]
    )
    await store.stream_interests.delete_expired(now=9)

    assert [lasting] == await store.stream_interests.all_interests()
