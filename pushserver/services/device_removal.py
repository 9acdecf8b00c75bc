"""Deletes devices, and ends what was planned for them."""

import attrs

from pushserver.errors import NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.changes import Changes
from pushserver.model.device_end import (
    OPERATIONS_TO_SHORTEN,
    end_device,
    shorten_device,
)
from pushserver.model.lane import Lane
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_sync import DeviceSync
from pushserver.services.lanes import Lanes
from pushserver.storage.commands import Decision, Lookup, PriorState

_DEVICE_LOOKUP = Lookup(device=True)
_SHORTEN_LOOKUP = Lookup(device=True, max_operations=OPERATIONS_TO_SHORTEN)


@attrs.frozen(repr=False)
class DeviceRemoval:
    """Lets nothing that was planned for a device reach the next one with its id."""

    lanes: Lanes
    devices: DeviceRegistry
    device_sync: DeviceSync

    async def delete(
        self, scope_id: int, device_id: int, actor: Actor = SERVER
    ) -> None:
        """
        Delete a device, and end all that was planned for it; its history stays.

        Raises:
            NotFound: the scope does not have it.
        """

        def require_same(prior: PriorState) -> None:
            if prior.device is not None and prior.device.scope_id != scope_id:
                raise NotFound(f"There is no device {device_id}.")

        def shorten(lane: Lane, changes: Changes, prior: PriorState) -> bool:
            require_same(prior)
            return shorten_device(lane, prior.running_operations, changes, by=actor)

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            require_same(prior)
            end_device(lane, prior.running_operations, changes, by=actor)
            changes.deleted_devices.add(device_id)
            action = AuditAction.DEVICE_DELETE
            changes.audit(device_entry(scope_id, actor, action, device_id))

        async with self.devices.write_lock:
            await self.device_sync.reload_before_write([device_id])
            self.devices.get(scope_id, device_id)
            with self.devices.leaving(device_id):
                await self._repeat_while_more(device_id, shorten)
                await self.lanes.change(device_id, decide, _DEVICE_LOOKUP)
                self.device_sync.forget(device_id)

    async def end_earlier(self, device_id: int, actor: Actor) -> None:
        """End what an earlier device with this id left, unless it is adopted again."""

        # Another server may have adopted it meanwhile, and enqueued.
        def shorten(lane: Lane, changes: Changes, prior: PriorState) -> bool:
            # Nothing is kept for the last commit: many devices may share that.
            return not _is_adopted(prior) and shorten_device(
                lane, prior.running_operations, changes, by=actor, keep=0
            )

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            if not _is_adopted(prior):
                end_device(lane, prior.running_operations, changes, by=actor)

        await self._repeat_while_more(device_id, shorten)
        await self.lanes.change(device_id, decide, _DEVICE_LOOKUP)

    async def _repeat_while_more(self, device_id: int, shorten: Decision[bool]) -> None:
        """Let *shorten* end what is planned for the device, in a commit for each."""
        while await self.lanes.change(device_id, shorten, _SHORTEN_LOOKUP):
            pass


def _is_adopted(prior: PriorState) -> bool:
    return prior.device is not None and prior.device.is_adopted
