"""Polls of devices that were admitted, whoever speaks HTTP with them."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Protocol

import attrs

from pushserver.errors import Unavailable
from pushserver.model.device import Device
from pushserver.model.in_flight import InFlight
from pushserver.model.order import Order
from pushserver.model.storable_text import storable_uuid
from pushserver.protocols.base import DeviceProtocol, HandedOut
from pushserver.services.held_polls import Poll
from pushserver.services.poll_hold import PollHold
from pushserver.services.polling import PollAnswer
from pushserver.web.blob_parts import AnswerParts, mark_blob, split_at_marks
from pushserver.web.request_identity import trace_fields
from pushserver.web.services import Services

#: For how long a poll may be held, in microseconds, and whether there is something for
#: it; None: it is answered empty at once.
Granted = tuple[int, bool] | None
_has_ended = attrgetter("may_have_ended")


class PollConnection(Protocol):
    """The connection on which a device polls."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """Return what writes; None once it is closed."""

    @property
    def is_half_closed(self) -> bool:
        """Tell whether the device has closed its side."""

    @property
    def may_have_ended(self) -> bool:
        """Tell whether it has, or would not be seen to."""


@attrs.define(eq=False)
class DevicePoll:
    """
    A poll for which there may be something, now or within `hold` (microseconds).

    `has_work` tells whether there is now.
    """

    services: Services
    protocol: DeviceProtocol
    device: Device
    connection: PollConnection
    poll: Poll
    hold: int
    has_work: bool
    started_ns: int = attrs.field(factory=time.monotonic_ns, init=False)
    _waiting: PollHold = attrs.field(init=False)

    def begin(self, on_end: Callable[[Sequence[InFlight]], None]) -> None:
        """Do what `next_command` does without a task; *on_end* gets what there is."""
        begin = self.services.polling.begin
        self._waiting = begin(self.poll, self.hold, on_end, has_work=self.has_work)

    def release(self) -> None:
        """Hold it no longer: its device sends no more."""
        self.services.holds.release(self.device.device_id)

    def abandon(self) -> None:
        """Give up what was begun: its device has gone."""
        self.record_lost()
        self._waiting.abandon()

    async def next_command(self) -> PollAnswer | None:
        """Hand out what waits, or hold the poll until something does."""
        try:
            answer = await self.services.polling.poll(
                self.poll, self.hold, has_work=self.has_work
            )
        except asyncio.CancelledError:
            self.record_lost()
            raise
        self.record_end(is_idle=answer is None)
        return answer

    def record_lost(self) -> None:
        """Record that its device hung up, if it was held."""
        if self.hold > 0 and not self.services.holds.is_closed:
            self._record_hang_up()

    def record_end(self, *, is_idle: bool) -> None:
        """Record what came of it; a device that has closed its side had hung up."""
        if is_idle:
            self.services.counts["polls.idle"] += 1
        if self.hold <= 0:
            self.device.was_last_poll_idle = is_idle
        elif is_idle and self.connection.is_half_closed:
            self._record_hang_up()
        else:
            self.services.held_contact.record(self.device)

    def _record_hang_up(self) -> None:
        self.device.record_hang_up((time.monotonic_ns() - self.started_ns) // 1000)

    async def render(self, answer: PollAnswer) -> bytes | AnswerParts | None:
        """
        Return the body with the commands; None if it cannot be made, or not sent.

        With blobs, it is in parts.
        """
        orders, blobs = [], {}
        try:
            for each in answer.in_flights:
                read_order = self.services.store.read_order
                order = each.command.order or await read_order(each.command.id)
                if order.blob is not None:
                    find = self.services.blobs.find
                    blob = await find(each.command.scope_id, order.blob)
                    order, mark, blobs[mark] = mark_blob(order, blob)
                orders.append(order)
        except Unavailable:
            return None
        body = self.render_orders(answer, orders)
        return split_at_marks(body, blobs) if body is not None and blobs else body

    def render_orders(
        self, answer: PollAnswer, orders: Iterable[Order | None]
    ) -> bytes | None:
        """
        Return the body with the *orders* of the commands; None if one is not in memory.

        Or if the device may not get them any more: the commit that handed them out may
        have taken longer than they were to wait.
        """
        now, handed_out = self.services.clock.now(), []
        for order, each in zip(orders, answer.in_flights, strict=True):
            if order is None or order.blob or each.command.expires_at <= now:
                return None
            handed_out.append(HandedOut(order, each.delivery))
        return None if self.poll.is_gone() else self.protocol.render(handed_out)

    def record_sent(self, answer: PollAnswer, log_fields: dict[str, object]) -> None:
        """Count that the commands were sent, and log the first of them."""
        command = answer.in_flights[0].command
        self.services.counts["polls.command"] += 1
        log_fields["device_id"] = command.device_id
        log_fields["command_id"] = command.id
        log_fields["state"] = command.state
        log_fields["endpoint"] = command.endpoint
        log_fields.update(trace_fields(command.trace_id))


def begin_poll(
    services: Services, device: Device, connection: PollConnection
) -> Granted:
    """Begin the poll of a device that was admitted just now."""
    if device.requests_in_second > services.admission.max_requests:
        services.counts["bounds.deviceRequests"] += 1
        return None
    now = device.last_seen_at or 0
    hold = services.default_hold if device.hold is None else device.hold
    if hold > 0:
        # Whoever has closed its side gets what there is, and is not kept.
        hold = 0 if connection.may_have_ended else device.effective_hold(hold)
    has_work = not services.store.is_idle(device.device_id, now, services.lanes.grace)
    if hold <= 0 and not has_work:
        device.was_last_poll_idle = True
    elif connection.transport is not None:
        return hold, has_work
    services.counts["polls.idle"] += 1
    return None


def make_poll(
    services: Services,
    protocol: DeviceProtocol,
    device: Device,
    key: str | None,
    uuid: str | None,
    connection: PollConnection,
    hold: int,
    has_work: bool,
) -> DevicePoll:
    """Return a poll that was begun, for which there may be something."""
    waits = hold > 0 and not has_work
    poll = Poll(
        device_id=device.device_id,
        began_at=services.clock.now(),
        uuid=storable_uuid(uuid),
        max_commands=protocol.max_commands,
        labels_deliveries=protocol.labels_deliveries,
        address=device.address,
        is_gone=partial(_is_gone, services, device, key, connection, waits),
        is_served=partial(services.admission.is_served, key=key),
        has_ended=partial(_has_ended, connection),
    )
    return DevicePoll(services, protocol, device, connection, poll, hold, has_work)


def _is_gone(
    services: Services,
    device: Device,
    key: str | None,
    connection: PollConnection,
    waits: bool,
) -> bool:
    """
    Tell whether it hung up, or was deleted or got another key since it began to poll.

    Whoever closes its side may still read an answer that comes at once; one that waited
    has probably given up.
    """
    transport = connection.transport
    if transport is None or transport.is_closing():
        return True
    if waits and connection.is_half_closed:
        return True
    if not services.admission.is_served(device, key):
        return True
    return services.devices.find_in_any_scope(device.device_id) is not device
