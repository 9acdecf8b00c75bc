"""Operations that are canceled, in every state, and results that come late."""

import pytest

from pushserver.model.operation import OnFailure
from pushserver.model.state import CommandState
from pushserver.model.transitions import give_up_in_flight, revert_hand_out
from tests.clock import START
from tests.model.operation_scenario import OperationScenario, operation


def test_before_anything() -> None:
    """
    An operation that has not started fails at once, with the reason in a notification.
    """
    scenario = OperationScenario(operation(step_count=2))

    scenario.cancel()

    assert ("FAILED", 0, 1, 0, 0) == scenario.progress_row
    assert [("FAILED", 0, None, "Enough.")] == scenario.notification_rows
    assert (True, START) == (scenario.operation.canceled, scenario.operation.ended_at)


def test_without_steps() -> None:
    """An operation without steps fails, too."""
    scenario = OperationScenario(operation())

    scenario.cancel()

    assert ("FAILED", 0, 1, 0, 0) == scenario.progress_row


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_a_step_that_waits(on_failure: OnFailure) -> None:
    """A step that waits is canceled, and no other follows."""
    scenario = OperationScenario(operation(step_count=3, on_failure=on_failure))
    scenario.run_step()
    step = scenario.start_next_step()

    scenario.cancel()

    assert CommandState.CANCELED is step.state
    assert ("FAILED", 2, 1, 0) == scenario.progress_row[:4]
    assert "Step 2 of 3: CANCELED" == scenario.notification_rows[-1][3]
    assert not scenario.operation.needs_next_step


def test_between_two_steps() -> None:
    """Between two steps it fails at once."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.run_step()

    scenario.cancel()

    assert ("FAILED", 1, 1, 0, 50) == scenario.progress_row
    assert "Enough." == scenario.notification_rows[-1][3]


def test_a_step_that_waits_again() -> None:
    """The outcome of a step that was handed out and waits again is unknown."""
    scenario = OperationScenario(operation(step_count=2))
    step = scenario.start_repeatable_step()
    scenario.poll_command()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)

    scenario.cancel()

    assert CommandState.TIMEOUT is step.state
    assert ("STALE", 1, 0, 1, 25) == scenario.progress_row


@pytest.mark.parametrize("on_failure", list(OnFailure))
@pytest.mark.parametrize(("failed", "failures"), [(False, 0), (True, 1)])
def test_in_flight(on_failure: OnFailure, failed: bool, failures: int) -> None:
    """A step in flight runs to its end, and is the last."""
    scenario = OperationScenario(operation(step_count=2, on_failure=on_failure))
    scenario.start_next_step()
    in_flight = scenario.poll_command()
    scenario.cancel()
    running = scenario.progress_row
    scenario.post_result(in_flight.command, in_flight.delivery, failed=failed)

    assert "RUNNING" == running[0]
    assert ("FAILED", 1, failures, 0) == scenario.progress_row[:4]
    assert not scenario.operation.needs_next_step


def test_the_last_step_in_flight() -> None:
    """If that was all there was to do, all of it was done."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.start_next_step()
    in_flight = scenario.poll_command()
    scenario.cancel()
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("COMPLETED", 1, 0, 0, 100) == scenario.progress_row
    assert scenario.operation.canceled


def test_in_flight_and_lost() -> None:
    """If its answer never comes, nobody knows."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_next_step()
    scenario.poll_command()
    scenario.cancel()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)

    assert ("STALE", 1, 0, 1, 25) == scenario.progress_row


def test_in_flight_and_without_answer() -> None:
    """A step in flight whose answer is lost is not handed out again."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_repeatable_step()
    scenario.poll_command()
    scenario.cancel()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)

    assert [] == scenario.lane.waiting
    assert ("STALE", 1, 0, 1, 25) == scenario.progress_row


