"""Creates tasks: the same operation on many devices."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Unavailable
from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction
from pushserver.model.command_request import OperationRequest
from pushserver.model.device import Device
from pushserver.model.idempotency import IdempotencyRecord
from pushserver.model.ids import IdGenerator
from pushserver.model.target import TargetDevice, TargetSelector
from pushserver.model.task import FailureLimit, OperationCounts, Task, TaskState
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.batches import batches_until_stop
from pushserver.services.cluster_sync import ClusterSync
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.off_loop import in_pieces
from pushserver.services.online_rule import OnlineRule
from pushserver.services.open_bounds import OpenBounds
from pushserver.services.operation_records import new_operation, number_steps
from pushserver.services.shadow_tasks import ShadowTasks
from pushserver.services.task_audit import task_entry
from pushserver.services.task_scheduler import TaskScheduler
from pushserver.storage.base import Store


@attrs.frozen(kw_only=True)
class RolloutPolicy:
    """
    How a task is rolled out.

    At most `concurrency` devices at once; it pauses after `stop_after` failures, and
    waits for its devices for `expires_in` microseconds.
    """

    concurrency: int | None = None
    stop_after: FailureLimit | None = None
    expires_in: int | None = None


@attrs.frozen
class CreatedTask:
    """The answer to a request to create a task; `task` is None if it is replayed."""

    answer: bytes
    task: Task | None = None


@attrs.define(eq=False)
class TaskCreator:
    """Creates tasks for `scheduler` to carry out."""

    store: Store
    clock: Clock
    ids: IdGenerator
    devices: DeviceRegistry
    protocols: DeviceProtocols
    cluster_sync: ClusterSync
    scheduler: TaskScheduler
    shadow_tasks: ShadowTasks
    open_bounds: OpenBounds
    online_rule: OnlineRule

    async def preview_targets(
        self, scope_id: int, targets: TargetSelector
    ) -> AsyncIterator[TargetDevice]:
        """
        Yield the devices a task would have, in pieces, and when each should poll next.

        Raises:
            Invalid: a device is not adopted, or none is selected.
        """
        await self.cluster_sync.catch_up()
        async with self.devices.resolve_targets(scope_id, targets) as found:
            busy_ids = await self.store.devices_in_flight(scope_id)
            now, is_online = self.clock.now(), self.online_rule.is_online
            async for d in in_pieces(found):
                online = is_online(d, now, is_busy=d.device_id in busy_ids)
                yield TargetDevice(d, online, d.next_poll_at(now))

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
        async with self.devices.resolve_targets(scope_id, targets) as found:
            return await self.protocols.common(found)

    async def create(
        self,
        plan: OperationRequest,
        targets: TargetSelector,
        policy: RolloutPolicy,
        render: Callable[[Task, OperationCounts], bytes],
        *,
        scope_id: int,
        created_by: Actor,
        name: str | None = None,
        idempotency: IdempotentRequest | None = None,
    ) -> CreatedTask:
        """
        Create a task for these devices; it starts at once.

        Raises:
            Invalid: a device is not adopted, none is selected, or they speak
                several protocols.
            IdempotencyMismatch: the key was used with another request.
            LimitReached: too many tasks of the scope have not ended.
            Unavailable: the store is away, or too many change very many shadows.
        """
        stored = await self._stored_answer(idempotency)
        if stored is not None:
            return CreatedTask(stored)
        await self.cluster_sync.catch_up()
        async with self.devices.resolve_targets(scope_id, targets) as found:
            task = self._build_task(
                plan,
                policy,
                await self.protocols.common(found),
                scope_id,
                created_by,
                name,
            )
            async with self._turn(plan, found):
                return await self._create(task, plan, found, render, idempotency)

    def _turn(
        self, plan: OperationRequest, found: Sequence[Device]
    ) -> AbstractAsyncContextManager[None]:
        if plan.desired is None:
            return nullcontext()
        return self.shadow_tasks.turn(plan.desired, len(found))

    async def _create(
        self,
        task: Task,
        plan: OperationRequest,
        found: Sequence[Device],
        render: Callable[[Task, OperationCounts], bytes],
        idempotency: IdempotentRequest | None,
    ) -> CreatedTask:
        devices = [device.device_id async for device in in_pieces(found)]
        running = attrs.evolve(task, state=TaskState.RUNNING)
        answer = render(running, OperationCounts(waiting=len(devices)))
        key = (
            None if idempotency is None else idempotency.record(answer, task.created_at)
        )
        async with self.open_bounds.adding_task(task.scope_id) as room:
            room.require()
            if not await self._write(task, running, plan, devices, key):
                return await self._answer_of_winner(idempotency)
        self.scheduler.wakeup.set()
        return CreatedTask(answer, running)

    async def _write(
        self,
        task: Task,
        running: Task,
        plan: OperationRequest,
        devices: Sequence[int],
        key_use: IdempotencyRecord | None,
    ) -> bool:
        """Write a task, and let it run; return whether no other server was faster."""
        with self.scheduler.preparing(task.id):
            steps = number_steps(task.id, plan.step_requests)
            await self.store.tasks.add_task(task, steps, plan.upgrade)
            await self._write_operations(task, plan, devices)
            if plan.desired is not None:
                await self.shadow_tasks.set_desired_all(
                    task.scope_id, plan.desired, devices, task.created_by
                )
            entry = task_entry(running, task.created_by, AuditAction.TASK_CREATE)
            return await self.store.tasks.update_task_if_unchanged(
                task, running, key_use=key_use, audit=[entry]
            )

    async def _stored_answer(
        self, idempotency: IdempotentRequest | None
    ) -> bytes | None:
        """Return the answer to the same request before, if there is one."""
        if idempotency is None:
            return None
        key_use = await self.store.tasks.find_idempotency_key(idempotency.key)
        return idempotency.stored_answer(key_use, self.clock.now())

    async def _answer_of_winner(
        self, idempotency: IdempotentRequest | None
    ) -> CreatedTask:
        """
        Return the answer of a server that was faster; our task is dropped later.

        Raises:
            Unavailable: no server was; the scheduler dropped the task meanwhile.
        """
        stored = await self._stored_answer(idempotency)
        if stored is None:
            raise Unavailable("Making the task took too long; try again.")
        return CreatedTask(stored)

    def _build_task(
        self,
        plan: OperationRequest,
        policy: RolloutPolicy,
        protocol: DeviceProtocol,
        scope_id: int,
        created_by: Actor,
        name: str | None,
    ) -> Task:
        now = self.clock.now()
        expires_in = policy.expires_in or _default_expiry(plan, protocol)
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
        """Write the operations in batches: a door command waits for one at most."""
        for batch in batches_until_stop(self.store, devices):
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
                for device_id in batch
            ]
            await self.store.tasks.add_operations(operations)


def _default_expiry(plan: OperationRequest, protocol: DeviceProtocol) -> int:
    """Return how long to wait for devices: as long as their first command does."""
    first = plan.step_requests[0]
    defaults = protocol.endpoint_defaults(first.order)
    return first.expires_in or defaults.expires_in * SECOND
