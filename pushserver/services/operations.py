"""Operations: begin them, go on with their steps, tell of them, end them."""

import asyncio
from collections.abc import Callable, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Conflict, NotFound
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.draft import Draft, Place, Plan, Step
from pushserver.model.idempotency import KeyUse
from pushserver.model.ids import IdSource
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.turns import add_step, cancel_operation
from pushserver.services.fleet import Fleet
from pushserver.services.mirror import Mirror
from pushserver.services.polling import Polling
from pushserver.services.queue import Once, Queue
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.tracking import DueStep

#: So many operations are moved at once, so that a door command waits for no more.
BATCH = 100


@attrs.frozen
class Begun:
    """What became of a request to begin one; `operation` is None if replayed."""

    answer: bytes
    operation: Operation | None = None


@attrs.define(eq=False)
class Operations:
    """Tracked work on one device. `due` is set when a next step may be queued."""

    store: Store
    clock: Clock
    ids: IdSource
    fleet: Fleet
    polling: Polling
    queue: Queue
    mirror: Mirror
    due: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def begin(
        self,
        device_id: int,
        plan: Plan,
        render: Callable[[Operation, Command | None], bytes],
        *,
        scope_id: int,
        by: int,
        request: Once | None = None,
    ) -> Begun:
        """
        Begin an operation; it and its first command are on disk then.

        Raises:
            IdempotencyMismatch: the key came before, with another request.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, past: Past) -> Begun:
            now = self.clock.now()
            if request is not None:
                use = changes.keys.get(request.key) or past.key_use
                kept = request.replayed(use, now)
                if kept is not None:
                    return Begun(kept)
            operation = new_operation(plan, self.ids(), scope_id, device_id, by, now)
            command = self._put(lane, operation, plan.drafts, changes)
            answer = render(operation, command)
            if request is not None:
                use = KeyUse(request.key, request.fingerprint, answer, now)
                changes.keys[request.key] = use
            return Begun(answer, operation)

        recall = Recall(key=request.key) if request else None
        return await self.polling.fill(device_id, decide, recall)

    def _put(
        self,
        lane: Lane,
        operation: Operation,
        drafts: Sequence[Draft],
        changes: Changes,
    ) -> Command | None:
        changes.track(operation, operation.created_at)
        changes.steps.extend(steps_of(operation.id, drafts))
        if drafts:
            return self._add(lane, operation, drafts[0], changes)
        operation.started_at = operation.created_at
        return None

    def _add(
        self, lane: Lane, operation: Operation, draft: Draft, changes: Changes
    ) -> Command:
        place = Place(operation.id, operation.queued)
        now = self.clock.now()
        command = self.queue.make(
            draft, operation.scope_id, operation.device_id, now, place
        )
        add_step(lane, operation, command, changes)
        return command

    def look(self, changes: Changes) -> None:
        """Notice in what was written that an operation goes on."""
        if any(operation.wants_step for operation in changes.operations.values()):
            self.due.set()

    async def go_on(self) -> int:
        """Queue every next step that is due; return how many were."""
        self.due.clear()
        total = 0
        while due := await self.store.operations.due_steps(limit=BATCH):
            done = await self.queue_steps(due)
            if not done:
                break
            total += done
        return total

    async def queue_steps(self, due: Sequence[DueStep]) -> int:
        """Make commands of these steps, once each; return how many were made."""
        places = {(step.owner_id, step.number) for step in due}
        found = await self.store.operations.steps(sorted(places))
        drafts = {(step.owner_id, step.number): step.draft for step in found}
        # What was deleted since it was found to be due has no steps any more.
        there = [s for s in due if (s.owner_id, s.number) in drafts]
        done = await asyncio.gather(
            *(self._queue_step(s, drafts[s.owner_id, s.number]) for s in there)
        )
        return sum(done)

    async def _queue_step(self, due: DueStep, draft: Draft) -> bool:
        known = self.fleet.known(due.device_id)
        if known is None or not known.is_adopted:
            # Another server may have adopted it a moment ago.
            await self.fleet.refresh([due.device_id])

        def decide(lane: Lane, changes: Changes, past: Past) -> bool:
            operation = current(lane, changes, past)
            if operation is None or not operation.wants_step:
                return False
            if operation.queued != due.number:
                return False
            if self._is_gone(operation):
                self._cancel(lane, operation, changes, "The device is gone.")
            elif draft.service_id is not None:
                return self.mirror.step(operation, draft, lane, changes, past)
            else:
                self._add(lane, operation, draft, changes)
            return True

        writes = draft.service_id is not None
        recall = Recall(operation_id=due.operation_id, shadow=writes)
        return await self.polling.fill(due.device_id, decide, recall)

    def _is_gone(self, operation: Operation) -> bool:
        device = self.fleet.find(operation.scope_id, operation.device_id)
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

    async def cancel(self, scope_id: int, operation_id: int) -> Operation:
        """
        Cancel what waits of an operation; a step in flight runs to its end.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        operation = await self.get(scope_id, operation_id)
        canceled = await self.end(operation, "Canceled.")
        if canceled is None:
            raise Conflict(f"Operation {operation_id} has ended.")
        return canceled

    async def end(
        self, operation: Operation, why: str, *, late: bool = False
    ) -> Operation | None:
        """
        Cancel an operation and return it, None if it has ended.

        *late*: nobody wanted that, its device did not come in time.
        """

        def decide(lane: Lane, changes: Changes, past: Past) -> Operation | None:
            found = current(lane, changes, past)
            if found is None or not found.is_open:
                return None
            self._cancel(lane, found, changes, why, late=late)
            return found

        recall = Recall(operation_id=operation.id)
        return await self.store.change(operation.device_id, decide, recall)

    def _cancel(
        self,
        lane: Lane,
        operation: Operation,
        changes: Changes,
        why: str,
        *,
        late: bool = False,
    ) -> None:
        now = self.clock.now()
        cancel_operation(lane, operation, changes, now=now, why=why, late=late)

    async def delete(self, operation: Operation) -> None:
        """Cancel and forget an operation and its notifications; results stay."""
        remove = self.store.operations.remove_notifications
        place = operation.scope_id, operation.id
        while await remove(*place, None, limit=BATCH * 10) == BATCH * 10:
            pass

        def decide(lane: Lane, changes: Changes, past: Past) -> None:
            found = current(lane, changes, past)
            if found is None:
                return
            self._cancel(lane, found, changes, "Deleted.")
            command = lane.of_operation(found.id)
            if command is not None:
                command.operation = None
            changes.forgotten[found.id] = found.device_id

        recall = Recall(operation_id=operation.id)
        await self.store.change(operation.device_id, decide, recall)


def current(lane: Lane, changes: Changes, past: Past) -> Operation | None:
    """Return the recalled operation as it is at work, None if it is forgotten."""
    found = past.operation
    if found is None or found.id in changes.forgotten:
        return None
    return changes.current(lane, found)


def new_operation(
    plan: Plan,
    operation_id: int,
    scope_id: int,
    device_id: int,
    by: int,
    now: int,
    task_id: int | None = None,
) -> Operation:
    """Return an operation that has not begun."""
    return Operation(
        id=operation_id,
        scope_id=scope_id,
        device_id=device_id,
        task_id=task_id,
        created_at=now,
        created_by=by,
        modified_at=now,
        label=plan.label,
        on_failure=plan.on_failure,
        steps=len(plan.drafts),
    )


def steps_of(owner_id: int, drafts: Sequence[Draft]) -> list[Step]:
    """Number the steps of an operation or a task."""
    return [Step(owner_id=owner_id, number=n, draft=d) for n, d in enumerate(drafts)]
