"""Queues the next steps of operations, when it is their turn."""

import asyncio
from collections.abc import Sequence

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest, StepRef
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_cancellation import (
    OUT_OF_REACH,
    cancel_operation,
)
from pushserver.model.transitions import enqueue_step
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_sync import DeviceSync
from pushserver.services.lanes import Lanes
from pushserver.services.operation_records import (
    current_operation,
)
from pushserver.services.plan_reach import PlanReach
from pushserver.services.queue import Queue
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.operations import DueStep

#: Operations in one batch; a door command waits for one batch at most.
BATCH_SIZE = 100


@attrs.define(eq=False)
class NextSteps:
    """Queues next steps, each once. `wakeup` is set when one may be queued."""

    store: Store
    devices: DeviceRegistry
    device_sync: DeviceSync
    lanes: Lanes
    queue: Queue
    reconciler: ShadowReconciler
    reach: PlanReach
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def on_steps_due(self, _notice: ChangeNotice) -> None:
        """Queue the next steps soon."""
        self.wakeup.set()

    async def queue_due_steps(self) -> int:
        """Queue every next step that is due; return how many were."""
        self.wakeup.clear()
        total = 0
        while not self.store.is_closing_soon:
            due = await self.store.operations.due_steps(limit=BATCH_SIZE)
            done = await self.queue_steps(due)
            if not done:
                break
            total += done
        return total

    async def queue_steps(self, due: Sequence[DueStep]) -> int:
        """Queue the commands of these steps, once each; return how many."""
        step_keys = {(step.owner_id, step.number) for step in due}
        steps = await self.store.operations.steps(sorted(step_keys))
        requests = {(step.owner_id, step.number): step.request for step in steps}
        # An operation that was deleted meanwhile has no more steps.
        existing = [s for s in due if (s.owner_id, s.number) in requests]
        await self.reach.catch_up((s.created_by, s.device_id) for s in existing)
        done = await asyncio.gather(
            *(self._queue_step(s, requests[s.owner_id, s.number]) for s in existing)
        )
        return sum(done)

    async def _queue_step(self, due: DueStep, request: CommandRequest) -> bool:
        device = self.devices.find_in_any_scope(due.device_id)
        if device is None or not device.is_adopted:
            # Another server may just have adopted it.
            await self.device_sync.refresh([due.device_id])

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> bool:
            operation = current_operation(lane, changes, prior)
            if operation is None or not operation.needs_next_step:
                return False
            if operation.queued_steps != due.number:
                return False
            if reason := self._reason_to_cancel(lane, operation):
                cancel_operation(
                    lane, operation, changes, now=changes.now, reason=reason
                )
            elif request.service_id is not None:
                return self.reconciler.queue_write_step(
                    operation, request, lane, changes, prior
                )
            else:
                self.enqueue_step(lane, operation, request, changes)
            return True

        is_service_write = request.service_id is not None
        lookup = Lookup(operation_id=due.operation_id, services=is_service_write)
        return await self.lanes.change(due.device_id, decide, lookup)

    def _reason_to_cancel(self, lane: Lane, operation: Operation) -> str | None:
        """Return why the operation goes no further on its device, None if it does."""
        if not self.devices.owns(operation.scope_id, lane):
            return "The device is gone."
        if not self.reach.allows(operation.created_by, lane.device_id):
            return OUT_OF_REACH
        return None

    def enqueue_step(
        self,
        lane: Lane,
        operation: Operation,
        request: CommandRequest,
        changes: Changes,
    ) -> Command:
        """Queue the next step of *operation*, which *request* asks for."""
        step_ref = StepRef(operation.id, operation.queued_steps)
        command = self.queue.new_command(
            request,
            operation.scope_id,
            operation.device_id,
            changes,
            operation.created_by,
            step_ref,
        )
        enqueue_step(lane, operation, command, changes)
        return command
