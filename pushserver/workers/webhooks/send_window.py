"""Deliveries that are being sent to one receiver."""

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

import attrs

from pushserver.model.event import Event
from pushserver.model.subscription import WebhookDelivery

PendingDelivery = tuple[Event, WebhookDelivery]


@attrs.define(eq=False)
class SendWindow:
    """
    Deliveries under way, and completed ones that are not recorded yet.

    Until they are recorded, they are not sent again. Sets `wakeup` when one completes.
    """

    wakeup: asyncio.Event
    _in_flight: dict[int, WebhookDelivery] = attrs.field(factory=dict, init=False)
    _completed: dict[int, WebhookDelivery] = attrs.field(factory=dict, init=False)
    _send_tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _error: BaseException | None = attrs.field(default=None, init=False)

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing is under way, and nothing is to be recorded."""
        return not (self._in_flight or self._completed or self._error)

    def __contains__(self, event_id: int) -> bool:
        return event_id in self._in_flight or event_id in self._completed

    @property
    def in_flight(self) -> Sequence[WebhookDelivery]:
        """The deliveries under way."""
        return list(self._in_flight.values())

    @property
    def device_ids(self) -> frozenset[int | None]:
        """Return the devices of all these deliveries."""
        both = (*self._in_flight.values(), *self._completed.values())
        return frozenset(each.device_id for each in both)

    def start(
        self, sequence: Sequence[PendingDelivery], coroutine: Coroutine[Any, Any, None]
    ) -> None:
        """Run *coroutine*, which sends a sequence and completes each delivery."""
        self._in_flight |= {event.id: delivery for event, delivery in sequence}
        task = asyncio.create_task(coroutine)
        self._send_tasks.add(task)
        task.add_done_callback(partial(self._on_done, sequence))

    def complete(self, delivery: WebhookDelivery) -> None:
        """Record that a delivery is no longer under way."""
        if self._in_flight.pop(delivery.event_id, None) is not None:
            self._completed[delivery.event_id] = delivery
            self.wakeup.set()

    async def wait_at_most(self, event_ids: Collection[int], max_left: int) -> None:
        """Wait until no more than *max_left* of these events are under way."""
        while sum(each in self._in_flight for each in event_ids) > max_left:
            self.wakeup.clear()
            await self.wakeup.wait()

    @property
    def completed(self) -> Sequence[WebhookDelivery]:
        """The completed deliveries, to be recorded."""
        return list(self._completed.values())

    def mark_written(self, written: Iterable[WebhookDelivery]) -> None:
        """Remove completed deliveries that were recorded."""
        for delivery in written:
            self._completed.pop(delivery.event_id, None)

    def raise_error(self) -> None:
        """Raise, once, the error of a sending task."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def cancel(self) -> None:
        """Abort all sending; it is done again later."""
        for task in self._send_tasks:
            task.cancel()
        self._in_flight.clear()
        self._completed.clear()

    def _on_done(
        self, sequence: Sequence[PendingDelivery], task: asyncio.Task[None]
    ) -> None:
        self._send_tasks.discard(task)
        if task.cancelled():
            return
        self._error = task.exception() or self._error
        for _, delivery in sequence:
            self.complete(delivery)
