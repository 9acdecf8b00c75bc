"""What is on its way to one receiver: more goes out whenever something came back."""

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

import attrs

from pushserver.model.event import Event
from pushserver.model.subscription import WebhookDelivery

Parcel = tuple[Event, WebhookDelivery]


@attrs.define(eq=False)
class Window:
    """
    Deliveries that are under way, and those that came back and are not written yet.

    Both are left alone by whoever looks for what is to be sent. Rings the *bell*
    whenever one comes back.
    """

    bell: asyncio.Event
    _out: dict[int, WebhookDelivery] = attrs.field(factory=dict, init=False)
    _back: dict[int, WebhookDelivery] = attrs.field(factory=dict, init=False)
    _runs: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _error: BaseException | None = attrs.field(default=None, init=False)

    def __len__(self) -> int:
        return len(self._out)

    @property
    def is_idle(self) -> bool:
        """Tell whether there is nothing to wait for, and nothing to write."""
        return not (self._out or self._back or self._error)

    def __contains__(self, event_id: int) -> bool:
        return event_id in self._out or event_id in self._back

    @property
    def out(self) -> Sequence[WebhookDelivery]:
        """What is under way."""
        return list(self._out.values())

    @property
    def devices(self) -> frozenset[int | None]:
        """Return the devices of all these deliveries."""
        both = (*self._out.values(), *self._back.values())
        return frozenset(each.device_id for each in both)

    def start(self, row: Sequence[Parcel], run: Coroutine[Any, Any, None]) -> None:
        """Let *run* take a row, bringing back one after the other."""
        self._out |= {event.id: delivery for event, delivery in row}
        task = asyncio.create_task(run)
        self._runs.add(task)
        task.add_done_callback(partial(self._end, row))

    def bring_back(self, delivery: WebhookDelivery) -> None:
        """Note that a delivery is under way no more."""
        if self._out.pop(delivery.event_id, None) is not None:
            self._back[delivery.event_id] = delivery
            self.bell.set()

    async def until(self, among: Collection[int], most: int) -> None:
        """Wait until no more than *most* of these events are under way."""
        while sum(each in self._out for each in among) > most:
            self.bell.clear()
            await self.bell.wait()

    @property
    def back(self) -> Sequence[WebhookDelivery]:
        """What came back and is to be written."""
        return list(self._back.values())

    def forget(self, written: Iterable[WebhookDelivery]) -> None:
        """Note that these were written as they are."""
        for delivery in written:
            self._back.pop(delivery.event_id, None)

    def raise_error(self) -> None:
        """Raise, once, what went wrong with us on the way."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def break_off(self) -> None:
        """Let go of everything: it is told again some day."""
        for task in self._runs:
            task.cancel()
        self._out.clear()
        self._back.clear()

    def _end(self, row: Sequence[Parcel], task: asyncio.Task[None]) -> None:
        self._runs.discard(task)
        if task.cancelled():
            return
        self._error = task.exception() or self._error
        for _, delivery in row:
            self.bring_back(delivery)
