"""Subscriptions: made, changed, switched, and sent to again."""

from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Conflict, Invalid, NotFound, Unavailable
from pushserver.model.event import EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import (
    DeliveryState,
    Format,
    Health,
    Ping,
    Subscription,
    Wanted,
)
from pushserver.services.subscriptions import Subscriptions
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.model.values import DEVICE
from tests.services.desk import Desk
from tests.storage.outbox import delivery, happen

#: An address outside, so that nothing is resolved.
URL = "https://8.8.8.8/hook"
STATUS = frozenset({EventType.COMMAND_STATUS})
OTHER = 2


@pytest.fixture(name="subscriptions")
def _subscriptions(services: Services) -> Subscriptions:
    """Return the subscriptions, of which there are none yet."""
    return services.subscriptions


class Rung:
    """Counts how often it is rung."""

    def __init__(self) -> None:
        self.times = 0

    def ring(self) -> None:
        """Count."""
        self.times += 1

    async def ping(self) -> Ping:
        """Say that nobody pings in these tests."""
        raise NotImplementedError


async def made(
    subscriptions: Subscriptions,
    *,
    scope: int = FIRST_SCOPE,
    url: str = URL,
    events: frozenset[EventType] = STATUS,
    format_: Format = Format.NATIVE,
    **settings: Any,
) -> Subscription:
    """Return a subscription that was just made."""
    return await subscriptions.make(
        scope,
        url=url,
        events=events,
        format_=format_,
        settings={"app_id": "1", **settings},
    )


async def stored(services: Services) -> list[Subscription]:
    """Return the subscriptions as the store has them."""
    return list(await services.store.subscriptions.all_subscriptions())


async def test_make(services: Services, subscriptions: Subscriptions) -> None:
    """A new subscription is kept, has a secret, and hears what happens from then on."""
    await happen(services.store)
    services.store.interest.clear()
    newest = await services.store.subscriptions.newest_event()
    one = await made(subscriptions)

    (kept,) = await stored(services)
    assert (one.id, one.secret, newest) == (kept.id, kept.secret, kept.cursor)
    assert one.secret.startswith("whsec_")
    assert {FIRST_SCOPE: STATUS} == services.store.interest
    assert subscriptions.changed.is_set()


@pytest.mark.parametrize(
    ("format_", "ordered"), [(Format.NATIVE, False), (Format.IOTDA, True)]
)
async def test_ordered_by_itself(
    subscriptions: Subscriptions, format_: Format, *, ordered: bool
) -> None:
    """Applications that were written for another platform are told in order."""
    one = await made(subscriptions, format_=format_)

    assert ordered is one.ordered


async def test_twin(subscriptions: Subscriptions) -> None:
    """The same URL, events and format twice in a scope is a conflict."""
    one = await made(subscriptions)
    await made(subscriptions, format_=Format.IOTDA)
    await made(subscriptions, events=frozenset(EventType))
    await made(subscriptions, url=URL + "2")
    await made(subscriptions, scope=OTHER)

    with pytest.raises(Conflict, match=str(one.id)):
        await made(subscriptions)


async def test_no_body(subscriptions: Subscriptions) -> None:
    """A format without a body for an event is refused, and the event named."""
    with pytest.raises(Invalid, match=r"iotda.*device\.online"):
        await made(
            subscriptions,
            format_=Format.IOTDA,
            events=STATUS | {EventType.DEVICE_ONLINE},
        )


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "http://8.8.8.8/", "nonsense"])
async def test_refused_url(
    services: Services, subscriptions: Subscriptions, url: str
) -> None:
    """A URL that the guard refuses is no subscription, whether new or changed."""
    with pytest.raises(Invalid):
        await made(subscriptions, url=url)
    one = await made(subscriptions)
    with pytest.raises(Invalid):
        await subscriptions.patch(FIRST_SCOPE, one.id, {"url": url})

    assert [URL] == [each.url for each in await stored(services)]


async def test_patch(services: Services, subscriptions: Subscriptions) -> None:
    """What is changed is at work and kept at once."""
    one = await made(subscriptions)
    every = frozenset(EventType)
    changed = await subscriptions.patch(
        FIRST_SCOPE, one.id, {"events": every, "ordered": True}
    )

    (kept,) = await stored(services)
    assert changed is one
    assert (every, True) == (kept.events, kept.ordered)
    assert {FIRST_SCOPE: every} == services.store.interest


