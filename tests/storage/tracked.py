"""Operations as services have them kept, in one line each."""

from collections.abc import Sequence
from typing import Any

from pushserver.model.changes import Changes
from pushserver.model.draft import Draft, Step
from pushserver.model.lane import Lane
from pushserver.model.operation import Label, Notification, Operation
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.steps import report as tell_of
from pushserver.model.task import Task, TaskState
from pushserver.model.turns import add_step, cancel_operation
from pushserver.storage.base import Store
from pushserver.storage.deciding import Past, Recall
from pushserver.storage.tracking import OperationFilter
from tests.clock import START
from tests.model.values import DAY, new_id, order
from tests.model.work import BY, operation, step_command


def step(owner_id: int, number: int = 0, **given: Any) -> Step:
    """Return a step."""
    usual = {"order": order("reboot"), "resource": f"part {number + 1}"}
    return Step(owner_id=owner_id, number=number, draft=Draft(**{**usual, **given}))


def steps_of(owner_id: int, count: int) -> list[Step]:
    """Return so many steps."""
    return [step(owner_id, number) for number in range(count)]


def task(**given: Any) -> Task:
    """Return a task that runs, of one step."""
    usual: dict[str, Any] = {
        "id": new_id(),
        "scope_id": FIRST_SCOPE,
        "created_at": START,
        "created_by": BY,
        "expires_in": DAY,
        "expires_at": START + DAY,
        "state": TaskState.RUNNING,
        "label": Label(resource="photos"),
        "steps": 1,
    }
    return Task(**{**usual, **given})


async def parts(store: Store, of: Task, count: int = 1, **given: object) -> list[int]:
    """Add operations to a task that have not begun, on devices from 1; their ids."""
    made = [
        part(of, **{"device_id": 1 + n, "steps": of.steps, **given})
        for n in range(count)
    ]
    await store.tasks.add_operations(made)
    return [each.id for each in made]


def part(of: Task, **given: object) -> Operation:
    """Return an operation of a task."""
    return operation(**{"task_id": of.id, "scope_id": of.scope_id, **given})


async def keep(
    store: Store, *operations: Operation, told: Sequence[Notification] = ()
) -> None:
    """Keep operations as they are, and what was told of them."""

    def decide(_lane: Lane, changes: Changes, _past: Past) -> None:
        for one in operations:
            changes.track(one, one.modified_at)
        changes.notifications.extend(told)

    await store.change(operations[0].device_id, decide)


async def begin(store: Store, of: Operation) -> None:
    """Begin an operation: it, its steps, and the command of the first."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        changes.track(of, of.created_at)
        changes.steps.extend(steps_of(of.id, of.steps))
        if of.steps:
            add_step(lane, of, step_command(of), changes)

    await store.change(of.device_id, decide)


async def go_on(store: Store, of: Operation, **given: Any) -> None:
    """Make the next step of an operation a command."""

    def decide(lane: Lane, changes: Changes, past: Past) -> None:
        assert past.operation is not None
        at_work = changes.current(lane, past.operation)
        add_step(lane, at_work, step_command(at_work, **given), changes)

    await store.change(of.device_id, decide, Recall(operation_id=of.id))


async def call_off_operation(store: Store, of: Operation) -> None:
    """Cancel an operation."""

    def decide(lane: Lane, changes: Changes, past: Past) -> None:
        assert past.operation is not None
        at_work = changes.current(lane, past.operation)
        cancel_operation(lane, at_work, changes, now=START, why="Enough.")

    await store.change(of.device_id, decide, Recall(operation_id=of.id))


async def tell(store: Store, of: Operation, told: Notification) -> None:
    """Add what somebody outside the queue tells."""

    def decide(lane: Lane, changes: Changes, past: Past) -> None:
        assert past.operation is not None
        tell_of(changes.current(lane, past.operation), told, changes)

    await store.change(of.device_id, decide, Recall(operation_id=of.id))


async def forget(store: Store, of: Operation) -> None:
    """Delete an operation with what was told of it."""

    def decide(lane: Lane, changes: Changes, _past: Past) -> None:
        command = lane.of_operation(of.id)
        if command is not None:
            command.operation = None
        changes.forgotten[of.id] = of.device_id

    await store.change(of.device_id, decide)


async def kept(store: Store, of: Operation) -> Operation:
    """Return the operation as it is kept; it must be there."""
    found = await store.operations.find_operation(of.scope_id, of.id)
    assert found is not None
    return found


async def kept_task(store: Store, of: Task) -> Task:
    """Return the task as it is kept; it must be there."""
    found = await store.tasks.find_task(of.scope_id, of.id)
    assert found is not None
    return found


async def told_of(store: Store, of: Operation) -> list[str | None]:
    """Return what was told of an operation, in order."""
    found = await store.operations.notifications(
        of.scope_id, of.id, after=0, limit=1000
    )
    return [each.message for each in found]


async def ids_of(
    store: Store,
    wanted: OperationFilter,
    *,
    before: int | None = None,
    limit: int = 1000,
    scope: int = FIRST_SCOPE,
) -> list[int]:
    """Return the ids of a page of operations."""
    page = await store.operations.operations(scope, wanted, before=before, limit=limit)
    return [each.id for each in page]
