"""Subscribers to a store's changes: the errors of one affect nobody else."""

from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.storage.base import Store
from pushserver.storage.change_feed import ChangeKind
from pushserver.storage.commands import PriorState
from tests.model.factories import DEVICE, command
from tests.storage.notice_recorder import record_notices
from tests.storage.queue_actions import enqueue_commands, waiting_ids


def _stumble(*_results: object) -> None:
    raise RuntimeError("a listener that stumbles")


async def test_subscriber_that_stumbles(store: Store) -> None:
    """A subscriber that raises spoils neither a commit nor what others are told."""
    store.feed.subscribe(ChangeKind.WAITING, _stumble)
    recorder = record_notices(store)
    first, second = command(), command()

    await enqueue_commands(store, first)
    await enqueue_commands(store, second)

    assert [first.id, second.id] == await waiting_ids(store)
    assert [{DEVICE}] * 2 == [notice.waiting for notice in recorder.notices]


async def test_then_that_stumbles(store: Store) -> None:
    """A `then` that raises keeps nobody from the value."""

    def decide(_lane: Lane, _changes: Changes, _prior: PriorState) -> int:
        return 7

    assert 7 == await store.change_lane(DEVICE, decide, on_done=_stumble)
    assert 7 == await store.change_lane(DEVICE, decide)
