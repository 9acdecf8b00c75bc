"""Operations follow their steps: notifications of each transition, and how they end."""

import pytest

from pushserver.model.operation import OnFailure, OperationStatus
from pushserver.model.operation_steps import add_notification
from pushserver.model.state import CommandState
from pushserver.model.transitions import give_up_in_flight
from tests.clock import START
from tests.model.factories import DAY, TIMEOUT
from tests.model.operation_scenario import (
    TOKEN_ID,
    OperationScenario,
    notification,
    operation,
)

CONTINUE = OnFailure.CONTINUE


def test_every_event_is_notified() -> None:
    """Queued, sent and done are one notification each, with the step's label."""
    scenario = OperationScenario(operation(step_count=2))

    scenario.run_step()
    scenario.run_step()

    assert [
        ("RUNNING", 0, "part 1", "Step 1 of 2: queued"),
        ("RUNNING", 25, "part 1", "Step 1 of 2: sent"),
        ("RUNNING", 50, "part 1", "Step 1 of 2: SUCCESSFUL"),
        ("RUNNING", 50, "part 2", "Step 2 of 2: queued"),
        ("RUNNING", 75, "part 2", "Step 2 of 2: sent"),
        ("COMPLETED", 100, "part 2", "Step 2 of 2: SUCCESSFUL"),
    ] == scenario.notification_rows


def test_what_a_notification_says() -> None:
    """It is the operation's and its scope's, by who began it, at the turn's time."""
    scenario = OperationScenario(operation(step_count=1, scope_id=3))
    scenario.tick()

    scenario.start_next_step()

    (reported,) = scenario.changes.notifications
    assert (scenario.operation.id, 3, TOKEN_ID, scenario.now, scenario.now) == (
        reported.operation_id,
        reported.scope_id,
        reported.created_by,
        reported.created_at,
        reported.sent_at,
    )


def test_without_a_label() -> None:
    """A step without a label is called as its endpoint."""
    scenario = OperationScenario(operation(step_count=1))

    scenario.start_next_step(resource=None)

    assert ["execute_actions"] == [n.resource for n in scenario.changes.notifications]


def test_ids_of_notifications_grow() -> None:
    """Notifications are made in the order of their ids."""
    scenario = OperationScenario(operation(step_count=3))
    for _ in range(3):
        scenario.run_step()

    ids = [n.id for n in scenario.changes.notifications]
    assert sorted(set(ids)) == ids


def test_times() -> None:
    """It starts with its first step, is modified by each turn, ends with its last."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.tick()
    scenario.run_step()
    started_at = scenario.now
    scenario.tick()
    scenario.run_step()

    of = scenario.operation
    assert (START, started_at, scenario.now, scenario.now) == (
        of.created_at,
        of.started_at,
        of.modified_at,
        of.ended_at,
    )


def test_everything_is_noted() -> None:
    """An operation that follows its step is recorded in the same changes."""
    scenario = OperationScenario(operation(step_count=1))

    scenario.run_step()

    assert {scenario.operation.id: scenario.operation} == scenario.changes.operations


@pytest.mark.parametrize("steps", [1, 3, 7, 100])
def test_progress_grows(steps: int) -> None:
    """Progress is over all steps, from 0 to 100, and never falls."""
    scenario = OperationScenario(operation(step_count=steps))
    for _ in range(steps):
        scenario.run_step()

    progress = [n.progress for n in scenario.changes.notifications]
    assert sorted(progress) == progress
    assert (0, 100) == (progress[0], progress[-1])
    assert [100 * (2 * n + 1) // (2 * steps) for n in range(steps)] == progress[1::3]


def test_wants_its_next_step() -> None:
    """The next step is needed only when the one before has succeeded."""
    scenario = OperationScenario(operation(step_count=2))
    needed = [scenario.operation.needs_next_step]
    scenario.start_next_step()
    needed.append(scenario.operation.needs_next_step)
    in_flight = scenario.poll_command()
    needed.append(scenario.operation.needs_next_step)
    scenario.post_result(in_flight.command, in_flight.delivery)
    needed.append(scenario.operation.needs_next_step)
    scenario.run_step()
    needed.append(scenario.operation.needs_next_step)

    assert [True, False, False, True, False] == needed


def test_a_failure_stops() -> None:
    """A failed step ends the operation; its progress stays."""
    scenario = OperationScenario(operation(step_count=3))
    scenario.run_step()
    scenario.run_step(failed=True)

    assert ("FAILED", 2, 1, 0, 50) == scenario.progress_row
    assert not scenario.operation.needs_next_step
    assert (
        "FAILED",
        50,
        "part 2",
        "Step 2 of 3: FAILED",
    ) == scenario.notification_rows[-1]


def test_a_failure_is_passed_over() -> None:
    """With `continue` the others are done, and the operation has failed at the end."""
    scenario = OperationScenario(operation(step_count=2, on_failure=CONTINUE))
    scenario.run_step(failed=True)
    running = scenario.progress_row
    scenario.run_step()

    assert ("RUNNING", 1, 1, 0, 50) == running
    assert ("FAILED", 2, 1, 0, 100) == scenario.progress_row


def test_expired() -> None:
    """A step that nobody fetched in time is a failure."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_next_step()
    scenario.now += DAY
    scenario.expire_overdue()

    assert ("FAILED", 1, 1, 0, 0) == scenario.progress_row
    assert "Step 1 of 2: EXPIRED" == scenario.notification_rows[-1][3]


