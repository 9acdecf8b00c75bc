"""The courier of one subscription: takes events to it, tries again, and waits."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.event import Event
from pushserver.model.lane import NEVER
from pushserver.model.subscription import (
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
from pushserver.workers.webhooks.post import Post
from pushserver.workers.webhooks.sender import Sender
from pushserver.workers.webhooks.standing import LONG, Standing
from pushserver.workers.webhooks.window import Parcel, Window

#: So many deliveries are under way, of which so many are being sent.
BATCH = 64
AT_ONCE = 16
#: Seconds after which what came back is written, whatever else is still under way.
SOON = 0.25
#: Seconds after which a courier looks for what is due while something is under way.
GLANCE = 1.0
#: So many rows are written at once, so that a door command waits for no more.
PIECE = 500


@attrs.frozen
class _Found:
    """
    What there is to do.

    `parcels` are to be sent, `behind` is to wait for an older event of its device. Up
    to `cursor` events were looked at; `full`: there may be more.
    """

    parcels: Sequence[Parcel]
    behind: Sequence[WebhookDelivery]
    cursor: int
    full: bool


@attrs.define(eq=False)
class Courier:
    """
    Takes a subscription's events to its URL, oldest first.

    What is not delivered is written down before the cursor moves on: so every event is
    told at least once, whenever the server dies.
    """

    subscription: Subscription
    subscriptions: Subscriptions
    store: SubscriptionStore
    telling: Telling
    sender: Sender
    clock: Clock
    pace: Pace
    bell: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _window: Window = attrs.field(init=False)
    _standing: Standing = attrs.field(init=False)
    _post: Post = attrs.field(init=False)
    _places: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing under way."""
        self._window = Window(self.bell)
        self._standing = Standing(self.subscription, self.subscriptions, self.clock)
        self._post = Post(self.subscription, self.telling, self.sender)
        self._places = asyncio.Semaphore(AT_ONCE)

    async def round(self) -> float:
        """Deliver what can be; return how long (seconds) there is nothing to do."""
        try:
            return await self._round()
        except asyncio.CancelledError:
            self.leave()
            raise

    def leave(self) -> None:
        """Break off what is under way."""
        self._window.break_off()

    def ring(self) -> None:
        """Look for something to deliver now."""
        self.bell.set()

    async def ping(self) -> Ping:
        """Send a ping now; it is tried once and kept nowhere."""
        now = self.clock.now()
        sent = await self._post.ping(now)
        return Ping(sent.ok, attrs.evolve(sent.attempt, at=now))

    async def _round(self) -> float:
        self.bell.clear()
        found = await self._collect()
        idle = self._window.is_idle and not (found.parcels or self._to_write(found))
        if idle and found.cursor == self.subscription.cursor:
            return await self._until_due()
        for row in self._rows(found.parcels):
            self._window.start(row, self._run(row))
        await self._some_back(found)
        await self._record(found)
        self._window.raise_error()
        return 0

    async def _some_back(self, found: _Found) -> None:
        """Wait until there is something to write, or more to send."""
        sent = [event.id for event, _ in found.parcels]
        stays = found.cursor == self.subscription.cursor
        try:
            if stays and not (sent or self._to_write(found)):
                async with asyncio.timeout(GLANCE):
                    await self.bell.wait()
            async with asyncio.timeout(SOON):
                await self._window.until(sent, self._most(found))
        except TimeoutError:
            return

    def _to_write(self, found: _Found) -> bool:
        """Tell whether there is something to write at once."""
        return bool(found.behind or self._window.back or self._standing.is_back)

    def _most(self, found: _Found) -> int:
        """Return how much may be under way when more is sent, if there is more."""
        return AT_ONCE if found.full and not self.subscription.ordered else 0

    async def _record(self, found: _Found) -> None:
        """Write what came of it; only then is the cursor where it is written to be."""
        subscription = self.subscription
        back, cursor = self._window.back, max(found.cursor, subscription.cursor)
        # What the cursor passes while it is under way has to be told after a crash.
        late = [d for d in self._window.out if d.event_id > subscription.cursor]
        done = [*back, *late, *found.behind]
        if not (done or self._standing.is_back):
            # Not written: whoever starts again looks at what nobody wanted once more.
            subscription.cursor = cursor
            return
        moved = attrs.evolve(subscription, cursor=cursor)
        if self._standing.is_back:
            # Until what waits was hurried, too: a crash before that goes on probing.
            moved.health = Health.PAUSED
        await self.store.record(moved, done)
        self._window.forget(back)
        subscription.cursor = max(moved.cursor, subscription.cursor)
        if self._standing.is_back:
            await self._hurry()

    async def _hurry(self) -> None:
        """Let everything that waits be tried soon: the receiver is back."""
        one, now = self.subscription, self.clock.now()
        while await self.store.hurry(one.id, now=now, limit=PIECE):
            pass
        await self.store.record(one, [])
        self._standing.is_back = False

    async def _until_due(self) -> float:
        rest = self._standing.rest()
        if rest > 0:
            return rest
        due = await self.store.next_due(
            self.subscription.id, ordered=self.subscription.ordered
        )
        if due is None:
            return LONG
        return min(LONG, max(0.05, (due - self.clock.now()) / SECOND))

    async def _collect(self) -> _Found:
        """Find what is to be sent: what is due again, and what is new."""
        paused = self.subscription.health is Health.PAUSED
        room = 1 if paused else BATCH - len(self._window)
        if room <= 0 or self._standing.rest() > 0:
            return _Found([], [], self.subscription.cursor, full=False)
        parcels, behind = await self._due(room)
        room -= len(parcels)
        fresh: Sequence[Event] = ()
        if room > 0:
            fresh = await self.store.events(
                self.subscription.scope_id, after=self.subscription.cursor, limit=room
            )
        if paused:
            self._standing.probe()
        new, blocked = await self._sorted(fresh)
        cursor = fresh[-1].id if fresh else self.subscription.cursor
        full = room == len(fresh)
        return _Found([*parcels, *new], [*behind, *blocked], cursor, full=full)

    async def _due(self, limit: int) -> tuple[list[Parcel], list[WebhookDelivery]]:
        """Return what is due and not under way, and that whose event is gone."""
        one, window = self.subscription, self._window
        # A probe is whatever has waited longest, though it is not due yet.
        now = NEVER if one.health is Health.PAUSED else self.clock.now()
        found = await self.store.due(
            one.id, now=now, ordered=one.ordered, limit=limit + len(window)
        )
        busy = window.devices if one.ordered else frozenset()
        due = [
            each
            for each in found
            if each.event_id not in window and each.device_id not in busy
        ]
        return await self._with_events(due[:limit])

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

    async def _sorted(
        self, fresh: Sequence[Event]
    ) -> tuple[list[Parcel], list[WebhookDelivery]]:
        """Return what of these is to be sent, and what has to wait."""
        parcels, behind = [], []
        blocked: frozenset[int | None] = frozenset()
        if self.subscription.ordered and fresh:
            blocked = await self.store.blocked_devices(self.subscription.id)
            blocked |= self._window.devices
        for event in fresh:
            if not self.subscriptions.matches(self.subscription.wanted, event):
                continue
            if event.id in self._window:
                continue
            if event.device_id in blocked:
                behind.append(self._delivery(event))
            else:
                parcels.append((event, self._delivery(event)))
        return parcels, behind

    def _delivery(self, event: Event) -> WebhookDelivery:
        """Return a delivery that waits behind others until it is tried."""
        return WebhookDelivery(
            subscription_id=self.subscription.id,
            event_id=event.id,
            device_id=event.device_id,
            state=DeliveryState.PENDING,
            next_at=0,
        )

    def _rows(self, parcels: Sequence[Parcel]) -> list[list[Parcel]]:
        """Return what may be sent side by side; if ordered, a device's is one row."""
        if not self.subscription.ordered:
            return [[parcel] for parcel in parcels]
        rows: defaultdict[int | None, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            rows[parcel[0].device_id].append(parcel)
        return list(rows.values())

    async def _run(self, row: Iterable[Parcel]) -> None:
        """Send one after the other; what is not sent after all waits to be soon."""
        held = False
        for event, delivery in row:
            async with self._places:
                await self.pace.turn()
                if held or self._standing.is_unwelcome():
                    delivery.next_at = 0
                else:
                    held = not await self._try(event, delivery)
            self._window.bring_back(delivery)

    async def _try(self, event: Event, delivery: WebhookDelivery) -> bool:
        """Send once; return whether the next event of the device may follow."""
        now = self.clock.now()
        sent = await self._post.tell(event, delivery.message_id, now)
        self._standing.note(sent)
        if not sent.ok and now < (delivery.next_at or 0):
            # A probe before its time, which uses up none of its tries.
            return False
        delivery.attempts.append(attrs.evolve(sent.attempt, at=now))
        if sent.ok:
            delivery.state, delivery.next_at = DeliveryState.DELIVERED, None
        else:
            self._standing.put_off(delivery, sent)
        return delivery.state is not DeliveryState.PENDING
