"""What streams want to hear of, kept."""

from pushserver.model.event import EventType
from pushserver.storage.base import Store
from pushserver.storage.subscribing import Wish
from tests.clock import ManualClock
from tests.storage.places import Place, opened

STATUS, ODD = EventType.COMMAND_STATUS, EventType.RESULT_ORPHANED


async def test_kept(place: Place, clock: ManualClock) -> None:
    """Wishes survive a restart."""
    wishes = [Wish(1, STATUS, since=3, until=9), Wish(2, ODD, since=4, until=8)]
    async with opened(place, clock) as store:
        await store.interests.keep_wishes(wishes)
    async with opened(place, clock) as store:
        assert wishes == await store.interests.all_wishes()


async def test_lasts_longer(store: Store) -> None:
    """A wish that is kept again lasts longer, and began when it did; never shorter."""
    for since, until in ((3, 9), (5, 12), (4, 7)):
        await store.interests.keep_wishes([Wish(1, STATUS, since, until)])

    assert [Wish(1, STATUS, 3, 12)] == await store.interests.all_wishes()


async def test_begins_anew(store: Store) -> None:
    """A wish that had lapsed begins anew: nothing was written in between."""
    await store.interests.keep_wishes([Wish(1, STATUS, since=3, until=9)])
    await store.interests.keep_wishes([Wish(1, STATUS, since=10, until=20)])

    assert [Wish(1, STATUS, 10, 20)] == await store.interests.all_wishes()


async def test_dropped(store: Store) -> None:
    """What has lapsed is forgotten, and nothing else."""
    lasting = Wish(1, ODD, since=3, until=10)
    await store.interests.keep_wishes([Wish(1, STATUS, since=3, until=9), lasting])
    await store.interests.drop_wishes(now=9)

    assert [lasting] == await store.interests.all_wishes()
