"""Tasks: the same operation on many devices, begun as devices come and places free."""

from collections.abc import Callable, Sequence

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Conflict, NotFound, Unavailable
from pushserver.model.catalogue import endpoint_named
from pushserver.model.draft import Plan
from pushserver.model.idempotency import KeyUse
from pushserver.model.ids import IdSource
from pushserver.model.operation import Operation, Status
from pushserver.model.target import Expected, Targets
from pushserver.model.task import Counts, FailureLimit, Task, TaskState
from pushserver.services.fleet import Fleet
from pushserver.services.operations import new_operation, steps_of
from pushserver.services.peers import Peers
from pushserver.services.queue import Once
from pushserver.services.rollout import Rollout
from pushserver.services.shadows import Shadows
from pushserver.storage.base import Store

#: So many operations are written at once, so that a door command waits for no more.
PIECE = 500

_GOING = (TaskState.RUNNING, TaskState.PAUSED)


@attrs.frozen(kw_only=True)
class Pace:
    """How fast a task goes, and how long (microseconds) it waits for its devices."""

    concurrency: int | None = None
    stop_after: FailureLimit | None = None
    expires_in: int | None = None


@attrs.frozen
class Made:
    """What became of a request to make one; `task` is None if replayed."""

    answer: bytes
    task: Task | None = None


