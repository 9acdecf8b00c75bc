"""Who listens to a store: what goes wrong with them stays with them."""

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past
from tests.model.values import DEVICE, command
from tests.storage.deeds import enqueue, waiting


def _stumble(*_news: object) -> None:
    raise RuntimeError("a listener that stumbles")


async def test_watcher_that_stumbles(store: Store) -> None:
    """A watcher that raises spoils neither this commit nor the next."""
    store.watch(_stumble)
    first, second = command(), command()

    await enqueue(store, first)
    await enqueue(store, second)

    assert [first.id, second.id] == await waiting(store)


async def test_then_that_stumbles(store: Store) -> None:
    """A `then` that raises keeps nobody from the value."""

    def decide(_lane: Lane, _changes: Changes, _past: Past) -> int:
        return 7

    assert 7 == await store.change(DEVICE, decide, then=_stumble)
    assert 7 == await store.change(DEVICE, decide)
