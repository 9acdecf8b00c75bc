"""What is told of operations and tasks: each turn, and once that it ended."""

import msgspec
import pytest

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.event import EventType, OperationTold, TaskTold
from pushserver.model.lane import Lane
from pushserver.model.operation import Label, Operation, Status
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.task import Counts, Task, TaskState
from pushserver.model.turns import add_step, cancel_operation, give_up
from tests.clock import START
from tests.model.events import LATER, answer, changes
from tests.model.values import DAY, DEVICE, command, new_id, poll


def operation(steps: int) -> Operation:
    """Return an operation that nothing has happened to."""
    return Operation(
        id=new_id(),
        scope_id=FIRST_SCOPE,
        device_id=DEVICE,
        created_at=START,
        created_by=1,
        label=Label(resource="users"),
        steps=steps,
    )


def operations_of(noted: Changes) -> list[tuple[EventType, str, int]]:
    """Return what is told of operations: which event, status and progress."""
    read = msgspec.json.Decoder(OperationTold).decode
    found = [(e.type, read(e.data)) for e in noted.events if "operation" in e.type]
    return [(kind, each.status, each.progress) for kind, each in found]


def step(lane: Lane, of: Operation, noted: Changes) -> Command:
    """Queue the next step and hand it out."""
    one = command(operation_id=of.id, step=of.queued)
    add_step(lane, of, one, noted)
    poll(lane, START, changes=noted)
    return one


def test_operation() -> None:
    """An operation tells how it goes on at each turn, and once that it ended."""
    lane, noted, work = Lane(DEVICE), changes(), operation(steps=2)
    for at in (LATER, LATER + 1):
        answer(lane, step(lane, work, noted), noted, at)

    progress, finished = EventType.OPERATION_PROGRESS, EventType.OPERATION_FINISHED
    assert [
        (progress, "RUNNING", 0),
        (progress, "RUNNING", 25),
        (progress, "RUNNING", 50),
        (progress, "RUNNING", 50),
        (progress, "RUNNING", 75),
        (finished, "COMPLETED", 100),
    ] == operations_of(noted)


def test_operation_ends_once() -> None:
    """A late result corrects how an operation ended; it does not end it again."""
    lane, noted, work = Lane(DEVICE), changes(), operation(steps=1)
    one = command(operation_id=work.id, step=0, max_attempts=1)
    add_step(lane, work, one, noted)
    poll(lane, START, changes=noted)
    give_up(lane, noted, now=LATER)
    answer(lane, one, noted, LATER + 1)

    ends = [each for each in operations_of(noted) if "finished" in each[0]]
    assert [(EventType.OPERATION_FINISHED, "STALE", 50)] == ends
    assert (EventType.OPERATION_PROGRESS, "COMPLETED", 100) == operations_of(noted)[-1]


@pytest.mark.parametrize("waits", [False, True])
def test_operation_canceled(*, waits: bool) -> None:
    """A canceled operation ends once, whether a step of it waited or none did."""
    lane, noted, work = Lane(DEVICE), changes(), operation(steps=2)
    if waits:
        one = command(operation_id=work.id, step=0)
        add_step(lane, work, one, noted)
    cancel_operation(lane, work, noted, now=LATER, why="canceled")

    ends = [each for each in operations_of(noted) if "finished" in each[0]]
    assert 1 == len(ends)
    assert Status.FAILED == ends[0][1]


def test_task() -> None:
    """The end of a task tells how its operations did."""
    noted = changes()
    task = Task(
        id=5,
        scope_id=FIRST_SCOPE,
        name="nightly",
        created_at=START,
        created_by=1,
        expires_in=DAY,
        expires_at=START + DAY,
        state=TaskState.RUNNING,
        label=Label(resource="users"),
        steps=1,
    )
    noted.finish(task, Counts(running=0, completed=3, failed=2, stale=1), LATER)

    (finish,) = noted.finished
    assert finish.event is not None
    expected = TaskTold(
        task_id=5, state="COMPLETED", completed=3, failed=2, stale=1, name="nightly"
    )
    assert expected == msgspec.json.decode(finish.event.data, type=TaskTold)
    assert [] == noted.events


def test_task_nobody_listens() -> None:
    """The end of a task that nobody wants to hear of has no event."""
    noted = changes({})
    task = Task(
        id=5,
        scope_id=FIRST_SCOPE,
        name=None,
        created_at=START,
        created_by=1,
        expires_in=DAY,
        expires_at=START + DAY,
        state=TaskState.CANCELED,
        label=Label(resource="users"),
        steps=1,
    )
    noted.finish(task, Counts(running=0, completed=0, failed=0, stale=0), LATER)

    assert [None] == [finish.event for finish in noted.finished]
