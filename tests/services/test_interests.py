"""Who wants to hear of what, and for how long."""

from pushserver.model.event import EventType
from pushserver.model.subscription import Health
from pushserver.services.interests import LINGERS, Interests
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.services.desk import Desk
from tests.storage.outbox import happen, subscription

STATUS = frozenset({EventType.COMMAND_STATUS})
ODD = frozenset({EventType.RESULT_ORPHANED})


def test_subscriptions(services: Services) -> None:
    """What a scope's subscriptions want is wanted, all of it together."""
    services.interests.subscribe(
        [
            subscription(id=1, events=STATUS),
            subscription(id=2, events=ODD),
            subscription(id=3, events=ODD, scope_id=2),
            subscription(id=4, scope_id=3, health=Health.DISABLED),
            subscription(id=5, scope_id=4, events=ODD, health=Health.PAUSED),
        ]
    )

    assert {1: STATUS | ODD, 2: ODD, 4: ODD} == services.store.interest


def test_no_more(services: Services) -> None:
    """What nobody wants any more is not wanted."""
    services.interests.subscribe([subscription()])
    services.interests.subscribe([])

    assert {} == services.store.interest


async def test_stream(services: Services, clock: ManualClock) -> None:
    """A stream's interest lasts ten minutes after it left."""
    interests: Interests = services.interests
    with interests.stream(1, STATUS):
        clock.tick(3600)
        await interests.forget()
        there = dict(services.store.interest)
    clock.tick(600 - 1)
    gone = [await interests.forget()]
    lingering = dict(services.store.interest)
    clock.tick(1)
    gone.append(await interests.forget())

    assert 600_000_000 == LINGERS
    assert ({1: STATUS}, {1: STATUS}, {}) == (
        there,
        lingering,
        services.store.interest,
    )
    assert [0, 1] == gone


def test_stream_and_subscription(services: Services) -> None:
    """What a stream wants comes on top of what subscriptions want."""
    services.interests.subscribe([subscription(events=ODD)])
    with services.interests.stream(1, STATUS):
        assert {1: STATUS | ODD} == services.store.interest


async def test_bell(services: Services) -> None:
    """A stream is rung for what happens in its scope, and when the server stops."""
    interests = services.interests
    with interests.stream(1, STATUS) as mine, interests.stream(2, STATUS) as theirs:
        await happen(services.store)
        rung = (mine.is_set(), theirs.is_set())
        interests.ring()

        assert (True, False) == rung
        assert theirs.is_set()


async def test_costs_nothing(services: Services, desk: Desk) -> None:
    """Where nobody listens no event is written; where somebody does, all are."""
    await desk.enqueue("a")
    before = await services.store.subscriptions.newest_event()
    with services.interests.stream(1, STATUS):
        await desk.enqueue("b", "c")
    found = await services.store.subscriptions.events(1, after=0, limit=10)

    assert (0, 2) == (before, len(found))


async def test_coming_and_going(services: Services, clock: ManualClock) -> None:
    """However often streams come and go, there is no more to remember."""
    interests = services.interests
    for _ in range(1000):
        clock.tick(0.1)
        with interests.stream(1, STATUS), interests.stream(1, STATUS | ODD):
            pass
    clock.tick(599)
    early = await interests.forget()
    wanted = dict(services.store.interest)
    clock.tick(1)

    assert (0, {1: STATUS | ODD}) == (early, wanted)
    assert (2, {}) == (await interests.forget(), services.store.interest)


async def test_whole_after_restart(services: Services, clock: ManualClock) -> None:
    """A stream that comes back after a restart knows that it missed nothing."""
    store = services.store
    await services.interests.keep(1, STATUS)
    with services.interests.stream(1, STATUS):
        last = store.new_id()
        clock.tick(300)
        await services.interests.forget()
    clock.tick(599)
    again = Interests(store=store, clock=clock)
    await again.load()
    again.subscribe([])
    whole = (again.is_whole(1, STATUS, last), again.is_whole(1, ODD, last))
    clock.tick(1)
    late = Interests(store=store, clock=clock)
    await late.load()
    late.subscribe([])

    assert (True, False) == whole
    assert not late.is_whole(1, STATUS, last)


async def test_whole_from_then_on(services: Services, clock: ManualClock) -> None:
    """What was there before anybody wanted it was not written, a restart or not."""
    early = services.store.new_id()
    clock.tick(1)
    await services.interests.keep(1, STATUS)
    again = Interests(store=services.store, clock=clock)
    await again.load()
    again.subscribe([subscription(events=ODD)])

    assert not again.is_whole(1, STATUS, early)
    assert again.is_whole(1, STATUS, services.store.new_id())
    assert again.is_whole(1, ODD, early)
