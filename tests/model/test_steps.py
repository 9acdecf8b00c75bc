"""Operations follow their steps: what is told of each turn, and how they end."""

import pytest

from pushserver.model.operation import OnFailure, Status
from pushserver.model.state import State
from pushserver.model.steps import report
from pushserver.model.turns import give_up
from tests.clock import START
from tests.model.values import DAY, TIMEOUT
from tests.model.work import BY, Work, notification, operation

CONTINUE = OnFailure.CONTINUE


def test_every_turn_is_told() -> None:
    """Queued, sent and done are one notification each, with the step's label."""
    work = Work(operation(steps=2))

    work.do()
    work.do()

    assert [
        ("RUNNING", 0, "part 1", "Step 1 of 2: queued"),
        ("RUNNING", 25, "part 1", "Step 1 of 2: sent"),
        ("RUNNING", 50, "part 1", "Step 1 of 2: SUCCESSFUL"),
        ("RUNNING", 50, "part 2", "Step 2 of 2: queued"),
        ("RUNNING", 75, "part 2", "Step 2 of 2: sent"),
        ("COMPLETED", 100, "part 2", "Step 2 of 2: SUCCESSFUL"),
    ] == work.told


def test_what_a_notification_says() -> None:
    """It is the operation's and its scope's, by who began it, at the turn's time."""
    work = Work(operation(steps=1, scope_id=3))
    work.tick()

    work.queue()

    (told,) = work.changes.notifications
    assert (work.operation.id, 3, BY, work.now, work.now) == (
        told.operation_id,
        told.scope_id,
        told.created_by,
        told.created_at,
        told.sent_at,
    )


def test_without_a_label() -> None:
    """A step without a label is called as its endpoint."""
    work = Work(operation(steps=1))

    work.queue(resource=None)

    assert ["execute_actions"] == [n.resource for n in work.changes.notifications]


def test_ids_of_notifications_grow() -> None:
    """They are told in the order of their ids."""
    work = Work(operation(steps=3))
    for _ in range(3):
        work.do()

    ids = [n.id for n in work.changes.notifications]
    assert sorted(set(ids)) == ids


def test_times() -> None:
    """It starts with its first step, is modified by each turn, ends with its last."""
    work = Work(operation(steps=2))
    work.tick()
    work.do()
    begun = work.now
    work.tick()
    work.do()

    of = work.operation
    assert (START, begun, work.now, work.now) == (
        of.created_at,
        of.started_at,
        of.modified_at,
        of.ended_at,
    )


def test_everything_is_noted() -> None:
    """An operation that follows is noted to be written, in the same changes."""
    work = Work(operation(steps=1))

    work.do()

    assert {work.operation.id: work.operation} == work.changes.operations