async def test_patch_into_a_twin(subscriptions: Subscriptions) -> None:
    """A change that makes two alike is a conflict, and changes nothing."""
    await made(subscriptions)
    other = await made(subscriptions, url=URL + "2")
    with pytest.raises(Conflict):
        await subscriptions.patch(FIRST_SCOPE, other.id, {"url": URL})

    assert URL + "2" == other.url


async def test_store_away(
    services: Services, subscriptions: Subscriptions, desk: Desk
) -> None:
    """What could not be kept is not so, in memory neither."""
    one = await made(subscriptions)
    secret = one.secret
    async with desk.store_away():
        with pytest.raises(Unavailable):
            await made(subscriptions, url=URL + "2")
        with pytest.raises(Unavailable):
            await subscriptions.patch(FIRST_SCOPE, one.id, {"description": "new"})
        with pytest.raises(Unavailable):
            await subscriptions.rotate(FIRST_SCOPE, one.id)
        with pytest.raises(Unavailable):
            await subscriptions.delete(FIRST_SCOPE, one.id)

    assert [one] == subscriptions.of(FIRST_SCOPE)
    assert (None, secret, None) == (one.description, one.secret, one.old_secret)
    assert {FIRST_SCOPE: STATUS} == services.store.interest


async def test_delete(services: Services, subscriptions: Subscriptions) -> None:
    """What is deleted is gone, and nobody wants to hear of anything."""
    one = await made(subscriptions)
    await subscriptions.delete(FIRST_SCOPE, one.id)

    assert ([], []) == (subscriptions.of(FIRST_SCOPE), await stored(services))
    assert {} == services.store.interest
    with pytest.raises(NotFound):
        subscriptions.get(FIRST_SCOPE, one.id)


async def test_other_scope(subscriptions: Subscriptions) -> None:
    """Another scope's subscription is not there."""
    one = await made(subscriptions)

    assert [] == subscriptions.of(OTHER)
    for ask in (subscriptions.rotate, subscriptions.delete, subscriptions.ping):
        with pytest.raises(NotFound):
            await ask(OTHER, one.id)


async def test_rotate(subscriptions: Subscriptions, clock: ManualClock) -> None:
    """A new secret signs at once, the old one beside it for a day."""
    one = await made(subscriptions)
    old = one.secret
    await subscriptions.rotate(FIRST_SCOPE, one.id)
    during = one.secrets(clock.now() + 86_400 * SECOND - 1)
    after = one.secrets(clock.now() + 86_400 * SECOND)

    assert [one.secret, old] == during
    assert [one.secret] == after
    assert old != one.secret


async def test_switch(services: Services, subscriptions: Subscriptions) -> None:
    """Disabled, a subscription wants nothing; enabled, it has never failed."""
    one = await made(subscriptions)
    await subscriptions.patch(FIRST_SCOPE, one.id, {"failures": 5, "failing_since": 1})
    await subscriptions.switch(FIRST_SCOPE, one.id, on=False)
    off = (one.health, dict(services.store.interest))
    await subscriptions.switch(FIRST_SCOPE, one.id, on=True)

    assert (Health.DISABLED, {}) == off
    assert (Health.ACTIVE, 0, None) == (one.health, one.failures, one.failing_since)
    assert {FIRST_SCOPE: STATUS} == services.store.interest


async def test_rung(services: Services, subscriptions: Subscriptions) -> None:
    """Whoever delivers is rung for what is wanted of it, and for changes."""
    online = frozenset({EventType.DEVICE_ONLINE})
    mine = await made(subscriptions, events=online)
    theirs = await made(subscriptions, scope=OTHER, events=online)
    bored = await made(subscriptions)
    rung = {each.id: Rung() for each in (mine, theirs, bored)}
    subscriptions.couriers.update(rung)
    await happen(services.store)
    happened = [each.times for each in rung.values()]
    await subscriptions.patch(OTHER, theirs.id, {"description": "x"})

    assert [1, 0, 0] == happened
    assert [1, 1, 0] == [each.times for each in rung.values()]


