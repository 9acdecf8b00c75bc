"""Holds commands after a restore, and releases them."""

import asyncio

import attrs

from pushserver.errors import Conflict
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, command_entry
from pushserver.model.changes import Changes
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.held_commands import hold_at_most_once, release
from pushserver.model.lane import Lane
from pushserver.services.batches import batches
from pushserver.services.lanes import Lanes
from pushserver.services.queue import Queue
from pushserver.storage.base import Store
from pushserver.storage.commands import PriorState
from pushserver.storage.history import CommandRecord


@attrs.frozen
class HeldCommands:
    """Commands that wait for somebody's decision."""

    store: Store
    lanes: Lanes
    queue: Queue

    async def hold_all(self) -> int:
        """
        Hold every command that waits and must not be given twice; return how many.

        Raises:
            Unavailable: the store is away.
        """
        waiting = await self.store.devices_with_waiting(DeliveryGuarantee.AT_MOST_ONCE)
        counts: list[int] = []
        for batch in batches(waiting):
            counts += await asyncio.gather(*(self._hold(each) for each in batch))
        return sum(counts)

    async def _hold(self, device_id: int) -> int:
        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> int:
            return hold_at_most_once(lane, changes)

        return await self.lanes.change(device_id, decide)

    async def release(
        self, scope_id: int, command_id: int, actor: Actor = SERVER
    ) -> CommandRecord:
        """
        Let a held command be handed out.

        Raises:
            NotFound: there is none.
            Conflict: it is not held, or has ended.
        """
        record = await self.queue.get(scope_id, command_id)

        def decide(lane: Lane, changes: Changes, _prior: PriorState) -> bool:
            is_released = release(lane, command_id, changes)
            if is_released:
                action = AuditAction.COMMAND_RELEASE
                changes.audit(command_entry(actor, action, record.command))
            return is_released

        if not await self.lanes.change(record.command.device_id, decide):
            raise Conflict(f"Command {command_id} is not held.")
        return await self.queue.get(scope_id, command_id)
