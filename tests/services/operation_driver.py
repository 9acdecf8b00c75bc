"""Drives operations and tasks of the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pushserver.clock import micros
from pushserver.composition import build_services
from pushserver.model.actor import Actor
from pushserver.model.command_request import OperationRequest
from pushserver.model.idempotency import IdempotencyKey
from pushserver.model.operation import (
    Notification,
    OnFailure,
    Operation,
    OperationDescriptor,
    OperationStatus,
)
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.target import TargetSelector
from pushserver.model.task import FailureLimit, OperationCounts, Task
from pushserver.services.idempotency import IdempotentRequest
from pushserver.services.notifications import ProgressReport
from pushserver.services.operations import CreatedOperation
from pushserver.services.task_creation import CreatedTask, RolloutPolicy
from pushserver.settings import Settings
from pushserver.storage.operations import OperationFilter
from pushserver.stores import open_store
from tests.clock import ManualClock
from tests.devices import terminal
from tests.model.factories import DEVICE
from tests.model.operation_scenario import ACTOR, TOKEN_ID
from tests.services.driver import ServiceDriver, command_requests

ONE, TWO = "load_objects", "user_set_image"
ERROR = b'{"error":"no","code":1}'
IDEMPOTENT = IdempotentRequest(IdempotencyKey(TOKEN_ID, "/api/v1/tasks", "k"), "f")


def plan(*endpoints: str, **fields: Any) -> OperationRequest:
    """Return a plan of these steps; `on_failure` is the plan's, the rest the steps'."""
    on_failure = fields.pop("on_failure", OnFailure.STOP)
    requests = command_requests(*endpoints, **fields)
    return OperationRequest(
        step_requests=requests,
        label=OperationDescriptor(resource="photos"),
        on_failure=on_failure,
    )


def task_pace(
    concurrency: int | None = None,
    stop_after: str | None = None,
    seconds: float | None = None,
) -> RolloutPolicy:
    """Return a rollout policy."""
    return RolloutPolicy(
        concurrency=concurrency,
        stop_after=None if stop_after is None else FailureLimit.parse(stop_after),
        expires_in=None if seconds is None else micros(seconds),
    )


class OperationDriver(ServiceDriver):
    """Drives operations and tasks, on top of all that a service driver does."""

    async def create_operation(
        self,
        *endpoints: str,
        device: int = DEVICE,
        scope: int = DEFAULT_SCOPE_ID,
        **fields: Any,
    ) -> Operation:
        """Adopt a device and create an operation on it."""
        await self.services.fleet.adopt(scope, terminal(device))
        created = await self.services.operations.create(
            device,
            plan(*endpoints, **fields),
            _render,
            scope_id=scope,
            created_by=ACTOR,
        )
        assert created.operation is not None
        return created.operation

    async def create_idempotent(
        self, *endpoints: str, fingerprint: str = "f"
    ) -> CreatedOperation:
        """Create an operation under the idempotency key."""
        request = IdempotentRequest(IDEMPOTENT.key, fingerprint)
        await self.ensure_adopted()
        return await self.services.operations.create(
            DEVICE,
            plan(*endpoints),
            _render,
            scope_id=DEFAULT_SCOPE_ID,
            created_by=ACTOR,
            idempotency=request,
        )

    async def start_next_steps(self) -> int:
        """Queue every next step that is due, as a worker does; return how many."""
        return await self.services.next_steps.queue_due_steps()

    async def run_command(
        self, body: bytes = b'{"response":{}}', *, device: int = DEVICE
    ) -> str:
        """Let a device poll and post its result; return the command."""
        in_flight = await self.receive_command(device=device)
        await self.post_result(body, device=device)
        return in_flight.command.endpoint

    async def operation_progress(
        self, operation: Operation
    ) -> tuple[OperationStatus, int, int, int]:
        """Return the operation's status, steps queued and done, and progress."""
        current = await self.services.operations.get(operation.scope_id, operation.id)
        return (
            current.status,
            current.queued_steps,
            current.done_steps,
            current.progress,
        )

    async def cancel_operation(self, operation: Operation) -> Operation:
        """Cancel an operation."""
        return await self.services.operations.cancel(operation.scope_id, operation.id)

    async def post_notification(
        self, operation: Operation, progress: int, **fields: Any
    ) -> Notification:
        """Post a notification of an operation from outside."""
        payload = ProgressReport(progress=progress, **fields)
        post = self.services.notifications.add
        return await post(
            operation.scope_id,
            operation.id,
            payload,
            actor=Actor(TOKEN_ID + 1, "program"),
        )

    async def notification_words(self, operation: Operation) -> list[str]:
        """Return the last word of each notification, in order."""
        found = await self.services.store.notifications.notifications(
            operation.scope_id, operation.id, after=0, limit=1000
        )
        return [(each.message or "?").split(": ")[-1] for each in found]

    async def step_states(self, operation: Operation) -> list[str | None]:
        """Return the states of the commands that an operation's steps became."""
        found = await self.services.store.operations.step_records(operation)
        return [each.state for each in found]

    async def count_operations(self) -> int:
        """Return how many operations there are."""
        count = self.services.store.operations.count_operations
        return await count(DEFAULT_SCOPE_ID, OperationFilter())

    # Tasks

    async def adopt(self, *devices: int, **settings: Any) -> None:
        """Adopt devices."""
        rows = dict.fromkeys(map(terminal, devices), settings)
        await self.services.device_import.run(DEFAULT_SCOPE_ID, rows)

    async def see_devices(self, *devices: int) -> None:
        """Let devices be seen, and write that."""
        for device in devices:
            self.services.admission.admit(terminal(device), None, "192.0.2.7")
        while not self.services.write_behind.is_flushed:
            await self.services.write_behind.flush()

    async def create_task(
        self,
        *endpoints: str,
        devices: int = 3,
        pace: RolloutPolicy | None = None,
        targets: TargetSelector | None = None,
        request: IdempotentRequest | None = None,
        scope_id: int = DEFAULT_SCOPE_ID,
        **fields: Any,
    ) -> CreatedTask:
        """Create a task for the devices from 1."""
        return await self.services.task_creator.create(
            plan(*endpoints, **fields),
            targets or TargetSelector(device_ids=range(1, devices + 1)),
            pace or RolloutPolicy(),
            lambda task, counts: b"%d %d" % (task.id, counts.waiting),
            scope_id=scope_id,
            created_by=ACTOR,
            idempotency=request,
        )

    async def adopt_and_create_task(
        self, *endpoints: str, devices: int = 3, seen: int = 0, **fields: Any
    ) -> Task:
        """Adopt devices from 1, let the first ones poll, create a task for all."""
        await self.adopt(*range(1, devices + 1))
        await self.see_devices(*range(1, seen + 1))
        created = await self.create_task(*endpoints, devices=devices, **fields)
        assert created.task is not None
        return created.task

    async def advance_tasks(self) -> int:
        """Advance tasks, as a worker does; return how much was done."""
        return await self.services.task_scheduler.advance()

    async def run_steps(self, *devices: int, body: bytes = b'{"response":{}}') -> None:
        """Let each of these devices run its next step, then run the workers."""
        for device in devices:
            await self.run_command(body, device=device)
        await self.start_next_steps()
        await self.advance_tasks()

    async def task_counts(self, task: Task) -> dict[str, int]:
        """Return the counts of a task's operations, without zeros."""
        _, counts = await self.services.tasks.get(task.scope_id, task.id)
        return nonzero(counts)

    async def task_state(self, owner: Task) -> str:
        """Return a task's state."""
        task, _ = await self.services.tasks.get(owner.scope_id, owner.id)
        return task.state

    async def task_operations(
        self, task: Task, *, current: bool = True
    ) -> dict[int, Operation]:
        """Return the operations of a task by their devices."""
        query = OperationFilter(task_id=task.id, exclude_retried=current)
        find = self.services.store.operations.operations
        page = await find(task.scope_id, query, before=None, limit=10_000)
        return {each.device_id: each for each in page}

    async def started_devices(self, task: Task) -> list[int]:
        """Return the devices that have started, in order."""
        return sorted(
            d for d, o in (await self.task_operations(task)).items() if o.queued_steps
        )


async def count_operations(operation_driver: OperationDriver) -> int:
    """Return how many operations there are."""
    count = operation_driver.services.store.operations.count_operations
    return await count(DEFAULT_SCOPE_ID, OperationFilter())


def nonzero(counts: OperationCounts) -> dict[str, int]:
    """Return counts without zeros."""
    names = ("waiting", "running", "completed", "failed", "stale")
    return {n: getattr(counts, n) for n in names if getattr(counts, n)}


def _render(operation: Operation, _first: object) -> bytes:
    return b"%d" % operation.id


@asynccontextmanager
async def running_services(
    database: str, clock: ManualClock
) -> AsyncIterator[OperationDriver]:
    """Run the services over a database for the block; workers are called by hand."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    try:
        services = build_services(settings, store, clock)
        await services.devices.load()
        yield OperationDriver(services, clock)
        services.holds.close()
        await services.lanes.background_tasks.wait_all()
    finally:
        await store.close()
