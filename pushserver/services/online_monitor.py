"""Publishes when devices come online, go offline, or fail to prove their identity."""

import asyncio
import heapq
from collections.abc import Iterator, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.changes import Changes
from pushserver.model.device import Device
from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload
from pushserver.model.lane import Lane
from pushserver.model.queue_status import EMPTY_QUEUE
from pushserver.services.device_events import DeviceEvent, DeviceEventBuffer
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.held_polls import HeldPolls
from pushserver.services.lanes import Lanes
from pushserver.services.off_loop import in_pieces
from pushserver.services.online_rule import OnlineRule
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState

#: Delay before rechecking a device that is online only because of a command in flight
#: or a held poll (microseconds).
_RECHECK_AFTER = 2 * SECOND
#: The time in which another server takes over from a dead leader (microseconds).
_TAKEOVER_WINDOW = 15 * SECOND
#: Events that share a commit; whoever opens a door waits for one of them at most.
_BATCH_SIZE = 100


@attrs.define(eq=False)
class OnlineMonitor:
    """
    Publishes the events of devices.

    At its start, devices that were online when the server stopped count as online, so
    that a device that stays away is reported offline. Of several servers over one
    store, only the leader publishes online and offline; each publishes its own other
    events.
    """

    store: Store
    clock: Clock
    lanes: Lanes
    devices: DeviceRegistry
    device_events: DeviceEventBuffer
    holds: HeldPolls
    online_rule: OnlineRule
    _online_ids: set[int] = attrs.field(factory=set, init=False)
    _timers: list[tuple[int, int]] = attrs.field(factory=list, init=False)
    _unpublished: list[DeviceEvent] = attrs.field(factory=list, init=False)
    _is_watching: bool = attrs.field(default=False, init=False)

    def restore(self) -> None:
        """Assume that devices online when the server stopped are online."""
        stopped = max((d.last_seen_at or 0 for d in self._adopted()), default=0)
        self._is_watching = True
        for device in self._adopted():
            self._assume_if_online(device, stopped)

    def _adopted(self) -> Iterator[Device]:
        return (device for device in self.devices if device.is_adopted)

    def _assume_if_online(self, device: Device, at: int) -> None:
        """Assume that the device is online if it was at the instant *at*."""
        if self.online_rule.is_online(device, at):
            self._online_ids.add(device.device_id)
            self._set_timer(device, self.clock.now())

    async def _take_over(self) -> None:
        """Assume that devices are online that were when the last leader ended."""
        self._is_watching = True
        self._online_ids.clear()
        self._timers.clear()
        at = self.clock.now() - _TAKEOVER_WINDOW
        async for device in in_pieces(self._adopted()):
            self._assume_if_online(device, at)

    async def publish_changes(self) -> int:
        """
        Publish the events since the last call; return how many.

        Raises:
            Unavailable: the store is away; the next call publishes the rest.
        """
        transitions = (
            await self._find_transitions() if self.store.is_leader else self._stand_by()
        )
        events = [*self._unpublished, *transitions, *self.device_events.take()]
        self._unpublished = []
        await self._publish_all(events)
        return len(events)

    async def _find_transitions(self) -> list[DeviceEvent]:
        """Return the online and offline events since the last call."""
        if not self._is_watching:
            await self._take_over()
        now = self.clock.now()
        departed = await self._find_departed(now)
        arrived = [
            DeviceEvent(device, EventType.DEVICE_ONLINE, now, None)
            async for device in in_pieces(self.device_events.take_arrivals())
            if self._mark_online(device, now)
        ]
        return arrived + departed

    def _stand_by(self) -> list[DeviceEvent]:
        """Leave online and offline to the leader."""
        self._is_watching = False
        self.device_events.take_arrivals()
        return []

    def _mark_online(self, device: Device, now: int) -> bool:
        """Record that a device polled; tell whether it was offline before."""
        if not device.is_adopted or device.device_id in self._online_ids:
            return False
        self._online_ids.add(device.device_id)
        self._set_timer(device, now)
        return True

    def _set_timer(self, device: Device, now: int) -> None:
        """Check *device* when it would be offline if it did not poll again."""
        at = self.online_rule.offline_at(device, now)
        heapq.heappush(self._timers, (at, device.device_id))

    async def _find_departed(self, now: int) -> list[DeviceEvent]:
        overdue = [
            device
            async for device in in_pieces(self._pop_due(now))
            if device is not None and self._is_overdue(device, now)
        ]
        try:
            statuses = await self.store.queue_statuses(
                [device.device_id for device in overdue]
            )
        except Unavailable:
            for device in overdue:
                heapq.heappush(self._timers, (now, device.device_id))
            raise
        departed = []
        async for device in in_pieces(overdue):
            device_id = device.device_id
            is_busy = statuses.get(device_id, EMPTY_QUEUE).in_flight is not None
            if self.holds.find_waiting(device_id) or self.online_rule.is_online(
                device, now, is_busy=is_busy
            ):
                heapq.heappush(self._timers, (now + _RECHECK_AFTER, device_id))
            else:
                self._online_ids.discard(device_id)
                event = DeviceEvent(device, EventType.DEVICE_OFFLINE, now, None)
                departed.append(event)
        return departed

    def _pop_due(self, now: int) -> Iterator[Device | None]:
        """Return the devices whose timers are due; nothing for who is not watched."""
        while self._timers and self._timers[0][0] <= now:
            _, device_id = heapq.heappop(self._timers)
            device = self.devices.find_in_any_scope(device_id)
            if device is not None and device.is_adopted:
                yield device
            else:
                self._online_ids.discard(device_id)
                yield None

    def _is_overdue(self, device: Device, now: int) -> bool:
        """Tell whether the device's polls are missing; else set its timer anew."""
        if not self.online_rule.is_online(device, now):
            return True
        self._set_timer(device, 0)
        return False

    async def _publish_all(self, events: Sequence[DeviceEvent]) -> None:
        """Publish what somebody wants to hear of; keep what could not be stored."""
        followed = [e async for e in in_pieces(events) if self._is_of_interest(e)]
        for start in range(0, len(followed), _BATCH_SIZE):
            batch = followed[start : start + _BATCH_SIZE]
            outcomes = await asyncio.gather(
                *map(self._publish, batch), return_exceptions=True
            )
            ends = zip(batch, outcomes, strict=True)
            failed = [(event, end) for event, end in ends if end is not None]
            if failed:
                later = followed[start + _BATCH_SIZE :]
                self._unpublished = [*(event for event, _ in failed), *later]
                raise failed[0][1]

    def _is_of_interest(self, event: DeviceEvent) -> bool:
        interest = self.store.event_interest.get(event.device.scope_id, ())
        return event.event_type in interest

    async def _publish(self, event: DeviceEvent) -> None:
        device, event_type = event.device, event.event_type
        is_conflict = event_type is EventType.DEVICE_IDENTITY_CONFLICT
        payload = DevicePayload(
            last_seen_at=device.last_seen_at,
            address=device.address,
            reason=event.reason,
            other_address=device.other_address if is_conflict else None,
            shut_out_address=device.shut_out_address if is_conflict else None,
        )

        def decide(_lane: Lane, changes: Changes, _prior: PriorState) -> None:
            changes.emit(
                device.scope_id, event_type, event.at, payload, device.device_id
            )

        await self.lanes.change(device.device_id, decide)