@attrs.define(eq=False)
class Tasks:
    """Makes tasks and changes their course; `rollout` carries them out."""

    store: Store
    clock: Clock
    ids: IdSource
    fleet: Fleet
    peers: Peers
    rollout: Rollout
    shadows: Shadows
    hold: int

    async def expect(self, scope_id: int, targets: Targets) -> list[Expected]:
        """
        Return who would be hit, and when they should poll.

        Raises:
            Invalid: a device is not adopted, or none is meant.
        """
        await self.peers.catch_up()
        now = self.clock.now()
        return [
            Expected(d, d.is_online(now, self.hold), d.expected_at(now))
            for d in self.fleet.select(scope_id, targets)
        ]

    async def make(
        self,
        plan: Plan,
        targets: Targets,
        pace: Pace,
        render: Callable[[Task, Counts], bytes],
        *,
        scope_id: int,
        by: int,
        name: str | None = None,
        request: Once | None = None,
    ) -> Made:
        """
        Make a task for these devices; it begins at once.

        Raises:
            Invalid: a device is not adopted, or none is meant.
            IdempotencyMismatch: the key came before, with another request.
            Unavailable: the store is away.
        """
        now = self.clock.now()
        kept = await self._replayed(request)
        if kept is not None:
            return Made(kept)
        await self.peers.catch_up()
        devices = [d.device_id for d in self.fleet.select(scope_id, targets)]
        task = self._task(plan, pace, scope_id, by, name, now)
        running = attrs.evolve(task, state=TaskState.RUNNING)
        answer = render(running, Counts(waiting=len(devices)))
        key = None
        if request is not None:
            key = KeyUse(request.key, request.fingerprint, answer, now)
        with self.rollout.preparing(task.id):
            steps = steps_of(task.id, plan.drafts)
            await self.store.tasks.add_task(task, steps, plan.upgrade)
            await self._write(task, plan, devices)
            if plan.desired is not None:
                await self.shadows.desire_all(scope_id, plan.desired, devices)
            if not await self.store.tasks.move_task(task, running, key=key):
                return await self._overtaken(request)
        self.rollout.wanted.set()
        return Made(answer, running)

    async def _replayed(self, request: Once | None) -> bytes | None:
        """Return the answer that was given to the same request before."""
        if request is None:
            return None
        use = await self.store.tasks.find_key(request.key)
        return request.replayed(use, self.clock.now())

    async def _overtaken(self, request: Once | None) -> Made:
        """Answer as another server did that was faster; what is left is dropped."""
        kept = await self._replayed(request)
        if kept is None:
            raise Unavailable("Making the task took too long; try again.")
        return Made(kept)

    def _task(
        self, plan: Plan, pace: Pace, scope_id: int, by: int, name: str | None, now: int
    ) -> Task:
        expires_in = pace.expires_in or usual_expiry(plan)
        return Task(
            id=self.ids(),
            scope_id=scope_id,
            name=name,
            created_at=now,
            created_by=by,
            expires_in=expires_in,
            expires_at=max(now, plan.drafts[0].not_before or 0) + expires_in,
            state=TaskState.PREPARING,
            label=plan.label,
            steps=len(plan.drafts),
            on_failure=plan.on_failure,
            concurrency=pace.concurrency,
            stop_after=pace.stop_after,
        )

    async def _write(self, task: Task, plan: Plan, devices: Sequence[int]) -> None:
        """Write the operations in pieces: a door command waits for one at the most."""
        for start in range(0, len(devices), PIECE):
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
                for device_id in devices[start : start + PIECE]
            ]
            await self.store.tasks.add_operations(operations)

    async def get(self, scope_id: int, task_id: int) -> tuple[Task, Counts]:
        """
        Return one task and how its operations stand.

        Raises:
            NotFound: there is none.
        """
        task = await self.store.tasks.find_task(scope_id, task_id)
        if task is None:
            raise NotFound(f"There is no task {task_id}.")
        return task, await self.store.tasks.count_task(task_id)

    async def pause(self, scope_id: int, task_id: int) -> tuple[Task, Counts]:
        """
        Begin no further operation until `resume`; what runs goes on.

        Raises:
            NotFound: there is none.
            Conflict: it does not run.
        """
        task, _ = await self.get(scope_id, task_id)
        paused = attrs.evolve(task, state=TaskState.PAUSED)
        await self._move(task, paused, TaskState.RUNNING)
        return await self.get(scope_id, task_id)

    async def resume(self, scope_id: int, task_id: int) -> tuple[Task, Counts]:
        """
        Go on; the failures so far are forgiven, and devices get their time again.

        Raises:
            NotFound: there is none.
            Conflict: it is not paused.
        """
        task, counts = await self.get(scope_id, task_id)
        again = self._again(task, counts.failures)
        await self._move(task, again, TaskState.PAUSED)
        return await self.get(scope_id, task_id)

    def _again(self, task: Task, failures: int) -> Task:
        return attrs.evolve(
            task,
            state=TaskState.RUNNING,
            forgiven=failures,
            expires_at=self.clock.now() + task.expires_in,
            ended_at=None,
        )

    async def cancel(self, scope_id: int, task_id: int) -> tuple[Task, Counts]:
        """
        Begin nothing more and cancel what waits; steps in flight run to their end.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        task, _ = await self.get(scope_id, task_id)
        canceled = attrs.evolve(task, state=TaskState.CANCELED)
        await self._move(task, canceled, *_GOING)
        await self.rollout.cancel(canceled)
        return await self.get(scope_id, task_id)

    async def _move(self, before: Task, after: Task, *states: TaskState) -> None:
        async with self.store.tasks.moving():
            moved = before.state in states and await self.store.tasks.move_task(
                before, after
            )
        if not moved:
            now, _ = await self.get(before.scope_id, before.id)
            raise Conflict(
                f"Task {now.id} is {now.state}; it must be {' or '.join(states)}."
            )
        self.rollout.wanted.set()

    async def retry(
        self, scope_id: int, task_id: int, *, include_unknown: bool
    ) -> tuple[Task, Counts]:
        """
        Begin anew what failed, and with *include_unknown* what nobody knows of.

        Each gets a new operation in the place of the old, which stays as it was. The
        task runs then, also if it was paused.

        Raises:
            NotFound: there is none.
            Conflict: it is being canceled.
        """
        async with self.store.tasks.moving():
            task, counts = await self.get(scope_id, task_id)
            if task.state is TaskState.CANCELED and task.ended_at is None:
                raise Conflict(f"Task {task_id} is being canceled.")
            left = 0 if include_unknown else counts.stale
            statuses = {Status.FAILED} | ({Status.STALE} if include_unknown else set())
            await self._replace(self._again(task, left), frozenset(statuses))
        self.rollout.wanted.set()
        return await self.get(scope_id, task_id)

    async def _replace(self, again: Task, statuses: frozenset[Status]) -> None:
        find = self.store.tasks.to_retry
        while old := await find(again.id, statuses, limit=PIECE):
            new = [(operation, self._like(operation)) for operation in old]
            await self.store.tasks.replace_operations(again, new)

    def _like(self, old: Operation) -> Operation:
        now = self.clock.now()
        return Operation(
            id=self.ids(),
            scope_id=old.scope_id,
            device_id=old.device_id,
            task_id=old.task_id,
            created_at=now,
            created_by=old.created_by,
            modified_at=now,
            label=old.label,
            on_failure=old.on_failure,
            steps=old.steps,
        )


def usual_expiry(plan: Plan) -> int:
    """Return how long devices are waited for: as long as the first command waits."""
    first = plan.drafts[0]
    return first.expires_in or endpoint_named(first.order.endpoint).expires_in * SECOND
