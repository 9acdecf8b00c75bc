"""Tasks: the same operation on many devices, begun as devices come and places free."""

from collections.abc import Callable, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Conflict, NotFound, Unavailable
from pushserver.model.command_request import OperationRequest
from pushserver.model.idempotency import IdempotencyRecord
from pushserver.model.ids import IdGenerator
from pushserver.model.operation import Operation, OperationStatus
from pushserver.model.target import TargetDevice, TargetSelector
from pushserver.model.task import FailureLimit, OperationCounts, Task, TaskState
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.cluster_sync import ClusterSync
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.services.operations import new_operation, number_steps
from pushserver.services.queue import IdempotentRequest
from pushserver.services.shadows import Shadows
from pushserver.services.task_scheduler import TaskScheduler
from pushserver.storage.base import Store

#: So many operations are written at once, so that a door command waits for no more.
BATCH_SIZE = 500

_ACTIVE_STATES = (TaskState.RUNNING, TaskState.PAUSED)


@attrs.frozen(kw_only=True)
class RolloutPolicy:
    """How fast a task goes, and how long (microseconds) it waits for its devices."""

    concurrency: int | None = None
    stop_after: FailureLimit | None = None
    expires_in: int | None = None


@attrs.frozen
class CreatedTask:
    """What became of a request to make one; `task` is None if replayed."""

    answer: bytes
    task: Task | None = None


