"""Publishes when devices come online, go offline, or fail to prove their identity."""

import asyncio
import heapq
from collections.abc import Iterable, Sequence

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
from pushserver.services.online_rule import OnlineRule
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState

#: Delay before rechecking a device that is online only because of a command in flight
#: or a held poll (microseconds).
_RECHECK_AFTER = 2 * SECOND
#: The time in which another server takes over from a dead leader (microseconds).
_TAKEOVER_WINDOW = 15 * SECOND


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
        self._assume_online_at(stopped)

    def _adopted(self) -> Iterable[Device]:
        return (device for device in self.devices if device.is_adopted)

    def _assume_online_at(self, at: int) -> None:
        """Assume that devices online at the instant *at* are online."""
        self._is_watching = True
        self._online_ids.clear()
        self._timers.clear()
        now, offline_at = self.clock.now(), self.online_rule.offline_at
        for device in self._adopted():
            if self.online_rule.is_online(device, at):
                self._online_ids.add(device.device_id)
                self._timers.append((offline_at(device, now), device.device_id))
        heapq.heapify(self._timers)

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
        now = self.clock.now()
        if not self._is_watching:
            self._assume_online_at(now - _TAKEOVER_WINDOW)
        departed = await self._find_departed(now)
        arrived = [
            d for d in self.device_events.take_arrivals() if self._mark_online(d, now)
        ]
        return [
            *(DeviceEvent(d, EventType.DEVICE_ONLINE, now, None) for d in arrived),
            *(DeviceEvent(d, EventType.DEVICE_OFFLINE, now, None) for d in departed),
        ]

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

    async def _find_departed(self, now: int) -> Sequence[Device]:
        overdue = self._pop_overdue(now)
        try:
            statuses = await self.store.queue_statuses(
                [device.device_id for device in overdue]
            )
        except Unavailable:
            for device in overdue:
                heapq.heappush(self._timers, (now, device.device_id))
            raise
        departed = []
        for device in overdue:
            device_id = device.device_id
            is_busy = statuses.get(device_id, EMPTY_QUEUE).in_flight is not None
            if self.holds.find_waiting(device_id) or self.online_rule.is_online(
                device, now, is_busy=is_busy
            ):
                heapq.heappush(self._timers, (now + _RECHECK_AFTER, device_id))
            else:
                self._online_ids.discard(device_id)
                departed.append(device)
        return departed

    def _pop_overdue(self, now: int) -> Sequence[Device]:
        """Return the devices whose polls are missing; set new timers for the others."""
        overdue = []
        while self._timers and self._timers[0][0] <= now:
            _, device_id = heapq.heappop(self._timers)
            device = self.devices.find_in_any_scope(device_id)
            if device is None or not device.is_adopted:
                self._online_ids.discard(device_id)
            elif self.online_rule.is_online(device, now):
                self._set_timer(device, 0)
            else:
                overdue.append(device)
        return overdue

    async def _publish_all(self, events: list[DeviceEvent]) -> None:
        outcomes = await asyncio.gather(
            *map(self._publish, events), return_exceptions=True
        )
        failed = [end for end in outcomes if isinstance(end, BaseException)]
        if failed:
            self._unpublished = [
                odd
                for odd, end in zip(events, outcomes, strict=True)
                if end is not None
            ]
            raise failed[0]

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

        if event_type in self.store.event_interest.get(device.scope_id, ()):
            await self.lanes.change(device.device_id, decide)