def test_in_flight_and_never_written() -> None:
    """A step in flight of which nothing was written is canceled after all."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_next_step()
    in_flight = scenario.poll_command()
    scenario.cancel()
    revert_hand_out(scenario.lane, in_flight, scenario.changes, now=scenario.now)

    assert [] == scenario.lane.waiting
    assert ("FAILED", 1, 1, 0, 25) == scenario.progress_row


def test_twice() -> None:
    """Canceling twice is canceling once."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.start_next_step()
    scenario.poll_command()
    scenario.cancel()
    before = len(scenario.notification_rows)

    scenario.cancel()

    assert before == len(scenario.notification_rows)
    assert ("RUNNING", 0, 0, 0, 50) == scenario.progress_row


def test_after_the_end() -> None:
    """An operation that has ended stays as it is."""
    scenario = OperationScenario(operation(step_count=1))
    scenario.run_step()
    before = scenario.progress_row, list(scenario.notification_rows)

    scenario.cancel()

    assert before == (scenario.progress_row, scenario.notification_rows)
    assert not scenario.operation.canceled


def test_late_success_of_the_last_step() -> None:
    """The last step's late success completes the operation."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.run_step()
    in_flight = scenario.leave_step_unanswered()
    ended = scenario.operation.ended_at
    scenario.tick()
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("COMPLETED", 2, 0, 0, 100) == scenario.progress_row
    assert ("COMPLETED", 100, "part 2", "Step 2 of 2: SUCCESSFUL, late") == (
        scenario.notification_rows[-1]
    )
    assert ended == scenario.operation.ended_at
    assert scenario.now == scenario.operation.modified_at


def test_late_success_of_an_earlier_step() -> None:
    """An earlier step's late success starts nothing: not all was done."""
    scenario = OperationScenario(operation(step_count=2))
    in_flight = scenario.leave_step_unanswered()
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("FAILED", 1, 0, 0, 25) == scenario.progress_row
    assert not scenario.operation.needs_next_step


def test_late_failure() -> None:
    """A late failure is a failure."""
    scenario = OperationScenario(operation(step_count=1))
    in_flight = scenario.leave_step_unanswered()
    scenario.post_result(in_flight.command, in_flight.delivery, failed=True)

    assert ("FAILED", 1, 1, 0, 50) == scenario.progress_row
    assert "Step 1 of 1: FAILED, late" == scenario.notification_rows[-1][3]


def test_late_while_running() -> None:
    """With `continue` a late success while the next step runs is no end."""
    scenario = OperationScenario(operation(step_count=2, on_failure=OnFailure.CONTINUE))
    in_flight = scenario.leave_step_unanswered()
    scenario.start_next_step()
    scenario.post_result(in_flight.command, in_flight.delivery)
    running = scenario.progress_row
    second = scenario.poll_command()
    scenario.post_result(second.command, second.delivery)

    assert ("RUNNING", 1, 0, 0, 50) == running
    assert ("COMPLETED", 2, 0, 0, 100) == scenario.progress_row


def test_late_after_continuing() -> None:
    """With `continue` a late success at the end mends what nobody knew."""
    scenario = OperationScenario(operation(step_count=2, on_failure=OnFailure.CONTINUE))
    in_flight = scenario.leave_step_unanswered()
    scenario.run_step()
    stale = scenario.progress_row
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("STALE", 2, 0, 1, 100) == stale
    assert ("COMPLETED", 2, 0, 0, 100) == scenario.progress_row


def test_late_beside_a_failure() -> None:
    """A late success does not mend what has failed."""
    scenario = OperationScenario(operation(step_count=2, on_failure=OnFailure.CONTINUE))
    in_flight = scenario.leave_step_unanswered()
    scenario.run_step(failed=True)
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("FAILED", 2, 1, 0, 100) == scenario.progress_row


def test_late_after_canceling() -> None:
    """A canceled operation whose step succeeded late was not done whole."""
    scenario = OperationScenario(operation(step_count=2))
    scenario.start_next_step()
    in_flight = scenario.poll_command()
    scenario.cancel()
    give_up_in_flight(scenario.lane, scenario.changes, now=scenario.now)
    scenario.post_result(in_flight.command, in_flight.delivery)

    assert ("FAILED", 1, 0, 0, 25) == scenario.progress_row
