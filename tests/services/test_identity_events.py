"""Events of devices that are not admitted, or that two addresses poll as."""

from pushserver.model.device import DeviceKeys, IdentityConflict
from pushserver.model.event import EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.secret import hash_secret
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.web.services import Services
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.services.online_devices import HOME, device_events, event_types, poll_as


async def test_quarantined(services: Services, monitor: OnlineMonitor) -> None:
    """
    A quarantined device is reported as such, and comes neither online nor offline.
    """
    for _ in range(2):
        services.admission.admit(terminal(77), None, HOME)
        await monitor.publish_changes()

    assert [EventType.DEVICE_QUARANTINED] == await event_types(services)


async def test_adopted_later(services: Services, monitor: OnlineMonitor) -> None:
    """A device that is adopted after it polled comes online with its next poll."""
    services.admission.admit(terminal(77), None, HOME)
    await monitor.publish_changes()
    await services.fleet.adopt(DEFAULT_SCOPE_ID, terminal(77))
    poll_as(services, 77)
    await monitor.publish_changes()

    assert [EventType.DEVICE_QUARANTINED, EventType.DEVICE_ONLINE] == await event_types(
        services
    )


async def test_wrong_key(services: Services, monitor: OnlineMonitor) -> None:
    """A device with a wrong key is reported as such, and does not come online."""
    services.admission.key_policy = DeviceKeys.REQUIRED
    await services.key_issuer.make_key(DEFAULT_SCOPE_ID, DEVICE, enforce=True)
    services.admission.admit(terminal(DEVICE), "wrong", HOME)
    services.admission.admit(terminal(DEVICE), "wrong", HOME)
    await monitor.publish_changes()

    ((kind, data),) = await device_events(services)
    assert EventType.DEVICE_IDENTITY_MISMATCH is kind
    assert "wrongKey" == data.reason


async def test_two_addresses(
    services: Services, monitor: OnlineMonitor, clock: ManualClock
) -> None:
    """Two addresses in turn are reported with both, once an hour, and counted."""
    found = []
    for _ in range(2):
        for address in (HOME, "192.0.2.8") * 3:
            clock.tick(2)
            services.admission.admit(terminal(DEVICE), None, address)
        await monitor.publish_changes()
        found = [
            {data.address, data.other_address}
            for kind, data in await device_events(services)
            if kind is EventType.DEVICE_IDENTITY_CONFLICT
        ]
        assert [{HOME, "192.0.2.8"}] == found
    clock.tick(3600)
    for address in (HOME, "192.0.2.8", HOME):
        services.admission.admit(terminal(DEVICE), None, address)
    await monitor.publish_changes()

    kinds = await event_types(services)
    assert 2 == kinds.count(EventType.DEVICE_IDENTITY_CONFLICT)
    device = services.devices.get(DEFAULT_SCOPE_ID, DEVICE)
    assert clock.now() == device.identity_conflict_at


async def test_shut_out(services: Services, monitor: OnlineMonitor) -> None:
    """The event names the address that is shut out; one with a key never is."""
    services.admission.conflict_policy = IdentityConflict.QUARANTINE
    device = poll_as(services)
    for address in ("192.0.2.8", HOME):
        services.admission.admit(terminal(DEVICE), None, address)
    assert services.admission.admit(terminal(DEVICE), None, "192.0.2.8") is None
    await monitor.publish_changes()

    (data,) = [
        data
        for kind, data in await device_events(services)
        if kind is EventType.DEVICE_IDENTITY_CONFLICT
    ]
    assert "192.0.2.8" == data.shut_out_address
    device.key_hash = hash_secret("key")
    assert services.admission.admit(terminal(DEVICE), "key", "192.0.2.8") is device