@attrs.define(eq=False)
class Tasks:
    """Makes tasks and changes their course; `scheduler` carries them out."""

    store: Store
    clock: Clock
    ids: IdGenerator
    fleet: FleetAdmin
    protocols: DeviceProtocols
    cluster_sync: ClusterSync
    scheduler: TaskScheduler
    shadows: Shadows
    default_hold: int

    async def preview_targets(
        self, scope_id: int, targets: TargetSelector
    ) -> list[TargetDevice]:
        """
        Return who would be hit, and when they should poll.

        Raises:
            Invalid: a device is not adopted, or none is meant.
        """
        await self.cluster_sync.catch_up()
        now = self.clock.now()
        return [
            TargetDevice(d, d.is_online(now, self.default_hold), d.next_poll_at(now))
            for d in self.fleet.resolve_targets(scope_id, targets)
        ]

    async def protocol_of(
        self, scope_id: int, targets: TargetSelector
    ) -> DeviceProtocol:
        """
        Return the protocol in which a task's steps for *targets* are written.

        Raises:
            Invalid: the devices speak several.
        """
        if len(self.protocols.installed) == 1:
            return self.protocols.default
        await self.cluster_sync.catch_up()
        return self.protocols.common(self.fleet.resolve_targets(scope_id, targets))

    async def create(
        self,
        plan: OperationRequest,
        targets: TargetSelector,
        policy: RolloutPolicy,
        render: Callable[[Task, OperationCounts], bytes],
        *,
        scope_id: int,
        created_by: int,
        name: str | None = None,
        idempotency: IdempotentRequest | None = None,
    ) -> CreatedTask:
        """
        Make a task for these devices; it begins at once.

        Raises:
            Invalid: a device is not adopted, none is meant, or they speak several
                protocols.
            IdempotencyMismatch: the key came before, with another request.
            Unavailable: the store is away.
        """
        now = self.clock.now()
        stored = await self._stored_answer(idempotency)
        if stored is not None:
            return CreatedTask(stored)
        await self.cluster_sync.catch_up()
        found = self.fleet.resolve_targets(scope_id, targets)
        devices = [device.device_id for device in found]
        expires_in = policy.expires_in or _default_expiry(
            plan, self.protocols.common(found)
        )
        task = self._build_task(
            plan, policy, expires_in, scope_id, created_by, name, now
        )
        running = attrs.evolve(task, state=TaskState.RUNNING)
        answer = render(running, OperationCounts(waiting=len(devices)))
        key = None
        if idempotency is not None:
            key = IdempotencyRecord(
                idempotency.key, idempotency.fingerprint, answer, now
            )
        with self.scheduler.preparing(task.id):
            steps = number_steps(task.id, plan.step_requests)
            await self.store.tasks.add_task(task, steps, plan.upgrade)
            await self._write_operations(task, plan, devices)
            if plan.desired is not None:
                await self.shadows.set_desired_all(scope_id, plan.desired, devices)
            if not await self.store.tasks.update_task_if_unchanged(
                task, running, key_use=key
            ):
                return await self._answer_of_winner(idempotency)
        self.scheduler.wakeup.set()
        return CreatedTask(answer, running)

    async def _stored_answer(
        self, idempotency: IdempotentRequest | None
    ) -> bytes | None:
        """Return the answer that was given to the same request before."""
        if idempotency is None:
            return None
        key_use = await self.store.tasks.find_idempotency_key(idempotency.key)
        return idempotency.stored_answer(key_use, self.clock.now())

    async def _answer_of_winner(
        self, idempotency: IdempotentRequest | None
    ) -> CreatedTask:
        """Answer as another server did that was faster; what is left is dropped."""
        stored = await self._stored_answer(idempotency)
        if stored is None:
            raise Unavailable("Making the task took too long; try again.")
        return CreatedTask(stored)

    def _build_task(
        self,
        plan: OperationRequest,
        policy: RolloutPolicy,
        expires_in: int,
        scope_id: int,
        created_by: int,
        name: str | None,
        now: int,
    ) -> Task:
        return Task(
            id=self.ids(),
            scope_id=scope_id,
            name=name,
            created_at=now,
            created_by=created_by,
            expires_in=expires_in,
            expires_at=max(now, plan.step_requests[0].not_before or 0) + expires_in,
            state=TaskState.PREPARING,
            descriptor=plan.label,
            step_count=len(plan.step_requests),
            on_failure=plan.on_failure,
            concurrency=policy.concurrency,
            stop_after=policy.stop_after,
        )

    async def _write_operations(
        self, task: Task, plan: OperationRequest, devices: Sequence[int]
    ) -> None:
        """Write the operations in pieces: a door command waits for one at the most."""
        for start in range(0, len(devices), BATCH_SIZE):
            operations = [
                new_operation(
                    plan,
                    self.ids(),
                    task.scope_id,
                    device_id,
                    task.created_by,
                    task.created_at,
                    task.id,
                )
                for device_id in devices[start : start + BATCH_SIZE]
            ]
            await self.store.tasks.add_operations(operations)

    async def get(self, scope_id: int, task_id: int) -> tuple[Task, OperationCounts]:
        """
        Return one task and how its operations stand.

        Raises:
            NotFound: there is none.
        """
        task = await self.store.tasks.find_task(scope_id, task_id)
        if task is None:
            raise NotFound(f"There is no task {task_id}.")
        return task, await self.store.tasks.operation_counts(task_id)

    async def pause(self, scope_id: int, task_id: int) -> tuple[Task, OperationCounts]:
        """
        Begin no further operation until `resume`; what runs goes on.

        Raises:
            NotFound: there is none.
            Conflict: it does not run.
        """
        task, _ = await self.get(scope_id, task_id)
        paused = attrs.evolve(task, state=TaskState.PAUSED)
        await self._change_state(task, paused, TaskState.RUNNING)
        return await self.get(scope_id, task_id)

    async def resume(self, scope_id: int, task_id: int) -> tuple[Task, OperationCounts]:
        """
        Go on; the failures so far are forgiven, and devices get their time again.

        Raises:
            NotFound: there is none.
            Conflict: it is not paused.
        """
        task, counts = await self.get(scope_id, task_id)
        resumed = self._resumed(task, counts.failures)
        await self._change_state(task, resumed, TaskState.PAUSED)
        return await self.get(scope_id, task_id)

    def _resumed(self, task: Task, failures: int) -> Task:
        return attrs.evolve(
            task,
            state=TaskState.RUNNING,
            ignored_failures=failures,
            expires_at=self.clock.now() + task.expires_in,
            ended_at=None,
        )

    async def cancel(self, scope_id: int, task_id: int) -> tuple[Task, OperationCounts]:
        """
        Begin nothing more and cancel what waits; steps in flight run to their end.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        task, _ = await self.get(scope_id, task_id)
        canceled = attrs.evolve(task, state=TaskState.CANCELED)
        await self._change_state(task, canceled, *_ACTIVE_STATES)
        await self.scheduler.cancel(canceled)
        return await self.get(scope_id, task_id)

    async def _change_state(
        self, before: Task, after: Task, *states: TaskState
    ) -> None:
        async with self.store.tasks.lock():
            moved = (
                before.state in states
                and await self.store.tasks.update_task_if_unchanged(before, after)
            )
        if not moved:
            current, _ = await self.get(before.scope_id, before.id)
            raise Conflict(
                f"Task {current.id} is {current.state}; it must be"
                f" {' or '.join(states)}."
            )
        self.scheduler.wakeup.set()

    async def retry(
        self, scope_id: int, task_id: int, *, include_unknown: bool
    ) -> tuple[Task, OperationCounts]:
        """
        Begin anew what failed, and with *include_unknown* what nobody knows of.

        Each gets a new operation in the place of the old, which stays as it was. The
        task runs then, also if it was paused.

        Raises:
            NotFound: there is none.
            Conflict: it is being canceled.
        """
        async with self.store.tasks.lock():
            task, counts = await self.get(scope_id, task_id)
            if task.state is TaskState.CANCELED and task.ended_at is None:
                raise Conflict(f"Task {task_id} is being canceled.")
            forgiven = 0 if include_unknown else counts.stale
            statuses = {OperationStatus.FAILED} | (
                {OperationStatus.STALE} if include_unknown else set()
            )
            await self._replace_operations(
                self._resumed(task, forgiven), frozenset(statuses)
            )
        self.scheduler.wakeup.set()
        return await self.get(scope_id, task_id)

    async def _replace_operations(
        self, task: Task, statuses: frozenset[OperationStatus]
    ) -> None:
        find = self.store.tasks.retryable_operations
        while old := await find(task.id, statuses, limit=BATCH_SIZE):
            new = [(operation, self._retry_of(operation)) for operation in old]
            await self.store.tasks.replace_operations(task, new)

    def _retry_of(self, old: Operation) -> Operation:
        now = self.clock.now()
        return Operation(
            id=self.ids(),
            scope_id=old.scope_id,
            device_id=old.device_id,
            task_id=old.task_id,
            created_at=now,
            created_by=old.created_by,
            modified_at=now,
            descriptor=old.descriptor,
            on_failure=old.on_failure,
            step_count=old.step_count,
        )


def _default_expiry(plan: OperationRequest, protocol: DeviceProtocol) -> int:
    """Return how long devices are waited for: as long as the first command waits."""
    first = plan.step_requests[0]
    defaults = protocol.endpoint_defaults(first.order)
    return first.expires_in or defaults.expires_in * SECOND
