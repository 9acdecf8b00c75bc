"""A held poll is contact: its device counts as seen for as long as it waits."""

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.model.device import Device
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_write_behind import DeviceWriteBehind
from pushserver.services.held_polls import HeldPolls
from pushserver.services.off_loop import in_pieces

#: How often a held device is recorded as seen, if it never polled in a period of its
#: own (microseconds). With one, it costs no more writes than its polls would.
_DEFAULT_INTERVAL = 10 * SECOND


@attrs.frozen(repr=False)
class HeldContact:
    """Keeps `last_seen_at` of devices whose polls are held here up to date."""

    devices: DeviceRegistry
    holds: HeldPolls
    write_behind: DeviceWriteBehind
    clock: Clock

    def record(self, device: Device) -> None:
        """Record that the device is in contact now, or was until its hold ended."""
        if self.devices.find_in_any_scope(device.device_id) is device:
            device.record_contact(self.clock.now())
            self.write_behind.add_seen(device)

    async def flush_seen(self) -> int:
        """
        Store when devices were seen, held ones too; return how many were written.

        Raises:
            Unavailable: the store is away; the next call writes the rest.
        """
        now = self.clock.now()
        async for hold in in_pieces(self.holds):
            device = self.devices.find_in_any_scope(hold.poll.device_id)
            if device is not None and not hold.poll.is_gone():
                self._record_if_due(device, now)
        return await self.write_behind.flush_repeatedly()

    def _record_if_due(self, device: Device, now: int) -> None:
        interval = min(device.poll_period or _DEFAULT_INTERVAL, _DEFAULT_INTERVAL)
        if now - (device.last_seen_at or 0) >= interval:
            self.record(device)
