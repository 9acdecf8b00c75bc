"""Delivers the events of one subscription: sends, records, retries."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from pushserver.clock import Clock
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
from pushserver.workers.webhooks.delivery_source import Batch, DeliverySource
from pushserver.workers.webhooks.event_sender import EventSender
from pushserver.workers.webhooks.receiver_health import ReceiverHealth
from pushserver.workers.webhooks.retry_schedule import schedule_retry
from pushserver.workers.webhooks.send_window import PendingDelivery, SendWindow
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.throttle import Throttle

#: Deliveries under way, and how many of them are being sent at the same time.
MAX_IN_FLIGHT = 64
MAX_CONCURRENT_SENDS = 16
#: Seconds after which outcomes are recorded, whatever else is still under way.
WRITE_INTERVAL = 0.25
#: Seconds between two looks for due deliveries while something is under way.
DUE_CHECK_INTERVAL = 1.0


@attrs.define(eq=False)
class WebhookWorker:
    """
    Posts a subscription's events to its URL, oldest first.

    Events not delivered yet are recorded before the cursor passes them, so every event
    is delivered at least once, whenever the server dies.
    """

    subscription: Subscription
    subscriptions: SubscriptionRegistry
    store: SubscriptionStore
    renderer: EventRenderer
    sender: WebhookSender
    clock: Clock
    throttle: Throttle
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _window: SendWindow = attrs.field(init=False)
    _health: ReceiverHealth = attrs.field(init=False)
    _event_sender: EventSender = attrs.field(init=False)
    _source: DeliverySource = attrs.field(init=False)
    _is_idle: bool = attrs.field(default=True, init=False)
    _send_slots: asyncio.Semaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing under way."""
        self._window = SendWindow(self.wakeup)
        self._source = DeliverySource(
            self.subscription,
            self.subscriptions,
            self.store,
            self._window,
            self.clock,
        )
        self._health = ReceiverHealth(self.subscription, self.subscriptions, self.clock)
        self._event_sender = EventSender(self.subscription, self.renderer, self.sender)
        self._send_slots = asyncio.Semaphore(MAX_CONCURRENT_SENDS)

    async def run_once(self) -> float:
        """Deliver what can be; return how long (seconds) there is nothing to do."""
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
        """Abort what is under way."""
        self._window.cancel()

    def notify(self) -> None:
        """Look for something to deliver now: deliveries may have changed."""
        self._source.expect_anything()
        self.wakeup.set()

    def notify_events(self) -> None:
        """Look for new events now."""
        self._source.expect_events()
        self.wakeup.set()

    async def ping(self) -> PingResult:
        """Send a ping now, once; its outcome is not recorded."""
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

    def _has_writes(self, batch: Batch) -> bool:
        """Tell whether there is something to write at once."""
        return bool(
            batch.blocked or self._window.completed or self._health.has_recovered
        )

    def _max_remaining(self, batch: Batch) -> int:
        """Return how many may be under way when the next batch is read."""
        return (
            MAX_CONCURRENT_SENDS
            if batch.has_more and not self.subscription.ordered
            else 0
        )

    async def _record(self, batch: Batch) -> None:
        """Record outcomes and the cursor; in memory it moves only after that."""
        subscription = self.subscription
        completed, cursor = (
            self._window.completed,
            max(batch.cursor, subscription.cursor),
        )
        # What the cursor passes while it is under way has to be sent after a crash.
        passed = [d for d in self._window.in_flight if d.event_id > subscription.cursor]
        done = [*completed, *passed, *batch.blocked]
        if not (done or self._health.has_recovered):
            # Not recorded: after a restart, events that match nothing are read again.
            subscription.cursor = cursor
            return
        moved = attrs.evolve(subscription, cursor=cursor)
        if self._health.has_recovered:
            # Until pending deliveries are rescheduled: after a crash, go on probing.
            moved.health = SubscriptionHealth.PAUSED
        await self.store.record_deliveries(moved, done)
        self._source.on_recorded([*completed, *batch.blocked])
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
        """Find what is to be sent, as much as there is room for."""
        paused = self.subscription.health is SubscriptionHealth.PAUSED
        free_slots = 1 if paused else MAX_IN_FLIGHT - len(self._window)
        if free_slots <= 0 or self._health.seconds_blocked() > 0:
            return self._source.no_batch()
        batch = await self._source.next_batch(free_slots)
        if paused:
            self._health.record_probe()
        return batch

    def _sequences(
        self, pending: Sequence[PendingDelivery]
    ) -> list[list[PendingDelivery]]:
        """Return what may be sent concurrently; if ordered, one sequence per device."""
        if not self.subscription.ordered:
            return [[each] for each in pending]
        by_device: defaultdict[int | None, list[PendingDelivery]] = defaultdict(list)
        for each in pending:
            by_device[each[0].device_id].append(each)
        return list(by_device.values())

    async def _send_sequence(self, sequence: Iterable[PendingDelivery]) -> None:
        """Send one after the other; after a failure the rest stays pending."""
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
        """Send once; return whether the device's next event may follow."""
        now = self.clock.now()
        sent = await self._event_sender.send(event, delivery.message_id, now)
        self._health.record(sent)
        if not sent.ok and now < (delivery.next_attempt_at or 0):
            # A probe before it was due does not count as an attempt.
            return False
        delivery.attempts.append(attrs.evolve(sent.attempt, at=now))
        if sent.ok:
            delivery.state, delivery.next_attempt_at = WebhookState.DELIVERED, None
        else:
            policy = self.subscription.retry_policy
            schedule_retry(delivery, sent, policy, now=self.clock.now())
        return delivery.state is not WebhookState.PENDING
