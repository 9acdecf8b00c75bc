"""Delivers the events of one subscription: sends, records, retries."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.metrics.recorder import WebhookMetrics
from pushserver.model.event import Event
from pushserver.model.subscription import (
    PingResult,
    Subscription,
    SubscriptionHealth,
    WebhookDelivery,
    WebhookState,
)
from pushserver.services.batches import BATCH_SIZE
from pushserver.services.event_renderer import EventRenderer
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.storage.subscriptions import SubscriptionStore
from pushserver.workers.webhooks.body_room import (
    BodyPlace,
    BodyRoom,
    SubscriptionRoom,
)
from pushserver.workers.webhooks.delivery_source import Batch, DeliverySource
from pushserver.workers.webhooks.event_sender import EventSender, RenderedEvent
from pushserver.workers.webhooks.receiver_health import ReceiverHealth
from pushserver.workers.webhooks.retry_schedule import schedule_retry
from pushserver.workers.webhooks.send_window import PendingDelivery, SendWindow
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.throttle import Throttle

#: The most deliveries under way, and how many of them are sent at the same time.
MAX_IN_FLIGHT = 64
MAX_CONCURRENT_SENDS = 16
#: Seconds after which outcomes are recorded even if deliveries are under way.
WRITE_INTERVAL = 0.25
#: Seconds between two checks for due deliveries while some are under way.
DUE_CHECK_INTERVAL = 1.0


@attrs.define(eq=False)
class WebhookWorker:
    """
    Posts a subscription's events to its URL, oldest first.

    An undelivered event is recorded before the cursor passes it, so every event is
    delivered at least once, even if the server crashes.
    """

    subscription: Subscription
    subscriptions: SubscriptionRegistry
    store: SubscriptionStore
    renderer: EventRenderer
    sender: WebhookSender
    clock: Clock
    throttle: Throttle
    body_room: BodyRoom
    metrics: WebhookMetrics
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _window: SendWindow = attrs.field(init=False)
    _health: ReceiverHealth = attrs.field(init=False)
    _event_sender: EventSender = attrs.field(init=False)
    _source: DeliverySource = attrs.field(init=False)
    _is_idle: bool = attrs.field(default=True, init=False)
    _send_slots: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Create the parts; nothing is under way."""
        self._window = SendWindow(self.wakeup)
        self._source = DeliverySource(
            self.subscription,
            self.subscriptions,
            self.store,
            self._window,
            self.clock,
        )
        self._health = ReceiverHealth(self.subscription, self.subscriptions, self.clock)
        self._event_sender = EventSender(
            self.subscription,
            self.renderer,
            self.sender,
            self.metrics.spans,
            SubscriptionRoom(self.subscription, self.body_room),
        )
        self._send_slots = asyncio.Semaphore(MAX_CONCURRENT_SENDS)

    async def run_once(self) -> float:
        """Deliver what is due; return the seconds until there is something to do."""
        if self._is_idle and not self.wakeup.is_set():
            self._source.expect_anything()
        try:
            wait = await self._run_batch()
        except asyncio.CancelledError:
            self.cancel()
            raise
        except Exception:
            self._source.expect_anything()
            raise
        self._is_idle = wait > 0
        return wait

    def cancel(self) -> None:
        """Abort the deliveries under way."""
        self._window.cancel()

    def notify(self) -> None:
        """Look for deliveries now: they may have changed."""
        self._source.expect_anything()
        self.wakeup.set()

    def notify_events(self) -> None:
        """Look for new events now."""
        self._source.expect_events()
        self.wakeup.set()

    async def ping(self) -> PingResult:
        """Send one ping now, without recording its outcome."""
        now = self.clock.now()
        sent = await self._event_sender.ping(now)
        return PingResult(sent.ok, attrs.evolve(sent.attempt, at=now))

    async def _run_batch(self) -> float:
        self.wakeup.clear()
        batch = await self._collect_batch()
        idle = self._window.is_idle and not (batch.pending or self._has_writes(batch))
        if idle and batch.cursor == self.subscription.cursor:
            blocked = self._health.seconds_blocked()
            return blocked if blocked > 0 else self._source.seconds_until_due()
        for sequence in self._sequences(batch.pending):
            self._window.start(sequence, self._send_sequence(sequence))
        await self._wait_for_progress(batch)
        await self._record(batch)
        self._window.raise_error()
        return 0

    async def _wait_for_progress(self, batch: Batch) -> None:
        """Wait until there is something to record, or more can be sent."""
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

    def _has_writes(self, batch: Batch) -> bool:
        """Tell whether there is something to record now."""
        return bool(
            batch.unsent or self._window.completed or self._health.has_recovered
        )

    def _max_remaining(self, batch: Batch) -> int:
        """Return how many may still be under way when the next batch is read."""
        return (
            MAX_CONCURRENT_SENDS
            if batch.has_more and not self.subscription.ordered
            else 0
        )

    async def _record(self, batch: Batch) -> None:
        """Record outcomes and the cursor, which moves in memory only after that."""
        subscription = self.subscription
        completed, cursor = (
            self._window.completed,
            max(batch.cursor, subscription.cursor),
        )
        # After a crash, deliveries that the cursor passed must be sent again.
        passed = [d for d in self._window.in_flight if d.event_id > subscription.cursor]
        done = [*completed, *passed, *batch.unsent]
        if not (done or self._health.has_recovered):
            # Only in memory: after a restart, events that do not match are reread.
            subscription.cursor = cursor
            return
        moved = attrs.evolve(subscription, cursor=cursor)
        if self._health.has_recovered:
            # PAUSED until all are rescheduled, so that probing goes on after a crash.
            moved.health = SubscriptionHealth.PAUSED
        await self.store.record_deliveries(moved, done)
        self._source.on_recorded([*completed, *batch.unsent])
        self._window.mark_written(completed)
        subscription.cursor = max(moved.cursor, subscription.cursor)
        if self._health.has_recovered:
            await self._retry_all_soon()

    async def _retry_all_soon(self) -> None:
        """Retry all pending deliveries now: the receiver is back."""
        subscription, now = self.subscription, self.clock.now()
        while await self.store.retry_pending_now(
            subscription.id, now=now, limit=BATCH_SIZE
        ):
            pass
        await self.store.record_deliveries(subscription, [])
        self._source.expect_anything()
        self._health.has_recovered = False

    async def _collect_batch(self) -> Batch:
        """Find what to send, as much as the window has room for."""
        paused = self.subscription.health is SubscriptionHealth.PAUSED
        free_slots = 1 if paused else MAX_IN_FLIGHT - len(self._window)
        if free_slots <= 0 or self._health.seconds_blocked() > 0:
            return self._source.no_batch()
        batch = await self._source.next_batch(free_slots)
        if paused and batch.pending:
            self._health.record_probe()
        return batch

    def _sequences(
        self, pending: Sequence[PendingDelivery]
    ) -> list[list[PendingDelivery]]:
        """Return sequences to send concurrently; if ordered, one for each device."""
        if not self.subscription.ordered:
            return [[each] for each in pending]
        by_device: defaultdict[int | None, list[PendingDelivery]] = defaultdict(list)
        for each in pending:
            by_device[each[0].device_id].append(each)
        return list(by_device.values())

    async def _send_sequence(self, sequence: Iterable[PendingDelivery]) -> None:
        """Send one after the other; after a failure, leave the rest pending."""
        is_blocked = False
        for event, delivery in sequence:
            async with self._send_slots:
                await self.throttle.wait_turn()
                if is_blocked or self._health.is_blocked():
                    delivery.next_attempt_at = 0
                else:
                    is_blocked = not await self._send_with_room(event, delivery)
            self._window.complete(delivery)

    async def _send_with_room(self, event: Event, delivery: WebhookDelivery) -> bool:
        """Send once there is room; return whether its device's next may follow."""
        place = BodyPlace(self._event_sender.room)
        try:
            rendered = await self._event_sender.render_in(place, event)
            if not self._source.still_matches(event):
                # The filter, or the device's tags, changed while it had to wait.
                self._source.give_up(delivery)
                return True
            if self._health.is_blocked():
                delivery.next_attempt_at = 0
                return False
            return await self._send_once(rendered, delivery)
        finally:
            place.keep(0)

    async def _send_once(
        self, rendered: RenderedEvent, delivery: WebhookDelivery
    ) -> bool:
        now = self.clock.now()
        sent = await self._event_sender.send(rendered, delivery.message_id, now)
        self.metrics.record(sent.attempt, ok=sent.ok)
        self._health.record(sent)
        if not sent.ok and now < (delivery.next_attempt_at or 0):
            # A probe that was not due yet does not count as an attempt.
            return False
        delivery.attempts.append(attrs.evolve(sent.attempt, at=now))
        if sent.ok:
            delivery.state, delivery.next_attempt_at = WebhookState.DELIVERED, None
        else:
            policy = self.subscription.retry_policy
            schedule_retry(delivery, sent, policy, now=self.clock.now())
        return delivery.state is not WebhookState.PENDING