def test_never_answered() -> None:
    """An operation with a step that was never answered is STALE."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.run_step()
    scenario.leave_step_unanswered()

    assert ("STALE", 2, 0, 1, 75) == scenario.progress_row
    assert (
        "STALE",
        75,
        "part 2",
        "Step 2 of 2: TIMEOUT",
    ) == scenario.notification_rows[-1]


def test_failed_counts_before_stale() -> None:
    """A certain failure is FAILED, even when another step's outcome is unknown."""
    scenario = OperationScenario(operation(step_count=3, on_failure=CONTINUE))
    scenario.leave_step_unanswered()
    scenario.run_step(failed=True)
    scenario.run_step()

    assert ("FAILED", 3, 1, 1, 100) == scenario.progress_row


def test_stale_at_the_end() -> None:
    """Passing over does not make known what nobody knows."""
    scenario = OperationScenario(operation(step_count=2, on_failure=CONTINUE))
    scenario.leave_step_unanswered()
    scenario.run_step()

    assert ("STALE", 2, 0, 1, 100) == scenario.progress_row


def test_handed_out_again() -> None:
    """A step that is handed out again is notified again, and is still one step."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_repeatable_step()
    scenario.poll_command()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)
    in_flight = scenario.poll_command()
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("RUNNING", 1, 0, 0, 50) == scenario.progress_row
    assert ["queued", "sent", "sent", "SUCCESSFUL"] == [
        (message or "").split()[-1] for *_, message in scenario.notification_rows
    ]


def test_taken_back() -> None:
    """A hand-out that was taken back counts for nothing, and progress stays."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.start_next_step()
    scenario.revert_delivery(scenario.poll_command())

    assert ("RUNNING", 0, 0, 0, 50) == scenario.progress_row
    assert 2 == len(scenario.notification_rows)


def test_overdue_after_an_attempt() -> None:
    """A step that expires after it was handed out is unknown, not failed."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.start_repeatable_step(expires_at=START + TIMEOUT + 1)
    scenario.poll_command()
    scenario.now += TIMEOUT
    scenario.expire_overdue()
    scenario.now += 1
    scenario.expire_overdue()

    assert ("STALE", 1, 0, 1, 50) == scenario.progress_row


def test_report_from_outside() -> None:
    """An operation with steps accepts a report, and still follows its steps alone."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.start_next_step()

    reported = notification(
        scenario.operation, progress=90, status=OperationStatus.COMPLETED
    )
    add_notification(scenario.operation, reported, scenario.changes)

    assert ("RUNNING", 0, 0, 0, 0) == scenario.progress_row
    assert reported in scenario.changes.notifications


@pytest.mark.parametrize("status", list(OperationStatus))
def test_report_without_steps(status: OperationStatus) -> None:
    """
    Without steps an operation has the reported progress, and COMPLETED or FAILED ends
    it.
    """
    scenario = OperationScenario(operation())

    reported = notification(
        scenario.operation, progress=30, status=status, created_at=START
    )
    add_notification(scenario.operation, reported, scenario.changes)

    of = scenario.operation
    closed = status in (OperationStatus.COMPLETED, OperationStatus.FAILED)
    progress = 100 if status is OperationStatus.COMPLETED else 30
    assert (status, progress, START if closed else None) == (
        of.status,
        of.progress,
        of.ended_at,
    )
    assert START == of.started_at


def test_report_never_falls() -> None:
    """
    The operation's progress does not fall, whatever is reported; the notification has
    it.
    """
    scenario = OperationScenario(operation())
    for progress in (40, 60, 20):
        reported = notification(scenario.operation, progress=progress)
        add_notification(scenario.operation, reported, scenario.changes)

    assert 60 == scenario.operation.progress
    assert [40, 60, 20] == [n.progress for n in scenario.changes.notifications]


def test_only_success_completes() -> None:
    """No end of a single step but SUCCESSFUL makes COMPLETED."""
    ends = {}
    for name in ("succeed", "fail", "lose", "expire", "cancel"):
        scenario = OperationScenario(operation(step_count=1))
        if name in ("succeed", "fail"):
            in_flight = scenario.run_step(failed=name == "fail")
        elif name == "lose":
            in_flight = scenario.leave_step_unanswered()
        else:
            step = scenario.start_next_step()
            scenario.now += DAY * (name == "expire")
            scenario.expire_overdue()
            if name == "cancel":
                scenario.cancel()
            ends[step.state] = scenario.operation.status
            continue
        ends[in_flight.command.state] = scenario.operation.status

    assert {
        CommandState.SUCCESSFUL: OperationStatus.COMPLETED,
        CommandState.FAILED: OperationStatus.FAILED,
        CommandState.TIMEOUT: OperationStatus.STALE,
        CommandState.EXPIRED: OperationStatus.FAILED,
        CommandState.CANCELED: OperationStatus.FAILED,
    } == ends
