"""Devices as rows of a page: how they stand, and what is in their queues."""

from collections.abc import Collection, Sequence

import attrs

from pushserver.model.device import Device
from pushserver.model.queue_status import EMPTY_QUEUE, QueueStatus
from pushserver.model.token import Permission
from pushserver.services.off_loop import in_pieces
from pushserver.services.online_rule import OnlineState
from pushserver.web.console.page import SignedInCall
from pushserver.web.services import Services


@attrs.frozen
class DeviceRow:
    """A device, as a page shows it."""

    device: Device
    shown_id: str
    online: OnlineState
    is_held: bool
    queue: QueueStatus

    @property
    def state(self) -> str:
        """The word of its badge."""
        return self.online if self.device.is_adopted else "quarantined"

    @property
    def title(self) -> str:
        """Its name, or else its id."""
        return self.device.name or self.shown_id


async def device_rows(
    services: Services, devices: Sequence[Device], scope_id: int
) -> list[DeviceRow]:
    """Return the rows of *devices*."""
    ids = [device.device_id for device in devices]
    queues = await services.store.queue_statuses(ids, scope_id)
    return [
        device_row(services, each, queues.get(each.device_id, EMPTY_QUEUE))
        async for each in in_pieces(devices)
    ]


def device_row(services: Services, device: Device, queue: QueueStatus) -> DeviceRow:
    """Return the row of a device."""
    is_held = services.holds.find_waiting(device.device_id) is not None
    online = services.online_rule.state_of(
        device,
        services.clock.now(),
        is_busy=queue.in_flight is not None,
        is_held=is_held,
    )
    return DeviceRow(
        device, services.protocols.display_id(device.device_id), online, is_held, queue
    )


def titles(call: SignedInCall, ids: Collection[int]) -> dict[int, str]:
    """Return the names of devices for who may see them, or else their ids."""
    services, may_see = call.services, call.may(Permission.DEVICES_READ)
    found = {
        each: services.devices.find(call.scope_id, each) if may_see else None
        for each in ids
    }
    return {
        device_id: (device.name if device else None)
        or services.protocols.display_id(device_id)
        for device_id, device in found.items()
    }
