"""Deletes devices, and ends what was planned for them."""

from functools import partial

import attrs

from pushserver.errors import NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.changes import Changes
from pushserver.model.device_end import end_device
from pushserver.model.lane import Lane
from pushserver.model.withdrawal import MAX_ENDED_AT_ONCE, end_waiting
from pushserver.services.batches import repeat_until_done
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_sync import DeviceSync
from pushserver.services.lanes import Lanes
from pushserver.storage.commands import Lookup, PriorState

_DEVICE_LOOKUP = Lookup(device=True)


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

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            if prior.device is not None and prior.device.scope_id != scope_id:
                raise NotFound(f"There is no device {device_id}.")
            _end_device(lane, changes, prior, actor)
            changes.deleted_devices.add(device_id)
            action = AuditAction.DEVICE_DELETE
            changes.audit(device_entry(scope_id, actor, action, device_id))

        async with self.devices.write_lock:
            await self.device_sync.reload_before_write([device_id])
            self.devices.get(scope_id, device_id)
            with self.devices.leaving(device_id):
                shorten = partial(self._shorten_lane, device_id, actor)
                await repeat_until_done(shorten)
                await self.lanes.change(device_id, decide, _DEVICE_LOOKUP)
                self.device_sync.forget(device_id)
                # Wait for decisions that began before the deletion: they are refused.
                await self.lanes.change(device_id, _decide_nothing)

    async def _shorten_lane(self, device_id: int, actor: Actor) -> int:
        """End the last of very many waiting commands; return how many."""

        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> int:
            start = max(MAX_ENDED_AT_ONCE, lane.depth - MAX_ENDED_AT_ONCE)
            surplus = lane.waiting[start:]
            plain = [command for command in surplus if command.operation_id is None]
            end_waiting(lane, plain, changes, now=changes.now, by=actor)
            return len(plain)

        return await self.lanes.change(device_id, decide)

    async def end_earlier(self, device_id: int, actor: Actor) -> None:
        """End what an earlier device with this id left, unless it is adopted again."""

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            # Another server may have adopted it meanwhile, and enqueued.
            if prior.device is None or not prior.device.is_adopted:
                _end_device(lane, changes, prior, actor)

        await self.lanes.change(device_id, decide, _DEVICE_LOOKUP)


def _decide_nothing(_lane: Lane, _changes: Changes, _prior: PriorState) -> None:
    """Change nothing: once this is decided, so is all that came before it."""


def _end_device(lane: Lane, changes: Changes, prior: PriorState, actor: Actor) -> None:
    end_device(
        lane,
        prior.running_operations,
        changes,
        now=changes.now,
        reason="The device was deleted.",
        by=actor,
    )