@pytest.mark.parametrize("steps", [1, 3, 7, 100])
def test_progress_grows(steps: int) -> None:
    """Progress is over all steps, from 0 to 100, and never falls."""
    work = Work(operation(steps=steps))
    for _ in range(steps):
        work.do()

    progress = [n.progress for n in work.changes.notifications]
    assert sorted(progress) == progress
    assert (0, 100) == (progress[0], progress[-1])
    assert [100 * (2 * n + 1) // (2 * steps) for n in range(steps)] == progress[1::3]


def test_wants_its_next_step() -> None:
    """The next step is wanted only when the one before has succeeded."""
    work = Work(operation(steps=2))
    wanted = [work.operation.wants_step]
    work.queue()
    wanted.append(work.operation.wants_step)
    flight = work.poll()
    wanted.append(work.operation.wants_step)
    work.answer(flight.command, flight.delivery)
    wanted.append(work.operation.wants_step)
    work.do()
    wanted.append(work.operation.wants_step)

    assert [True, False, False, True, False] == wanted


def test_a_failure_stops() -> None:
    """A failed step ends the operation; its progress stays."""
    work = Work(operation(steps=3))
    work.do()
    work.do(failed=True)

    assert ("FAILED", 2, 1, 0, 50) == work.ended
    assert not work.operation.wants_step
    assert ("FAILED", 50, "part 2", "Step 2 of 3: FAILED") == work.told[-1]


def test_a_failure_is_passed_over() -> None:
    """With `continue` the others are done, and the operation has failed at the end."""
    work = Work(operation(steps=2, on_failure=CONTINUE))
    work.do(failed=True)
    running = work.ended
    work.do()

    assert ("RUNNING", 1, 1, 0, 50) == running
    assert ("FAILED", 2, 1, 0, 100) == work.ended


def test_expired() -> None:
    """A step that nobody fetched in time is a failure."""
    work = Work(operation(steps=2))
    work.queue()
    work.now += DAY
    work.look_after()

    assert ("FAILED", 1, 1, 0, 0) == work.ended
    assert "Step 1 of 2: EXPIRED" == work.told[-1][3]


def test_never_answered() -> None:
    """Of a step that was never answered nobody knows: STALE."""
    work = Work(operation(steps=2))
    work.do()
    work.lose()

    assert ("STALE", 2, 0, 1, 75) == work.ended
    assert ("STALE", 75, "part 2", "Step 2 of 2: TIMEOUT") == work.told[-1]


def test_failed_counts_before_stale() -> None:
    """What has failed for sure is FAILED, also when of another step nobody knows."""
    work = Work(operation(steps=3, on_failure=CONTINUE))
    work.lose()
    work.do(failed=True)
    work.do()

    assert ("FAILED", 3, 1, 1, 100) == work.ended


def test_stale_at_the_end() -> None:
    """Passing over does not make known what nobody knows."""
    work = Work(operation(steps=2, on_failure=CONTINUE))
    work.lose()
    work.do()

    assert ("STALE", 2, 0, 1, 100) == work.ended


def test_handed_out_again() -> None:
    """A step that is handed out again is told so, and is still one step."""
    work = Work(operation(steps=2))
    work.queue_again()
    work.poll()
    give_up(work.lane, work.changes, now=work.now)
    flight = work.poll()
    work.answer(flight.command, flight.delivery)

    assert ("RUNNING", 1, 0, 0, 50) == work.ended
    assert ["queued", "sent", "sent", "SUCCESSFUL"] == [
        (message or "").split()[-1] for *_, message in work.told
    ]


def test_taken_back() -> None:
    """A hand-out that was taken back counts for nothing, and progress stays."""
    work = Work(operation(steps=1))
    work.queue()
    work.take_back(work.poll())

    assert ("RUNNING", 0, 0, 0, 50) == work.ended
    assert 2 == len(work.told)


def test_overdue_after_an_attempt() -> None:
    """What expires after it was handed out is unknown, not failed."""
    work = Work(operation(steps=1))
    work.queue_again(expires_at=START + TIMEOUT + 1)
    work.poll()
    work.now += TIMEOUT
    work.look_after()
    work.now += 1
    work.look_after()

    assert ("STALE", 1, 0, 1, 50) == work.ended


def test_report_from_outside() -> None:
    """What has steps takes a report, and goes on by its steps alone."""
    work = Work(operation(steps=1))
    work.queue()

    told = notification(work.operation, progress=90, status=Status.COMPLETED)
    report(work.operation, told, work.changes)

    assert ("RUNNING", 0, 0, 0, 0) == work.ended
    assert told in work.changes.notifications


@pytest.mark.parametrize("status", list(Status))
def test_report_without_steps(status: Status) -> None:
    """What has no steps stands as it is told, and is closed by the two last words."""
    work = Work(operation())

    told = notification(work.operation, progress=30, status=status, created_at=START)
    report(work.operation, told, work.changes)

    of = work.operation
    closed = status in (Status.COMPLETED, Status.FAILED)
    progress = 100 if status is Status.COMPLETED else 30
    assert (status, progress, START if closed else None) == (
        of.status,
        of.progress,
        of.ended_at,
    )
    assert START == of.started_at


def test_report_never_falls() -> None:
    """Its progress does not fall, whatever is told; the notification says it."""
    work = Work(operation())
    for progress in (40, 60, 20):
        told = notification(work.operation, progress=progress)
        report(work.operation, told, work.changes)

    assert 60 == work.operation.progress
    assert [40, 60, 20] == [n.progress for n in work.changes.notifications]


def test_only_success_completes() -> None:
    """No end of a single step but SUCCESSFUL makes COMPLETED."""
    ends = {}
    for name in ("succeed", "fail", "lose", "expire", "cancel"):
        work = Work(operation(steps=1))
        if name in ("succeed", "fail"):
            flight = work.do(failed=name == "fail")
        elif name == "lose":
            flight = work.lose()
        else:
            step = work.queue()
            work.now += DAY * (name == "expire")
            work.look_after()
            if name == "cancel":
                work.cancel()
            ends[step.state] = work.operation.status
            continue
        ends[flight.command.state] = work.operation.status

    assert {
        State.SUCCESSFUL: Status.COMPLETED,
        State.FAILED: Status.FAILED,
        State.TIMEOUT: Status.STALE,
        State.EXPIRED: Status.FAILED,
        State.CANCELED: Status.FAILED,
    } == ends
