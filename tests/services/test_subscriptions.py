"""Subscriptions: made, changed, switched, and sent to again."""

from typing import Any

import pytest

from pushserver.clock import SECOND
from pushserver.errors import Conflict, Invalid, NotFound, Unavailable
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import (
    PingResult,
    Subscription,
    SubscriptionFilter,
    SubscriptionHealth,
    WebhookFormat,
    WebhookState,
)
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.services.subscriptions import Subscriptions
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.driver import ServiceDriver
from tests.storage.subscriptions import emit_events, webhook_delivery

pytestmark = pytest.mark.scopes(2)

#: An address outside, so that nothing is resolved.
URL = "https://8.8.8.8/hook"
STATUS = frozenset({EventType.COMMAND_STATUS})
ONLINE = frozenset({EventType.DEVICE_ONLINE})
OTHER = 2


@pytest.fixture(name="subscriptions")
def _subscriptions(services: Services) -> Subscriptions:
    """Return the subscriptions, of which there are none yet."""
    return services.subscriptions


class PingCounter:
    """Counts how often it is rung."""

    def __init__(self) -> None:
        self.times = 0

    def notify(self) -> None:
        """Count."""
        self.times += 1

    def notify_events(self) -> None:
        """Count."""
        self.times += 1

    async def ping(self) -> PingResult:
        """Say that nobody pings in these tests."""
        raise NotImplementedError


async def create_subscription(
    subscriptions: Subscriptions,
    *,
    scope: int = DEFAULT_SCOPE_ID,
    url: str = URL,
    events: frozenset[EventType] = STATUS,
    format_: WebhookFormat = WebhookFormat.NATIVE,
    **settings: Any,
) -> Subscription:
    """Return a subscription that was just made."""
    return await subscriptions.create(
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
    """A new subscription is stored, has a secret, and gets the events from then on."""
    await emit_events(services.store)
    services.store.event_interest.clear()
    newest = await services.store.subscriptions.newest_event_id()
    one = await create_subscription(subscriptions)

    (subscription,) = await stored(services)
    assert (one.id, one.secret, newest) == (
        subscription.id,
        subscription.secret,
        subscription.cursor,
    )
    assert one.secret.startswith("whsec_")
    assert {DEFAULT_SCOPE_ID: STATUS} == services.store.event_interest
    assert subscriptions.registry.wakeup.is_set()


@pytest.mark.parametrize(
    ("format_", "ordered"), [(WebhookFormat.NATIVE, False), (WebhookFormat.IOTDA, True)]
)
async def test_ordered_by_itself(
    subscriptions: Subscriptions, format_: WebhookFormat, *, ordered: bool
) -> None:
    """Formats of other platforms are ordered by default."""
    one = await create_subscription(subscriptions, format_=format_)

    assert ordered is one.ordered


async def test_twin(subscriptions: Subscriptions) -> None:
    """The same URL, events, format and filter twice in a scope is a conflict."""
    one = await create_subscription(subscriptions)
    await create_subscription(subscriptions, format_=WebhookFormat.IOTDA)
    await create_subscription(subscriptions, events=frozenset(EventType))
    await create_subscription(subscriptions, url=URL + "2")
    await create_subscription(subscriptions, scope=OTHER)

    with pytest.raises(Conflict, match=str(one.id)):
        await create_subscription(subscriptions)


async def test_no_body(subscriptions: Subscriptions) -> None:
    """A format without a body for an event is refused, and the event named."""
    with pytest.raises(Invalid, match=r"iotda.*device\.online"):
        await create_subscription(
            subscriptions,
            format_=WebhookFormat.IOTDA,
            events=STATUS | {EventType.DEVICE_ONLINE},
        )


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "http://8.8.8.8/", "nonsense"])
async def test_refused_url(
    services: Services, subscriptions: Subscriptions, url: str
) -> None:
    """A URL that the guard refuses is no subscription, whether new or changed."""
    with pytest.raises(Invalid):
        await create_subscription(subscriptions, url=url)
    one = await create_subscription(subscriptions)
    with pytest.raises(Invalid):
        await subscriptions.patch(DEFAULT_SCOPE_ID, one.id, {"url": url})

    assert [URL] == [each.url for each in await stored(services)]


async def test_patch(services: Services, subscriptions: Subscriptions) -> None:
    """A change is stored and takes effect at once."""
    one = await create_subscription(subscriptions)
    every = frozenset(EventType)
    changed = await subscriptions.patch(
        DEFAULT_SCOPE_ID, one.id, {"events": every, "ordered": True}
    )

    (subscription,) = await stored(services)
    assert changed is one
    assert (every, True) == (subscription.events, subscription.ordered)
    assert {DEFAULT_SCOPE_ID: every} == services.store.event_interest


