"""Events of operations and tasks: each transition, and once that it ended."""

import msgspec
import pytest

from pushserver.model.actor import Actor, ActorPayload
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import EventType
from pushserver.model.event_payload import OperationPayload, TaskPayload
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation, OperationDescriptor, OperationStatus
from pushserver.model.operation_cancellation import cancel_operation
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.task import OperationCounts, Task, TaskState
from pushserver.model.transitions import enqueue_step, give_up_in_flight
from tests.clock import START
from tests.model.events import LATER, new_changes, post_result
from tests.model.factories import DAY, DEVICE, command, new_id, poll_lane


def operation(steps: int) -> Operation:
    """Return an operation that nothing has happened to."""
    return Operation(
        id=new_id(),
        scope_id=DEFAULT_SCOPE_ID,
        device_id=DEVICE,
        created_at=START,
        created_by=Actor(1, "one"),
        descriptor=OperationDescriptor(resource="users"),
        step_count=steps,
    )


def operation_payloads(changes: Changes) -> list[tuple[EventType, str, int]]:
    """Return the operation events: type, status and progress."""
    read = msgspec.json.Decoder(OperationPayload).decode
    found = [
        (e.type, read(e.data or b"")) for e in changes.events if "operation" in e.type
    ]
    return [(kind, each.status, each.progress) for kind, each in found]


def step(lane: Lane, of: Operation, changes: Changes) -> Command:
    """Queue the next step and hand it out."""
    one = command(operation_id=of.id, step=of.queued_steps)
    enqueue_step(lane, of, one, changes)
    poll_lane(lane, START, changes=changes)
    return one


def test_operation() -> None:
    """An operation emits its progress at each transition, and once that it ended."""
    lane, changes, scenario = Lane(DEVICE), new_changes(), operation(2)
    for at in (LATER, LATER + 1):
        post_result(lane, step(lane, scenario, changes), changes, at)

    progress, finished = EventType.OPERATION_PROGRESS, EventType.OPERATION_FINISHED
    assert [
        (progress, "RUNNING", 0),
        (progress, "RUNNING", 25),
        (progress, "RUNNING", 50),
        (progress, "RUNNING", 50),
        (progress, "RUNNING", 75),
        (finished, "COMPLETED", 100),
    ] == operation_payloads(changes)


def test_operation_ends_once() -> None:
    """A late result corrects how an operation ended; it does not end it again."""
    lane, changes, scenario = Lane(DEVICE), new_changes(), operation(1)
    one = command(operation_id=scenario.id, step=0, max_attempts=1)
    enqueue_step(lane, scenario, one, changes)
    poll_lane(lane, START, changes=changes)
    give_up_in_flight(lane, changes, now=LATER)
    post_result(lane, one, changes, LATER + 1)

    ends = [each for each in operation_payloads(changes) if "finished" in each[0]]
    assert [(EventType.OPERATION_FINISHED, "STALE", 50)] == ends
    assert (EventType.OPERATION_PROGRESS, "COMPLETED", 100) == operation_payloads(
        changes
    )[-1]


@pytest.mark.parametrize("waits", [False, True])
def test_operation_canceled(*, waits: bool) -> None:
    """A canceled operation ends once, whether a step of it waited or none did."""
    lane, changes, scenario = Lane(DEVICE), new_changes(), operation(2)
    if waits:
        one = command(operation_id=scenario.id, step=0)
        enqueue_step(lane, scenario, one, changes)
    cancel_operation(lane, scenario, changes, now=LATER, reason="canceled")

    ends = [each for each in operation_payloads(changes) if "finished" in each[0]]
    assert 1 == len(ends)
    assert OperationStatus.FAILED == ends[0][1]


def test_task() -> None:
    """The end of a task is emitted with the counts of its operations."""
    changes = new_changes()
    task = Task(
        id=5,
        scope_id=DEFAULT_SCOPE_ID,
        name="nightly",
        created_at=START,
        created_by=Actor(1, "one"),
        expires_in=DAY,
        expires_at=START + DAY,
        state=TaskState.RUNNING,
        descriptor=OperationDescriptor(resource="users"),
        step_count=1,
    )
    changes.finish_task(
        task, OperationCounts(running=0, completed=3, failed=2, stale=1), LATER
    )

    (finish,) = changes.tasks_to_finish
    assert finish.event is not None
    expected = TaskPayload(
        task_id=5,
        state="COMPLETED",
        completed=3,
        failed=2,
        stale=1,
        name="nightly",
        created_by=ActorPayload(1, "one"),
    )
    assert expected == finish.event.payload
    assert [] == changes.events


def test_task_nobody_listens() -> None:
    """Without a subscription the end of a task emits no event."""
    changes = new_changes({})
    task = Task(
        id=5,
        scope_id=DEFAULT_SCOPE_ID,
        name=None,
        created_at=START,
        created_by=Actor(1, "one"),
        expires_in=DAY,
        expires_at=START + DAY,
        state=TaskState.CANCELED,
        descriptor=OperationDescriptor(resource="users"),
        step_count=1,
    )
    changes.finish_task(
        task, OperationCounts(running=0, completed=0, failed=0, stale=0), LATER
    )

    assert [None] == [finish.event for finish in changes.tasks_to_finish]
