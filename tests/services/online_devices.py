"""Devices that poll, and the events of their coming and going."""

import msgspec

from pushserver.model.device import Device
from pushserver.model.event import EventType
from pushserver.model.event_payload import DevicePayload
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.services.online_rule import OnlineRule
from pushserver.web.services import Services
from tests.devices import terminal
from tests.model.factories import DEVICE

HOME = "192.0.2.7"


def online_monitor(
    services: Services, hold: int = 0, rule: OnlineRule | None = None
) -> OnlineMonitor:
    """Return the online monitor, as the program makes it."""
    monitor = OnlineMonitor(
        store=services.store,
        clock=services.clock,
        lanes=services.lanes,
        devices=services.devices,
        device_events=services.device_events,
        holds=services.holds,
        online_rule=rule or OnlineRule(hold),
    )
    monitor.restore()
    services.store.event_interest[DEFAULT_SCOPE_ID] = frozenset(EventType)
    return monitor


def poll_as(services: Services, device_id: int = DEVICE) -> Device:
    """Let a device poll, and be idle after it."""
    services.admission.admit(terminal(device_id), None, HOME)
    device = services.devices.get(DEFAULT_SCOPE_ID, device_id)
    device.was_last_poll_idle = True
    return device


async def event_types(services: Services) -> list[EventType]:
    """Return the types of the device events."""
    return [kind for kind, _ in await device_events(services)]


async def device_events(services: Services) -> list[tuple[EventType, DevicePayload]]:
    """Return the device events, with their payloads."""
    read = msgspec.json.Decoder(DevicePayload).decode
    found = await services.store.subscriptions.events(
        DEFAULT_SCOPE_ID, after=0, limit=100
    )
    return [
        (e.type, read(e.data or b"")) for e in found if e.type.startswith("device.")
    ]
