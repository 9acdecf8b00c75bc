"""A program that has devices do longer work: operations and tasks, in short words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pushserver.clock import micros
from pushserver.composition import build_services, open_store
from pushserver.model.draft import Plan
from pushserver.model.idempotency import Key
from pushserver.model.operation import Label, Notification, OnFailure, Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.target import Targets
from pushserver.model.task import Counts, FailureLimit, Task
from pushserver.services.notifications import Told
from pushserver.services.operations import Begun
from pushserver.services.queue import Once
from pushserver.services.tasks import Made, Pace
from pushserver.settings import Settings
from pushserver.storage.tracking import OperationFilter
from tests.clock import ManualClock
from tests.model.values import DEVICE
from tests.model.work import BY
from tests.services.desk import Desk, drafts

ONE, TWO = "load_objects", "user_set_image"
ERROR = b'{"error":"no","code":1}'
ONCE = Once(Key(BY, "/api/v1/tasks", "k"), "f")


def plan(*endpoints: str, **given: Any) -> Plan:
    """Return a plan of these steps; `on_failure` is the plan's, the rest the steps'."""
    on_failure = given.pop("on_failure", OnFailure.STOP)
    wanted = drafts(*endpoints, **given)
    return Plan(drafts=wanted, label=Label(resource="photos"), on_failure=on_failure)


def pace(
    concurrency: int | None = None,
    stop_after: str | None = None,
    seconds: float | None = None,
) -> Pace:
    """Return how fast a task goes."""
    return Pace(
        concurrency=concurrency,
        stop_after=None if stop_after is None else FailureLimit.read(stop_after),
        expires_in=None if seconds is None else micros(seconds),
    )


class WorkDesk(Desk):
    """What tests ask of operations and tasks, beside all that a desk knows."""

    async def begin(
        self,
        *endpoints: str,
        device: int = DEVICE,
        scope: int = FIRST_SCOPE,
        **given: Any,
    ) -> Operation:
        """Adopt a device and begin an operation on it."""
        await self.services.fleet.adopt(scope, device)
        begun = await self.services.operations.begin(
            device, plan(*endpoints, **given), _render, scope_id=scope, by=BY
        )
        assert begun.operation is not None
        return begun.operation

    async def begin_once(self, *endpoints: str, fingerprint: str = "f") -> Begun:
        """Begin an operation under the idempotency key."""
        request = Once(ONCE.key, fingerprint)
        return await self.services.operations.begin(
            DEVICE,
            plan(*endpoints),
            _render,
            scope_id=FIRST_SCOPE,
            by=BY,
            request=request,
        )

    async def go_on(self) -> int:
        """Queue every next step that is due, as a worker does; return how many."""
        return await self.services.operations.go_on()

    async def do(
        self, body: bytes = b'{"response":{}}', *, device: int = DEVICE
    ) -> str:
        """Let a device poll and post its result; return what it was to do."""
        flight = await self.fly(device=device)
        await self.report(body, device=device)
        return flight.command.endpoint

    async def stands(self, of: Operation) -> tuple[Status, int, int, int]:
        """Return how an operation stands: status, steps queued and done, progress."""
        found = await self.services.operations.get(of.scope_id, of.id)
        return found.status, found.queued, found.done, found.progress

    async def cancel(self, of: Operation) -> Operation:
        """Cancel an operation."""
        return await self.services.operations.cancel(of.scope_id, of.id)

    async def tell(self, of: Operation, progress: int, **told: Any) -> Notification:
        """Tell of an operation from outside."""
        told_of = Told(progress=progress, **told)
        tell = self.services.notifications.tell
        return await tell(of.scope_id, of.id, told_of, by=BY + 1)

    async def told(self, of: Operation) -> list[str]:
        """Return the last word of each notification, in order."""
        found = await self.services.store.operations.notifications(
            of.scope_id, of.id, after=0, limit=1000
        )
        return [(each.message or "?").split(": ")[-1] for each in found]

    async def steps(self, of: Operation) -> list[str | None]:
        """Return the states of the commands that an operation's steps became."""
        found = await self.services.store.operations.step_records(of)
        return [each.state for each in found]

    async def operations(self) -> int:
        """Return how many operations there are."""
        count = self.services.store.operations.count_operations
        return await count(FIRST_SCOPE, OperationFilter())

    # Tasks

    async def adopt(self, *devices: int, **settings: Any) -> None:
        """Adopt devices."""
        rows: Mapping[int, Any] = dict.fromkeys(devices, settings)
        await self.services.fleet.import_devices(FIRST_SCOPE, rows)

    async def come(self, *devices: int) -> None:
        """Let devices be seen, and have that written."""
        for device in devices:
            self.services.fleet.meet(device, None, "192.0.2.7")
        while not self.services.fleet.is_flushed:
            await self.services.fleet.flush()

    async def make(
        self,
        *endpoints: str,
        devices: int = 3,
        pace: Pace | None = None,
        targets: Targets | None = None,
        request: Once | None = None,
        **given: Any,
    ) -> Made:
        """Make a task for the devices from 1."""
        return await self.services.tasks.make(
            plan(*endpoints, **given),
            targets or Targets(device_ids=range(1, devices + 1)),
            pace or Pace(),
            lambda task, counts: b"%d %d" % (task.id, counts.waiting),
            scope_id=FIRST_SCOPE,
            by=BY,
            request=request,
        )

    async def task(
        self, *endpoints: str, devices: int = 3, there: int = 0, **given: Any
    ) -> Task:
        """Adopt devices from 1, let the first of them come, make a task for all."""
        await self.adopt(*range(1, devices + 1))
        await self.come(*range(1, there + 1))
        made = await self.make(*endpoints, devices=devices, **given)
        assert made.task is not None
        return made.task

    async def advance(self) -> int:
        """Let tasks go on, as a worker does; return how much was done."""
        return await self.services.rollout.advance()

    async def work(self, *devices: int, body: bytes = b'{"response":{}}') -> None:
        """Let each of these devices do its next step, and everything go on."""
        for device in devices:
            await self.do(body, device=device)
        await self.go_on()
        await self.advance()

    async def counts(self, of: Task) -> dict[str, int]:
        """Return how the operations of a task stand, but for noughts."""
        _, counts = await self.services.tasks.get(of.scope_id, of.id)
        return present(counts)

    async def course(self, of: Task) -> str:
        """Return how a task stands."""
        task, _ = await self.services.tasks.get(of.scope_id, of.id)
        return task.state

    async def parts(self, of: Task, *, current: bool = True) -> dict[int, Operation]:
        """Return the operations of a task by their devices."""
        wanted = OperationFilter(task_id=of.id, current=current)
        find = self.services.store.operations.operations
        found = await find(of.scope_id, wanted, before=None, limit=10_000)
        return {each.device_id: each for each in found}

    async def begun(self, of: Task) -> list[int]:
        """Return the devices that have begun, in order."""
        return sorted(d for d, o in (await self.parts(of)).items() if o.queued)


async def operations(work: WorkDesk) -> int:
    """Return how many operations there are."""
    count = work.services.store.operations.count_operations
    return await count(FIRST_SCOPE, OperationFilter())


def present(counts: Counts) -> dict[str, int]:
    """Return counts without noughts."""
    names = ("waiting", "running", "completed", "failed", "stale")
    return {n: getattr(counts, n) for n in names if getattr(counts, n)}


def _render(operation: Operation, _first: object) -> bytes:
    return b"%d" % operation.id


@asynccontextmanager
async def at_work(database: str, clock: ManualClock) -> AsyncIterator[WorkDesk]:
    """Have the services over a database for the block; workers are called by hand."""
    settings = Settings(database=database)
    store = await open_store(settings, clock)
    try:
        services = build_services(settings, store, clock)
        await services.fleet.load()
        yield WorkDesk(services, clock)
        services.holds.close()
        await services.polling.chores.finish()
    finally:
        await store.close()