async def test_ping_without_courier(subscriptions: Subscriptions) -> None:
    """While nobody delivers a ping is refused, not lost."""
    one = await made(subscriptions)
    with pytest.raises(Unavailable):
        await subscriptions.ping(FIRST_SCOPE, one.id)


async def test_redeliver(
    services: Services, subscriptions: Subscriptions, clock: ManualClock
) -> None:
    """An event is sent again as soon as can be, whatever became of it."""
    one = await made(subscriptions)
    subscriptions.couriers[one.id] = bell = Rung()
    events = await happen(services.store, 2)
    states = (DeliveryState.DELIVERED, DeliveryState.DEAD)
    told = [
        delivery(event.id, subscription_id=one.id, state=state, next_at=None)
        for event, state in zip(events, states, strict=True)
    ]
    await services.store.subscriptions.record(one, told)
    rung = bell.times
    for each in told:
        await subscriptions.redeliver(FIRST_SCOPE, one.id, each.event_id)

    due = await services.store.subscriptions.due(
        one.id, now=clock.now(), ordered=False, limit=9
    )
    assert [each.message_id for each in told] == [each.message_id for each in due]
    assert rung + 2 == bell.times


async def test_redeliver_nothing(
    services: Services, subscriptions: Subscriptions
) -> None:
    """What was never told, or whose event is gone, cannot be sent again."""
    one = await made(subscriptions)
    (event,) = await happen(services.store)
    await services.store.subscriptions.record(
        one, [delivery(5, subscription_id=one.id, state=DeliveryState.DEAD)]
    )

    for event_id in (event.id, 5):
        with pytest.raises(NotFound):
            await subscriptions.redeliver(FIRST_SCOPE, one.id, event_id)


async def test_recover(
    services: Services, subscriptions: Subscriptions, clock: ManualClock
) -> None:
    """What was given up since an instant is sent again, all of it."""
    one = await made(subscriptions)
    subscriptions.couriers[one.id] = bell = Rung()
    events = await happen(services.store, 3)
    dead = [
        delivery(event.id, subscription_id=one.id, state=DeliveryState.DEAD)
        for event in events
    ]
    await services.store.subscriptions.record(one, dead)
    rung = bell.times
    done = [
        await subscriptions.recover(FIRST_SCOPE, one.id, since)
        for since in (clock.now() + SECOND, clock.now())
    ]

    assert [0, 3] == done
    assert rung < bell.times


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"events": frozenset({EventType.TASK_FINISHED})}, False),
        ({"device_ids": frozenset({DEVICE})}, True),
        ({"device_ids": frozenset({77})}, False),
        ({"tags": {"site": "north"}}, True),
        ({"tags": {"site": "south"}}, False),
        ({"tags": {"site": "north", "floor": "2"}}, False),
        ({"device_ids": frozenset({DEVICE}), "tags": {"site": "south"}}, False),
        ({"device_ids": frozenset({77}), "tags": {"site": "north"}}, False),
    ],
)
async def test_matches(
    services: Services,
    subscriptions: Subscriptions,
    wanted: dict[str, Any],
    *,
    expected: bool,
) -> None:
    """An event is told to who wants its type, its device, and its device's tags."""
    await services.fleet.put(FIRST_SCOPE, DEVICE, {"tags": {"site": "north"}})
    (event,) = await happen(services.store)
    filters = Wanted(**{"events": frozenset(EventType), **wanted})

    assert expected is subscriptions.matches(filters, event)


async def test_of_no_device(services: Services, subscriptions: Subscriptions) -> None:
    """What is of no one device is not told to who wants certain devices."""
    (event,) = await happen(services.store, device=77)
    tagged = Wanted(events=frozenset(EventType), tags={"site": "north"})

    assert not subscriptions.matches(tagged, event)


async def test_restart(services: Services, subscriptions: Subscriptions) -> None:
    """After a restart the subscriptions are there, and what they want."""
    one = await made(subscriptions)
    again = Subscriptions(
        store=services.store,
        clock=services.clock,
        ids=subscriptions.ids,
        directory=services.fleet,
        guard=subscriptions.guard,
        interests=services.interests,
    )
    services.store.interest.clear()
    await again.load()

    assert [one.id] == [each.id for each in again]
    assert {FIRST_SCOPE: STATUS} == services.store.interest
