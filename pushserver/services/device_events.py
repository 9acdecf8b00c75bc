"""Buffers what devices did until it is published as events."""

import attrs

from pushserver.clock import Clock
from pushserver.model.device import QUARANTINE_LIMIT, Device
from pushserver.model.event import EventType


@attrs.frozen
class DeviceEvent:
    """An event of a device to be published."""

    device: Device
    event_type: EventType
    at: int
    reason: str | None


@attrs.define(eq=False, repr=False)
class DeviceEventBuffer:
    """Collects polls and events of devices, which `OnlineMonitor` publishes."""

    clock: Clock
    _arrivals: dict[int, Device] = attrs.field(factory=dict, init=False)
    _events: list[DeviceEvent] = attrs.field(factory=list, init=False)

    def add_arrival(self, device: Device) -> None:
        """Record that an adopted device polled."""
        self._arrivals[device.device_id] = device

    def add(
        self, device: Device, event_type: EventType, reason: str | None = None
    ) -> None:
        """Add an event, unless the buffer is full."""
        if len(self._events) < QUARANTINE_LIMIT:
            now = self.clock.now()
            self._events.append(DeviceEvent(device, event_type, now, reason))

    def take_arrivals(self) -> list[Device]:
        """Return the devices that polled since the last call."""
        arrivals, self._arrivals = self._arrivals, {}
        return list(arrivals.values())

    def take(self) -> list[DeviceEvent]:
        """Return the events since the last call, one of each type for each device."""
        events, self._events = self._events, []
        return list({(e.device.device_id, e.event_type): e for e in events}.values())
