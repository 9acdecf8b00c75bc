"""Which events are wanted, by whom, and for how long."""

from pushserver.model.event import EventType
from pushserver.model.subscription import SubscriptionHealth
from pushserver.services.event_interest import STREAM_LINGER, EventInterest
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.driver import ServiceDriver
from tests.storage.subscriptions import emit_events, subscription

STATUS = frozenset({EventType.COMMAND_STATUS})
ORPHANS = frozenset({EventType.RESULT_ORPHANED})


def test_subscriptions(services: Services) -> None:
    """The interest of a scope is that of all its subscriptions together."""
    services.event_interest.set_subscriptions(
        [
            subscription(id=1, events=STATUS),
            subscription(id=2, events=ORPHANS),
            subscription(id=3, events=ORPHANS, scope_id=2),
            subscription(id=4, scope_id=3, health=SubscriptionHealth.DISABLED),
            subscription(
                id=5, scope_id=4, events=ORPHANS, health=SubscriptionHealth.PAUSED
            ),
        ]
    )

    assert {
        1: STATUS | ORPHANS,
        2: ORPHANS,
        4: ORPHANS,
    } == services.store.event_interest


def test_no_more(services: Services) -> None:
    """Event types that nobody wants any more are not recorded."""
    services.event_interest.set_subscriptions([subscription()])
    services.event_interest.set_subscriptions([])

    assert {} == services.store.event_interest


def test_one_scope(services: Services) -> None:
    """What one scope's subscriptions want now leaves that of the others."""
    interests: EventInterest = services.event_interest
    interests.set_subscriptions([subscription(), subscription(scope_id=2)])
    before = dict(services.store.event_interest)
    interests.set_scope_subscriptions(2, [subscription(scope_id=2, events=ORPHANS)])
    changed = dict(services.store.event_interest)
    interests.set_scope_subscriptions(2, [])

    assert {1, 2} == before.keys()
    assert {1: before[1], 2: ORPHANS} == changed
    assert {1: before[1]} == services.store.event_interest


async def test_stream(services: Services, clock: ManualClock) -> None:
    """A stream's interest lasts ten minutes after it left."""
    interests: EventInterest = services.event_interest
    with interests.open_stream(1, STATUS):
        clock.tick(3600)
        await interests.expire()
        there = dict(services.store.event_interest)
    clock.tick(600 - 1)
    gone = [await interests.expire()]
    lingering = dict(services.store.event_interest)
    clock.tick(1)
    gone.append(await interests.expire())

    assert 600_000_000 == STREAM_LINGER
    assert ({1: STATUS}, {1: STATUS}, {}) == (
        there,
        lingering,
        services.store.event_interest,
    )
    assert [0, 1] == gone


def test_stream_and_subscription(services: Services) -> None:
    """A stream's interest comes on top of that of subscriptions."""
    services.event_interest.set_subscriptions([subscription(events=ORPHANS)])
    with services.event_interest.open_stream(1, STATUS):
        assert {1: STATUS | ORPHANS} == services.store.event_interest


async def test_wakeup(services: Services) -> None:
    """A stream is rung for what happens in its scope, and when the server stops."""
    interests = services.event_interest
    with (
        interests.open_stream(1, STATUS) as mine,
        interests.open_stream(2, STATUS) as theirs,
    ):
        await emit_events(services.store)
        rung = (mine.is_set(), theirs.is_set())
        interests.wake_streams()

        assert (True, False) == rung
        assert theirs.is_set()


async def test_costs_nothing(services: Services, driver: ServiceDriver) -> None:
    """Without interest no event is written; with it, all are."""
    await driver.enqueue("a")
    before = await services.store.subscriptions.newest_event_id()
    with services.event_interest.open_stream(1, STATUS):
        await driver.enqueue("b", "c")
    found = await services.store.subscriptions.events(1, after=0, limit=10)

    assert (0, 2) == (before, len(found))


async def test_coming_and_going(services: Services, clock: ManualClock) -> None:
    """However often streams come and go, no more is remembered."""
    interests = services.event_interest
    for _ in range(1000):
        clock.tick(0.1)
        with (
            interests.open_stream(1, STATUS),
            interests.open_stream(1, STATUS | ORPHANS),
        ):
            pass
    clock.tick(599)
    early = await interests.expire()
    interest = dict(services.store.event_interest)
    clock.tick(1)

    assert (0, {1: STATUS | ORPHANS}) == (early, interest)
    assert (2, {}) == (await interests.expire(), services.store.event_interest)


async def test_whole_after_restart(services: Services, clock: ManualClock) -> None:
    """A stream that comes back after a restart knows that it missed nothing."""
    store = services.store
    await services.event_interest.extend(1, STATUS)
    with services.event_interest.open_stream(1, STATUS):
        last = store.new_id()
        clock.tick(300)
        await services.event_interest.expire()
    clock.tick(599)
    again = EventInterest(store=store, clock=clock)
    await again.load()
    again.set_subscriptions([])
    whole = (
        again.is_complete_after(1, STATUS, last),
        again.is_complete_after(1, ORPHANS, last),
    )
    clock.tick(1)
    late = EventInterest(store=store, clock=clock)
    await late.load()
    late.set_subscriptions([])

    assert (True, False) == whole
    assert not late.is_complete_after(1, STATUS, last)


async def test_whole_from_then_on(services: Services, clock: ManualClock) -> None:
    """
    Events from before somebody wanted them were not recorded, with a restart or
    without.
    """
    early = services.store.new_id()
    clock.tick(1)
    await services.event_interest.extend(1, STATUS)
    again = EventInterest(store=services.store, clock=clock)
    await again.load()
    again.set_subscriptions([subscription(events=ORPHANS)])

    assert not again.is_complete_after(1, STATUS, early)
    assert again.is_complete_after(1, STATUS, services.store.new_id())
    assert again.is_complete_after(1, ORPHANS, early)
