"""Operations: create them, queue their steps, cancel and delete them."""

import asyncio
from collections.abc import Callable, Sequence

import attrs

from pushserver.errors import Conflict, NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest, OperationRequest, StepRef
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.transitions import cancel_operation, enqueue_step
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_sync import DeviceSync
from pushserver.services.idempotency import (
    IdempotentRequest,
    remember_answer,
    replay_answer,
)
from pushserver.services.lanes import Lanes
from pushserver.services.operation_records import (
    new_operation,
    number_steps,
    operation_entry,
)
from pushserver.services.queue import Queue
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.operations import DueStep

#: Operations in one batch; a door command waits for one batch at most.
BATCH_SIZE = 100


@attrs.frozen
class CreatedOperation:
    """The outcome of a create request; `operation` is None if replayed."""

    answer: bytes
    operation: Operation | None = None


@attrs.define(eq=False)
class Operations:
    """Tracked work on one device. `wakeup` is set when a next step may be queued."""

    store: Store
    devices: DeviceRegistry
    device_sync: DeviceSync
    lanes: Lanes
    queue: Queue
    reconciler: ShadowReconciler
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def create(
        self,
        device_id: int,
        plan: OperationRequest,
        render: Callable[[Operation, Command | None], bytes],
        *,
        scope_id: int,
        created_by: Actor,
        idempotency: IdempotentRequest | None = None,
    ) -> CreatedOperation:
        """
        Create an operation; it and its first command are on disk on return.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            NotFound: the device has moved to another scope, or was deleted.
            QueueFull: too many commands wait.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> CreatedOperation:
            if idempotency is not None:
                stored = replay_answer(idempotency, changes, prior)
                if stored is not None:
                    return CreatedOperation(stored)
            self.devices.require_staying(device_id)
            lane.require_owner(scope_id)
            if plan.step_requests:
                self.queue.bounds.require_room(scope_id, lane, changes, added=1)
            operation = new_operation(
                plan, changes.new_id(), scope_id, device_id, created_by, changes.now
            )
            command = self._start(lane, operation, plan.step_requests, changes)
            action = AuditAction.OPERATION_CREATE
            changes.audit(operation_entry(operation, created_by, action))
            answer = render(operation, command)
            if idempotency is not None:
                remember_answer(idempotency, answer, changes)
            return CreatedOperation(answer, operation)

        lookup = Lookup(idempotency_key=idempotency.key) if idempotency else None
        return await self.lanes.change(device_id, decide, lookup)

    def _start(
        self,
        lane: Lane,
        operation: Operation,
        requests: Sequence[CommandRequest],
        changes: Changes,
    ) -> Command | None:
        changes.record_operation(operation, operation.created_at)
        changes.steps.extend(number_steps(operation.id, requests))
        if requests:
            return self._enqueue_step(lane, operation, requests[0], changes)
        operation.started_at = operation.created_at
        return None

    def _enqueue_step(
        self,
        lane: Lane,
        operation: Operation,
        request: CommandRequest,
        changes: Changes,
    ) -> Command:
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

    def on_steps_due(self, _notice: ChangeNotice) -> None:
        """Queue the next steps soon."""
        self.wakeup.set()

    async def queue_due_steps(self) -> int:
        """Queue every next step that is due; return how many were."""
        self.wakeup.clear()
        total = 0
        while due := await self.store.operations.due_steps(limit=BATCH_SIZE):
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
            if self._is_device_gone(lane, operation):
                self._cancel(lane, operation, changes, "The device is gone.")
            elif request.service_id is not None:
                return self.reconciler.queue_write_step(
                    operation, request, lane, changes, prior
                )
            else:
                self._enqueue_step(lane, operation, request, changes)
            return True

        is_service_write = request.service_id is not None
        lookup = Lookup(operation_id=due.operation_id, services=is_service_write)
        return await self.lanes.change(due.device_id, decide, lookup)

    def _is_device_gone(self, lane: Lane, operation: Operation) -> bool:
        if not lane.belongs_to(operation.scope_id):
            return True
        device = self.devices.find(operation.scope_id, operation.device_id)
        return device is None or not device.is_adopted

    async def get(self, scope_id: int, operation_id: int) -> Operation:
        """
        Return one operation.

        Raises:
            NotFound: there is none.
        """
        found = await self.store.operations.find_operation(scope_id, operation_id)
        if found is None:
            raise NotFound(f"There is no operation {operation_id}.")
        return found

    async def cancel(
        self, scope_id: int, operation_id: int, actor: Actor = SERVER
    ) -> Operation:
        """
        Cancel an operation; a step in flight runs to its end.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        operation = await self.get(scope_id, operation_id)
        canceled = await self.end(operation, "Canceled.", by=actor)
        if canceled is None:
            raise Conflict(f"Operation {operation_id} has ended.")
        return canceled

    async def end(
        self,
        operation: Operation,
        reason: str,
        *,
        late: bool = False,
        by: Actor = SERVER,
        is_of_task: bool = False,
    ) -> Operation | None:
        """
        Cancel an operation and return it, None if it has ended.

        *late*: it is ended because its device did not poll in time. *is_of_task*: so
        are all others of its task, of which the audit has an entry.
        """

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> Operation | None:
            found = current_operation(lane, changes, prior)
            if found is None or not found.is_open:
                return None
            self._cancel(lane, found, changes, reason, late=late, by=by)
            if not is_of_task:
                changes.audit(operation_entry(found, by, AuditAction.OPERATION_CANCEL))
            return found

        lookup = Lookup(operation_id=operation.id)
        return await self.lanes.change(operation.device_id, decide, lookup)

    def _cancel(
        self,
        lane: Lane,
        operation: Operation,
        changes: Changes,
        reason: str,
        *,
        late: bool = False,
        by: Actor = SERVER,
    ) -> None:
        cancel_operation(
            lane,
            operation,
            changes,
            now=changes.now,
            reason=reason,
            by=by,
            is_expired=late,
        )

    async def delete(self, operation: Operation, actor: Actor = SERVER) -> None:
        """Cancel and delete an operation and its notifications; results stay."""
        remove = self.store.operations.delete_notifications
        key = operation.scope_id, operation.id
        while await remove(*key, None, limit=BATCH_SIZE * 10) == BATCH_SIZE * 10:
            pass

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            found = current_operation(lane, changes, prior)
            if found is None:
                return
            self._cancel(lane, found, changes, "Deleted.", by=actor)
            changes.audit(operation_entry(found, actor, AuditAction.OPERATION_DELETE))
            command = lane.command_of_operation(found.id)
            if command is not None:
                command.operation = None
            changes.deleted_operations[found.id] = found.device_id

        lookup = Lookup(operation_id=operation.id)
        await self.lanes.change(operation.device_id, decide, lookup)


def current_operation(
    lane: Lane, changes: Changes, prior: PriorState
) -> Operation | None:
    """Return the live object of the operation looked up, None if it is deleted."""
    found = prior.operation
    if found is None or found.id in changes.deleted_operations:
        return None
    return changes.live_operation(lane, found)
