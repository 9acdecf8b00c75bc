"""The courier of one subscription: takes events to it, tries again, and waits."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.event import Event
from pushserver.model.lane import NEVER
from pushserver.model.subscription import (
    PingResult,
    Subscription,
    SubscriptionHealth,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.event_renderer import EventRenderer
from pushserver.services.subscriptions import Subscriptions
from pushserver.storage.subscriptions import SubscriptionStore
from pushserver.workers.webhooks.event_sender import EventSender
from pushserver.workers.webhooks.receiver_health import IDLE_INTERVAL, ReceiverHealth
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.throttle import Throttle
from pushserver.workers.webhooks.window import PendingDelivery, SendWindow

#: So many deliveries are under way, of which so many are being sent.
MAX_IN_FLIGHT = 64
MAX_CONCURRENT_SENDS = 16
#: Seconds after which what came back is written, whatever else is still under way.
WRITE_INTERVAL = 0.25
#: Seconds after which a courier looks for what is due while something is under way.
DUE_CHECK_INTERVAL = 1.0
#: So many rows are written at once, so that a door command waits for no more.
BATCH_SIZE = 500


@attrs.frozen
class _Batch:
    """
    What there is to do.

    `pending` are to be sent, `blocked` is to wait for an older event of its device. Up
    to `cursor` events were looked at; `has_more`: there may be more.
    """

    pending: Sequence[PendingDelivery]
    blocked: Sequence[WebhookDelivery]
    cursor: int
    has_more: bool


@attrs.define(eq=False)
class WebhookWorker:
    """
    Takes a subscription's events to its URL, oldest first.

    What is not delivered is written down before the cursor moves on: so every event is
    told at least once, whenever the server dies.
    """

    subscription: Subscription
    subscriptions: Subscriptions
    store: SubscriptionStore
    renderer: EventRenderer
    sender: WebhookSender
    clock: Clock
    throttle: Throttle
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _window: SendWindow = attrs.field(init=False)
    _health: ReceiverHealth = attrs.field(init=False)
    _event_sender: EventSender = attrs.field(init=False)
    _send_slots: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing under way."""
        self._window = SendWindow(self.wakeup)
        self._health = ReceiverHealth(self.subscription, self.subscriptions, self.clock)
        self._event_sender = EventSender(self.subscription, self.renderer, self.sender)
        self._send_slots = asyncio.Semaphore(MAX_CONCURRENT_SENDS)

    async def run_once(self) -> float:
        """Deliver what can be; return how long (seconds) there is nothing to do."""
        try:
            return await self._run_batch()
        except asyncio.CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Break off what is under way."""
        self._window.cancel()

    def notify(self) -> None:
        """Look for something to deliver now."""
        self.wakeup.set()

    async def ping(self) -> PingResult:
        """Send a ping now; it is tried once and kept nowhere."""
        now = self.clock.now()
        sent = await self._event_sender.ping(now)
        return PingResult(sent.ok, attrs.evolve(sent.attempt, at=now))

    async def _run_batch(self) -> float:
        self.wakeup.clear()
        batch = await self._collect_batch()
        idle = self._window.is_idle and not (batch.pending or self._has_writes(batch))
        if idle and batch.cursor == self.subscription.cursor:
            return await self._seconds_until_due()
        for sequence in self._sequences(batch.pending):
            self._window.start(sequence, self._send_sequence(sequence))
        await self._wait_for_progress(batch)
        await self._record(batch)
        self._window.raise_error()
        return 0

    async def _wait_for_progress(self, batch: _Batch) -> None:
        """Wait until there is something to write, or more to send."""
        sent_ids = [event.id for event, _ in batch.pending]
        is_cursor_same = batch.cursor == self.subscription.cursor
        try:
            if is_cursor_same and not (sent_ids or self._has_writes(batch)):
                async with asyncio.timeout(DUE_CHECK_INTERVAL):
                    await self.wakeup.wait()
            async with asyncio.timeout(WRITE_INTERVAL):
                await self._window.wait_at_most(sent_ids, self._max_remaining(batch))
        except TimeoutError:
            return

    def _has_writes(self, batch: _Batch) -> bool:
        """Tell whether there is something to write at once."""
        return bool(
            batch.blocked or self._window.completed or self._health.has_recovered
        )

    def _max_remaining(self, batch: _Batch) -> int:
        """Return how much may be under way when more is sent, if there is more."""
        return (
            MAX_CONCURRENT_SENDS
            if batch.has_more and not self.subscription.ordered
            else 0
        )

    async def _record(self, batch: _Batch) -> None:
        """Write what came of it; only then is the cursor where it is written to be."""
        subscription = self.subscription
        completed, cursor = (
            self._window.completed,
            max(batch.cursor, subscription.cursor),
        )
        # What the cursor passes while it is under way has to be told after a crash.
        passed = [d for d in self._window.in_flight if d.event_id > subscription.cursor]
        done = [*completed, *passed, *batch.blocked]
        if not (done or self._health.has_recovered):
            # Not written: whoever starts again looks at what nobody wanted once more.
            subscription.cursor = cursor
            return
        moved = attrs.evolve(subscription, cursor=cursor)
        if self._health.has_recovered:
            # Until what waits was hurried, too: a crash before that goes on probing.
            moved.health = SubscriptionHealth.PAUSED
        await self.store.record_deliveries(moved, done)
        self._window.mark_written(completed)
        subscription.cursor = max(moved.cursor, subscription.cursor)
        if self._health.has_recovered:
            await self._retry_all_soon()

    async def _retry_all_soon(self) -> None:
        """Let everything that waits be tried soon: the receiver is back."""
        subscription, now = self.subscription, self.clock.now()
        while await self.store.retry_pending_now(
            subscription.id, now=now, limit=BATCH_SIZE
        ):
            pass
        await self.store.record_deliveries(subscription, [])
        self._health.has_recovered = False

    async def _seconds_until_due(self) -> float:
        rest = self._health.seconds_blocked()
        if rest > 0:
            return rest
        due = await self.store.next_due_at(
            self.subscription.id, ordered=self.subscription.ordered
        )
        if due is None:
            return IDLE_INTERVAL
        return min(IDLE_INTERVAL, max(0.05, (due - self.clock.now()) / SECOND))

    async def _collect_batch(self) -> _Batch:
        """Find what is to be sent: what is due again, and what is new."""
        paused = self.subscription.health is SubscriptionHealth.PAUSED
        free_slots = 1 if paused else MAX_IN_FLIGHT - len(self._window)
        if free_slots <= 0 or self._health.seconds_blocked() > 0:
            return _Batch([], [], self.subscription.cursor, has_more=False)
        pending, without_event = await self._due_deliveries(free_slots)
        free_slots -= len(pending)
        events: Sequence[Event] = ()
        if free_slots > 0:
            events = await self.store.events(
                self.subscription.scope_id,
                after=self.subscription.cursor,
                limit=free_slots,
            )
        if paused:
            self._health.record_probe()
        new, blocked = await self._split_blocked(events)
        cursor = events[-1].id if events else self.subscription.cursor
        full = free_slots == len(events)
        return _Batch(
            [*pending, *new], [*without_event, *blocked], cursor, has_more=full
        )

    async def _due_deliveries(
        self, limit: int
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """Return what is due and not under way, and that whose event is gone."""
        subscription, window = self.subscription, self._window
        # A probe is whatever has waited longest, though it is not due yet.
        now = (
            NEVER
            if subscription.health is SubscriptionHealth.PAUSED
            else self.clock.now()
        )
        deliveries = await self.store.due_deliveries(
            subscription.id,
            now=now,
            ordered=subscription.ordered,
            limit=limit + len(window),
        )
        busy_devices = window.device_ids if subscription.ordered else frozenset()
        due = [
            each
            for each in deliveries
            if each.event_id not in window and each.device_id not in busy_devices
        ]
        return await self._with_events(due[:limit])

    async def _with_events(
        self, due: Sequence[WebhookDelivery]
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """Return deliveries with their events, and those whose event is gone."""
        if not due:
            return [], []
        stored_events = await self.store.events_by_id([each.event_id for each in due])
        events = {event.id: event for event in stored_events}
        gone = [each for each in due if each.event_id not in events]
        for delivery in gone:
            delivery.state, delivery.next_attempt_at = WebhookState.DEAD, None
        return [(events[d.event_id], d) for d in due if d.event_id in events], gone

    async def _split_blocked(
        self, events: Sequence[Event]
    ) -> tuple[list[PendingDelivery], list[WebhookDelivery]]:
        """Return what of these is to be sent, and what has to wait."""
        pending, waiting = [], []
        blocked_devices: frozenset[int | None] = frozenset()
        if self.subscription.ordered and events:
            blocked_devices = await self.store.devices_with_pending(
                self.subscription.id
            )
            blocked_devices |= self._window.device_ids
        for event in events:
            if not self.subscriptions.matches(self.subscription.event_filter, event):
                continue
            if event.id in self._window:
                continue
            if event.device_id in blocked_devices:
                waiting.append(self._blocked_delivery(event))
            else:
                pending.append((event, self._blocked_delivery(event)))
        return pending, waiting

    def _blocked_delivery(self, event: Event) -> WebhookDelivery:
        """Return a delivery that waits behind others until it is tried."""
        return WebhookDelivery(
            subscription_id=self.subscription.id,
            event_id=event.id,
            device_id=event.device_id,
            state=WebhookState.PENDING,
            next_attempt_at=0,
        )

    def _sequences(
        self, pending: Sequence[PendingDelivery]
    ) -> list[list[PendingDelivery]]:
        """Return what may be sent side by side; if ordered, a device's is one row."""
        if not self.subscription.ordered:
            return [[parcel] for parcel in pending]
        by_device: defaultdict[int | None, list[PendingDelivery]] = defaultdict(list)
        for parcel in pending:
            by_device[parcel[0].device_id].append(parcel)
        return list(by_device.values())

    async def _send_sequence(self, sequence: Iterable[PendingDelivery]) -> None:
        """Send one after the other; what is not sent after all waits to be soon."""
        is_blocked = False
        for event, delivery in sequence:
            async with self._send_slots:
                await self.throttle.wait_turn()
                if is_blocked or self._health.is_blocked():
                    delivery.next_attempt_at = 0
                else:
                    is_blocked = not await self._send_once(event, delivery)
            self._window.complete(delivery)

    async def _send_once(self, event: Event, delivery: WebhookDelivery) -> bool:
        """Send once; return whether the next event of the device may follow."""
        now = self.clock.now()
        sent = await self._event_sender.send(event, delivery.message_id, now)
        self._health.record(sent)
        if not sent.ok and now < (delivery.next_attempt_at or 0):
            # A probe before its time, which uses up none of its tries.
            return False
        delivery.attempts.append(attrs.evolve(sent.attempt, at=now))
        if sent.ok:
            delivery.state, delivery.next_attempt_at = WebhookState.DELIVERED, None
        else:
            self._health.schedule_retry(delivery, sent)
        return delivery.state is not WebhookState.PENDING