async def test_patch_into_a_twin(subscriptions: Subscriptions) -> None:
    """A change that makes two alike is a conflict, and changes nothing."""
    await create_subscription(subscriptions)
    other = await create_subscription(subscriptions, url=URL + "2")
    with pytest.raises(Conflict):
        await subscriptions.patch(DEFAULT_SCOPE_ID, other.id, {"url": URL})

    assert URL + "2" == other.url


async def test_store_away(
    services: Services, subscriptions: Subscriptions, driver: ServiceDriver
) -> None:
    """What could not be stored has not changed in memory, either."""
    one = await create_subscription(subscriptions)
    secret = one.secret
    async with driver.failing_commits():
        with pytest.raises(Unavailable):
            await create_subscription(subscriptions, url=URL + "2")
        with pytest.raises(Unavailable):
            await subscriptions.patch(DEFAULT_SCOPE_ID, one.id, {"description": "new"})
        with pytest.raises(Unavailable):
            await subscriptions.rotate_secret(DEFAULT_SCOPE_ID, one.id)
        with pytest.raises(Unavailable):
            await subscriptions.delete(DEFAULT_SCOPE_ID, one.id)

    assert [one] == subscriptions.registry.in_scope(DEFAULT_SCOPE_ID)
    assert (None, secret, None) == (one.description, one.secret, one.old_secret)
    assert {DEFAULT_SCOPE_ID: STATUS} == services.store.event_interest


async def test_delete(services: Services, subscriptions: Subscriptions) -> None:
    """A deleted subscription is gone, and its interest with it."""
    one = await create_subscription(subscriptions)
    await subscriptions.delete(DEFAULT_SCOPE_ID, one.id)

    assert ([], []) == (
        subscriptions.registry.in_scope(DEFAULT_SCOPE_ID),
        await stored(services),
    )
    assert {} == services.store.event_interest
    with pytest.raises(NotFound):
        subscriptions.registry.get(DEFAULT_SCOPE_ID, one.id)


async def test_other_scope(services: Services, subscriptions: Subscriptions) -> None:
    """Another scope's subscription is not there."""
    one = await create_subscription(subscriptions)

    assert [] == subscriptions.registry.in_scope(OTHER)
    for ask in (
        subscriptions.rotate_secret,
        subscriptions.delete,
        services.webhook_deliveries.ping,
    ):
        with pytest.raises(NotFound):
            await ask(OTHER, one.id)


async def test_rotate(subscriptions: Subscriptions, clock: ManualClock) -> None:
    """A new secret signs at once, the old one beside it for a day."""
    one = await create_subscription(subscriptions)
    old = one.secret
    await subscriptions.rotate_secret(DEFAULT_SCOPE_ID, one.id)
    during = one.signing_secrets(clock.now() + 86_400 * SECOND - 1)
    after = one.signing_secrets(clock.now() + 86_400 * SECOND)

    assert [one.secret, old] == during
    assert [one.secret] == after
    assert old != one.secret


async def test_switch(services: Services, subscriptions: Subscriptions) -> None:
    """Disabled, a subscription wants nothing; enabled, it has never failed."""
    one = await create_subscription(subscriptions)
    await subscriptions.patch(
        DEFAULT_SCOPE_ID, one.id, {"failures": 5, "failing_since": 1}
    )
    await subscriptions.set_enabled(DEFAULT_SCOPE_ID, one.id, enabled=False)
    off = (one.health, dict(services.store.event_interest))
    await subscriptions.set_enabled(DEFAULT_SCOPE_ID, one.id, enabled=True)

    assert (SubscriptionHealth.DISABLED, {}) == off
    assert (SubscriptionHealth.ACTIVE, 0, None) == (
        one.health,
        one.failures,
        one.failing_since,
    )
    assert {DEFAULT_SCOPE_ID: STATUS} == services.store.event_interest


async def test_rung(services: Services, subscriptions: Subscriptions) -> None:
    """The worker is woken up by events that its subscription wants, and by changes."""
    mine = await create_subscription(subscriptions, events=ONLINE)
    theirs = await create_subscription(subscriptions, scope=OTHER, events=ONLINE)
    bored = await create_subscription(subscriptions)
    rung = {each.id: PingCounter() for each in (mine, theirs, bored)}
    subscriptions.registry.workers.update(rung)
    await emit_events(services.store)
    happened = [each.times for each in rung.values()]
    await subscriptions.patch(OTHER, theirs.id, {"description": "x"})

    assert [1, 0, 0] == happened
    assert [1, 1, 0] == [each.times for each in rung.values()]


