"""The courier of one subscription: takes events to it, tries again, and waits."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs
import structlog

from pushserver.clock import SECOND, Clock
from pushserver.dialects.native import ping_body
from pushserver.errors import Unavailable
from pushserver.model.event import Event
from pushserver.model.lane import NEVER
from pushserver.model.subscription import (
    Attempt,
    DeliveryState,
    Health,
    Ping,
    Subscription,
    WebhookDelivery,
)
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.telling import Telling
from pushserver.storage.subscribing import SubscriptionStore
from pushserver.workers.webhooks.pace import Pace
from pushserver.workers.webhooks.sender import Sender, Sent, Target

log = structlog.get_logger(__name__)

#: So many events are read at once, and so many are on their way at the same time.
BATCH = 64
AT_ONCE = 16
#: A wait differs by up to this share, so that not everything comes back at once.
JITTER = 0.1
#: After failing for so long a receiver is probed, however few deliveries there were.
LONG_ENOUGH = 3600 * SECOND
#: So many rows are written at once, so that a door command waits for no more.
PIECE = 500

Parcel = tuple[Event, WebhookDelivery]


@attrs.define(eq=False)
class Courier:
    """
    Takes a subscription's events to its URL, oldest first.

    What is not delivered at once is written down before the cursor moves on: so every
    event is told at least once, whenever the server dies.
    """

    subscription: Subscription
    subscriptions: Subscriptions
    store: SubscriptionStore
    telling: Telling
    sender: Sender
    clock: Clock
    pace: Pace
    bell: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _probed_at: int = attrs.field(default=0, init=False)
    _welcome_at: int = attrs.field(default=0, init=False)

    async def round(self) -> float:
        """Deliver what can be; return how long (seconds) there is nothing to do."""
        self.bell.clear()
        subscription = self.subscription
        if subscription.health is Health.DISABLED:
            return _LONG
        paused = subscription.health is Health.PAUSED
        if paused and (wait := self._until_probe()) > 0:
            return wait
        if not paused and (wait := self._until_welcome()) > 0:
            return wait
        parcels, cursor, behind = await self._collect(1 if paused else BATCH)
        if paused:
            self._probed_at = self.clock.now()
        if not parcels and not behind:
            if cursor == subscription.cursor:
                return await self._until_due()
            # Not written: whoever starts again looks at what nobody wanted once more.
            subscription.cursor = max(cursor, subscription.cursor)
            return 0
        done = await self._deliver(parcels)
        resumed = paused and subscription.health is Health.ACTIVE
        await self._record([*done, *behind], cursor, resumed=resumed)
        if resumed:
            await self._hurry()
        return 0

    async def _hurry(self) -> None:
        """Let everything that waits be tried soon: the receiver is back."""
        one, now = self.subscription, self.clock.now()
        while await self.store.hurry(one.id, now=now, limit=PIECE):
            pass
        await self.store.record(one, [])

    async def _record(
        self, deliveries: Sequence[WebhookDelivery], cursor: int, *, resumed: bool
    ) -> None:
        """Write what came of it; only then is the cursor where it is written to be."""
        subscription = self.subscription
        moved = attrs.evolve(subscription, cursor=max(cursor, subscription.cursor))
        if resumed:
            # Until what waits was hurried, too: a crash before that goes on probing.
            moved.health = Health.PAUSED
        await self.store.record(moved, deliveries)
        subscription.cursor = max(moved.cursor, subscription.cursor)

    def ring(self) -> None:
        """Look for something to deliver now."""
        self.bell.set()

    async def ping(self) -> Ping:
        """Send a ping now; it is tried once and kept nowhere."""
        now = self.clock.now()
        body = ping_body(self.subscription.id, now)
        sent = await self._send(body, f"msg_ping_{now}", now)
        return Ping(sent.ok, attrs.evolve(sent.attempt, at=now))

    async def _send(self, body: bytes, message_id: str, now: int) -> Sent:
        subscription = self.subscription
        target = Target(
            url=subscription.url,
            headers=subscription.headers,
            body=body,
            message_id=message_id,
            secrets=subscription.secrets(now),
            timestamp=now // SECOND,
        )
        return await self.sender.send(target)

    def _until_welcome(self) -> float:
        """Return for how long (seconds) the receiver asked to be left alone."""
        return (self._welcome_at - self.clock.now()) / SECOND

    def _until_probe(self) -> float:
        since = (self.clock.now() - self._probed_at) / SECOND
        return self.subscription.retrying.probe - since

    async def _until_due(self) -> float:
        due = await self.store.next_due(
            self.subscription.id, ordered=self.subscription.ordered
        )
        if due is None:
            return _LONG
        return min(_LONG, max(0.05, (due - self.clock.now()) / SECOND))

    async def _collect(
        self, limit: int
    ) -> tuple[list[Parcel], int, list[WebhookDelivery]]:
        """
        Find what is to be sent: what is due again, and what is new.

        Return it, up to where events were looked at, and what must wait behind an older
        event of its device.
        """
        subscription = self.subscription
        now = self.clock.now()
        if subscription.health is Health.PAUSED:
            # A probe: whatever has waited longest, though it is not due yet.
            now = NEVER
        due = await self.store.due(
            subscription.id, now=now, ordered=subscription.ordered, limit=limit
        )
        parcels, behind = await self._with_events(due)
        room = limit - len(parcels)
        fresh: Sequence[Event] = ()
        if room > 0:
            fresh = await self.store.events(
                subscription.scope_id, after=subscription.cursor, limit=room
            )
        blocked: frozenset[int | None] = frozenset()
        if subscription.ordered and fresh:
            blocked = await self.store.blocked_devices(subscription.id)
        for event in fresh:
            if not self.subscriptions.matches(subscription.wanted, event):
                continue
            delivery = self._delivery(event)
            if event.device_id in blocked:
                behind.append(delivery)
            else:
                parcels.append((event, delivery))
        cursor = fresh[-1].id if fresh else subscription.cursor
        return parcels, cursor, behind

    async def _with_events(
        self, due: Sequence[WebhookDelivery]
    ) -> tuple[list[Parcel], list[WebhookDelivery]]:
        """Return deliveries with their events, and those whose event is gone."""
        if not due:
            return [], []
        found = await self.store.events_by_id([each.event_id for each in due])
        events = {event.id: event for event in found}
        gone = [each for each in due if each.event_id not in events]
        for delivery in gone:
            delivery.state, delivery.next_at = DeliveryState.DEAD, None
        return [(events[d.event_id], d) for d in due if d.event_id in events], gone

    def _delivery(self, event: Event) -> WebhookDelivery:
        """Return a delivery that waits behind others until it is tried."""
        return WebhookDelivery(
            subscription_id=self.subscription.id,
            event_id=event.id,
            device_id=event.device_id,
            state=DeliveryState.PENDING,
            next_at=0,
        )

    async def _deliver(self, parcels: Sequence[Parcel]) -> list[WebhookDelivery]:
        """
        Send, some at once; if ordered, a device's events one after the other.

        What is not sent after all waits, to be sent as soon as can be.
        """
        places = asyncio.Semaphore(AT_ONCE)

        async def run(row: Iterable[Parcel]) -> None:
            held = False
            for event, delivery in row:
                async with places:
                    await self.pace.turn()
                    if held or self._is_unwelcome():
                        delivery.next_at = 0
                    else:
                        held = not await self._try(event, delivery)

        runs = map(run, self._rows(parcels))
        # All of them to their end: what still ran would get into the next round's way.
        for end in await asyncio.gather(*runs, return_exceptions=True):
            if end is not None:
                raise end
        return [delivery for _, delivery in parcels]

    def _is_unwelcome(self) -> bool:
        """Tell whether the receiver said not to send more just now."""
        disabled = self.subscription.health is Health.DISABLED
        return disabled or self._until_welcome() > 0

    def _rows(self, parcels: Sequence[Parcel]) -> list[list[Parcel]]:
        """Return what may be sent side by side."""
        if not self.subscription.ordered:
            return [[parcel] for parcel in parcels]
        rows: defaultdict[int | None, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            rows[parcel[0].device_id].append(parcel)
        return list(rows.values())

    async def _try(self, event: Event, delivery: WebhookDelivery) -> bool:
        """Send once; return whether the next event of the device may follow."""
        body = await self._body(event)
        now = self.clock.now()
        if body is None:
            sent = Sent(attempt=Attempt(at=now, duration=0, error=_NO_BODY))
        else:
            sent = await self._send(body, delivery.message_id, now)
        self._note(sent)
        if not sent.ok and now < (delivery.next_at or 0):
            # A probe before its time, which uses up none of its tries.
            return False
        delivery.attempts.append(attrs.evolve(sent.attempt, at=now))
        if sent.ok:
            delivery.state, delivery.next_at = DeliveryState.DELIVERED, None
        else:
            self._put_off(delivery, sent)
        return delivery.state is not DeliveryState.PENDING

    async def _body(self, event: Event) -> bytes | None:
        """Return what is to be sent; None, logged, if that is a fault of ours."""
        try:
            return await self.telling.body(self.subscription, event)
        except Unavailable:
            raise
        except Exception:
            log.exception(
                "webhook.no_body",
                subscription_id=self.subscription.id,
                event_id=event.id,
            )
            return None

    def _put_off(self, delivery: WebhookDelivery, sent: Sent) -> None:
        """Plan the next try, or give the event up."""
        wait = self._wait(len(delivery.attempts), sent)
        if wait is None:
            delivery.state, delivery.next_at = DeliveryState.DEAD, None
            log.warning(
                "webhook.dead",
                subscription_id=self.subscription.id,
                event_id=delivery.event_id,
                attempts=len(delivery.attempts),
            )
        else:
            delivery.next_at = self.clock.now() + round(wait * SECOND)

    def _wait(self, attempts: int, sent: Sent) -> float | None:
        """Return how long to wait for the next try, None if there is none."""
        rules = self.subscription.retrying
        status = sent.attempt.status
        hopeless = (
            rules.retried is not None
            and status is not None
            and status not in rules.retried
        )
        if sent.gone or hopeless or attempts > len(rules.waits):
            return None
        wait = rules.waits[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311
        return max(wait, sent.retry_after or 0)

    def _note(self, sent: Sent) -> None:
        """Note how the receiver does."""
        subscription, now = self.subscription, self.clock.now()
        if sent.ok:
            subscription.last_success_at = now
            subscription.failures, subscription.failing_since = 0, None
            if subscription.health is Health.PAUSED:
                self._turn(Health.ACTIVE)
            return
        subscription.last_failure_at = now
        subscription.last_error = sent.attempt.error
        subscription.failures += 1
        if subscription.failing_since is None:
            subscription.failing_since = now
        if sent.retry_after:
            self._welcome_at = now + round(sent.retry_after * SECOND)
        if sent.gone:
            self._turn(Health.DISABLED)
        elif subscription.health is Health.ACTIVE and self._fails_for_long(now):
            self._probed_at = now
            self._turn(Health.PAUSED)

    def _fails_for_long(self, now: int) -> bool:
        rules, since = self.subscription.retrying, self.subscription.failing_since
        time = now - (since or now)
        often = self.subscription.failures >= rules.pause_after
        return time >= rules.pause_for * SECOND and (often or time >= LONG_ENOUGH)

    def _turn(self, health: Health) -> None:
        self.subscription.health = health
        self.subscriptions.settle()
        log.warning(
            "subscription.health", subscription_id=self.subscription.id, health=health
        )


_NO_BODY = "The server cannot put this event into words."
#: Without anything due, look again after so many seconds.
_LONG = 60.0
