"""Operations: create them, cancel and delete them."""

from collections.abc import Callable, Sequence

import attrs

from pushserver.errors import Conflict, NotFound
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_cancellation import cancel_operation
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.idempotency import (
    IdempotentRequest,
    remember_answer,
    replay_answer,
)
from pushserver.services.lanes import Lanes
from pushserver.services.next_steps import NextSteps
from pushserver.services.open_bounds import OpenBounds
from pushserver.services.operation_records import (
    current_operation,
    new_operation,
    number_steps,
    operation_entry,
)
from pushserver.services.queue import Queue
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState

#: Notifications that are deleted in one transaction.
_BATCH_SIZE = 1000


@attrs.frozen
class CreatedOperation:
    """The outcome of a create request; `operation` is None if replayed."""

    answer: bytes
    operation: Operation | None = None


@attrs.define(eq=False)
class Operations:
    """Tracked work on one device."""

    store: Store
    devices: DeviceRegistry
    lanes: Lanes
    queue: Queue
    next_steps: NextSteps
    open_bounds: OpenBounds

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
            LimitReached: it has no steps, and too many such operations run.
            NotFound: the device has moved to another scope, or was deleted.
            QueueFull: too many commands wait.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> CreatedOperation:
            stored = replay_answer(idempotency, changes, prior)
            if stored is not None:
                return CreatedOperation(stored)
            self.devices.require_owner(scope_id, lane)
            if plan.step_requests:
                self.queue.bounds.require_room(scope_id, lane, changes, added=1)
            else:
                room.require()
            operation = new_operation(
                plan, changes.new_id(), scope_id, device_id, created_by, changes.now
            )
            command = self._start(lane, operation, plan.step_requests, changes)
            action = AuditAction.OPERATION_CREATE
            changes.audit(operation_entry(operation, created_by, action))
            answer = render(operation, command)
            remember_answer(idempotency, answer, changes)
            return CreatedOperation(answer, operation)

        lookup = Lookup(idempotency_key=idempotency.key) if idempotency else None
        if plan.step_requests:
            return await self.lanes.change(device_id, decide, lookup)
        async with self.open_bounds.adding_operation(scope_id) as room:
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
            return self.next_steps.enqueue_step(lane, operation, requests[0], changes)
        operation.started_at = operation.created_at
        return None

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
        remove = self.store.notifications.delete_notifications
        key = operation.scope_id, operation.id
        while await remove(*key, None, limit=_BATCH_SIZE) == _BATCH_SIZE:
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