async def test_ping_without_worker(
    services: Services, subscriptions: Subscriptions
) -> None:
    """While nobody delivers a ping is refused, not lost."""
    one = await create_subscription(subscriptions)
    with pytest.raises(Unavailable):
        await services.webhook_deliveries.ping(DEFAULT_SCOPE_ID, one.id)


async def test_redeliver(
    services: Services, subscriptions: Subscriptions, clock: ManualClock
) -> None:
    """An event is resent as soon as possible, whatever became of it."""
    one = await create_subscription(subscriptions, events=ONLINE)
    subscriptions.registry.workers[one.id] = worker = PingCounter()
    events = await emit_events(services.store, 2)
    states = (WebhookState.DELIVERED, WebhookState.DEAD)
    sent = [
        webhook_delivery(
            event.id, subscription_id=one.id, state=state, next_attempt_at=None
        )
        for event, state in zip(events, states, strict=True)
    ]
    await services.store.subscriptions.record_deliveries(one, sent)
    rung = worker.times
    for each in sent:
        await services.webhook_deliveries.redeliver(
            DEFAULT_SCOPE_ID, one.id, each.event_id
        )

    due = await services.store.subscriptions.due_deliveries(
        one.id, now=clock.now(), ordered=False, limit=9
    )
    assert [each.message_id for each in sent] == [each.message_id for each in due]
    assert rung + 2 == worker.times


async def test_redeliver_nothing(
    services: Services, subscriptions: Subscriptions
) -> None:
    """What was never sent, or whose event is gone, cannot be resent."""
    one = await create_subscription(subscriptions, events=ONLINE)
    (event,) = await emit_events(services.store)
    await services.store.subscriptions.record_deliveries(
        one, [webhook_delivery(5, subscription_id=one.id, state=WebhookState.DEAD)]
    )

    for event_id in (event.id, 5):
        with pytest.raises(NotFound):
            await services.webhook_deliveries.redeliver(
                DEFAULT_SCOPE_ID, one.id, event_id
            )


async def test_recover(
    services: Services, subscriptions: Subscriptions, clock: ManualClock
) -> None:
    """All dead letters since an instant are resent."""
    one = await create_subscription(subscriptions, events=ONLINE)
    subscriptions.registry.workers[one.id] = worker = PingCounter()
    events = await emit_events(services.store, 3)
    dead = [
        webhook_delivery(event.id, subscription_id=one.id, state=WebhookState.DEAD)
        for event in events
    ]
    await services.store.subscriptions.record_deliveries(one, dead)
    rung = worker.times
    done = [
        await services.webhook_deliveries.recover(DEFAULT_SCOPE_ID, one.id, since)
        for since in (clock.now() + SECOND, clock.now())
    ]

    assert [0, 3] == done
    assert rung < worker.times


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"event_types": frozenset({EventType.TASK_FINISHED})}, False),
        ({"device_ids": frozenset({DEVICE})}, True),
        ({"device_ids": frozenset({77})}, False),
        ({"tags": {"site": {"north"}}}, True),
        ({"tags": {"site": {"south"}}}, False),
        ({"tags": {"site": {"south", "north"}}}, True),
        ({"tags": {"site": {"north"}, "floor": {"2"}}}, False),
        ({"tags": {"site": {"north"}, "floor": {"1", "2"}}}, False),
        ({"device_ids": frozenset({DEVICE}), "tags": {"site": {"south"}}}, False),
        ({"device_ids": frozenset({77}), "tags": {"site": {"north"}}}, False),
    ],
)
async def test_matches(
    services: Services,
    subscriptions: Subscriptions,
    fields: dict[str, Any],
    *,
    expected: bool,
) -> None:
    """A subscription gets events by their type, device, and the device's tags."""
    await services.fleet.put(
        DEFAULT_SCOPE_ID, terminal(DEVICE), {"tags": {"site": "north"}}
    )
    (event,) = await emit_events(services.store)
    filters = SubscriptionFilter(**{"event_types": frozenset(EventType), **fields})

    assert expected is subscriptions.registry.matches(filters, event)


async def test_of_no_device(services: Services, subscriptions: Subscriptions) -> None:
    """An event of no device is not sent to subscriptions for certain devices."""
    (event,) = await emit_events(services.store, device=77)
    tagged = SubscriptionFilter(
        event_types=frozenset(EventType), tags={"site": {"north"}}
    )

    assert not subscriptions.registry.matches(tagged, event)


async def test_restart(services: Services, subscriptions: Subscriptions) -> None:
    """After a restart the subscriptions are there, and what they want."""
    one = await create_subscription(subscriptions)
    again = SubscriptionRegistry(
        services.store, services.devices, services.event_interest
    )
    services.store.event_interest.clear()
    await again.load()

    assert [one.id] == [each.id for each in again]
    assert {DEFAULT_SCOPE_ID: STATUS} == services.store.event_interest
