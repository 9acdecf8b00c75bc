"""Operations that are canceled, in every state, and results that come late."""

import pytest

from pushserver.model.operation import OnFailure
from pushserver.model.state import State
from pushserver.model.turns import give_up, withdraw
from tests.clock import START
from tests.model.work import Work, operation


def test_before_anything() -> None:
    """What has not begun fails at once, and the reason is told."""
    work = Work(operation(steps=2))

    work.cancel()

    assert ("FAILED", 0, 1, 0, 0) == work.ended
    assert [("FAILED", 0, None, "Enough.")] == work.told
    assert (True, START) == (work.operation.canceled, work.operation.ended_at)


def test_without_steps() -> None:
    """What has no steps fails, too."""
    work = Work(operation())

    work.cancel()

    assert ("FAILED", 0, 1, 0, 0) == work.ended


@pytest.mark.parametrize("on_failure", list(OnFailure))
def test_a_step_that_waits(on_failure: OnFailure) -> None:
    """A step that waits is canceled, and no other follows."""
    work = Work(operation(steps=3, on_failure=on_failure))
    work.do()
    step = work.queue()

    work.cancel()

    assert State.CANCELED is step.state
    assert ("FAILED", 2, 1, 0) == work.ended[:4]
    assert "Step 2 of 3: CANCELED" == work.told[-1][3]
    assert not work.operation.wants_step


def test_between_two_steps() -> None:
    """Between two steps it fails at once."""
    work = Work(operation(steps=2))
    work.do()

    work.cancel()

    assert ("FAILED", 1, 1, 0, 50) == work.ended
    assert "Enough." == work.told[-1][3]


def test_a_step_that_waits_again() -> None:
    """Of a step that was handed out before and waits again nobody knows."""
    work = Work(operation(steps=2))
    step = work.queue_again()
    work.poll()
    give_up(work.lane, work.changes, now=work.now)

    work.cancel()

    assert State.TIMEOUT is step.state
    assert ("STALE", 1, 0, 1, 25) == work.ended


@pytest.mark.parametrize("on_failure", list(OnFailure))
@pytest.mark.parametrize(("failed", "failures"), [(False, 0), (True, 1)])
def test_in_flight(on_failure: OnFailure, failed: bool, failures: int) -> None:
    """A step in flight runs to its end, and is the last."""
    work = Work(operation(steps=2, on_failure=on_failure))
    work.queue()
    flight = work.poll()
    work.cancel()
    running = work.ended
    work.answer(flight.command, flight.delivery, failed=failed)

    assert "RUNNING" == running[0]
    assert ("FAILED", 1, failures, 0) == work.ended[:4]
    assert not work.operation.wants_step


def test_the_last_step_in_flight() -> None:
    """If that was all there was to do, all of it was done."""
    work = Work(operation(steps=1))
    work.queue()
    flight = work.poll()
    work.cancel()
    work.answer(flight.command, flight.delivery)

    assert ("COMPLETED", 1, 0, 0, 100) == work.ended
    assert work.operation.canceled


def test_in_flight_and_lost() -> None:
    """If its answer never comes, nobody knows."""
    work = Work(operation(steps=2))
    work.queue()
    work.poll()
    work.cancel()
    give_up(work.lane, work.changes, now=work.now)

    assert ("STALE", 1, 0, 1, 25) == work.ended


def test_in_flight_and_without_answer() -> None:
    """A step in flight whose answer is lost is not handed out again."""
    work = Work(operation(steps=2))
    work.queue_again()
    work.poll()
    work.cancel()
    give_up(work.lane, work.changes, now=work.now)

    assert [] == work.lane.waiting
    assert ("STALE", 1, 0, 1, 25) == work.ended


def test_in_flight_and_never_written() -> None:
    """A step in flight of which nothing was written is canceled after all."""
    work = Work(operation(steps=2))
    work.queue()
    flight = work.poll()
    work.cancel()
    withdraw(work.lane, flight, work.changes, now=work.now)

    assert [] == work.lane.waiting
    assert ("FAILED", 1, 1, 0, 25) == work.ended


def test_twice() -> None:
    """Canceling twice is canceling once."""
    work = Work(operation(steps=1))
    work.queue()
    work.poll()
    work.cancel()
    before = len(work.told)

    work.cancel()

    assert before == len(work.told)
    assert ("RUNNING", 0, 0, 0, 50) == work.ended


def test_after_the_end() -> None:
    """What has ended stays as it is."""
    work = Work(operation(steps=1))
    work.do()
    before = work.ended, list(work.told)

    work.cancel()

    assert before == (work.ended, work.told)
    assert not work.operation.canceled


def test_late_success_of_the_last_step() -> None:
    """The last step's late success completes the operation."""
    work = Work(operation(steps=2))
    work.do()
    flight = work.lose()
    ended = work.operation.ended_at
    work.tick()
    work.answer(flight.command, flight.delivery)

    assert ("COMPLETED", 2, 0, 0, 100) == work.ended
    assert ("COMPLETED", 100, "part 2", "Step 2 of 2: SUCCESSFUL, late") == (
        work.told[-1]
    )
    assert ended == work.operation.ended_at
    assert work.now == work.operation.modified_at


def test_late_success_of_an_earlier_step() -> None:
    """An earlier step's late success starts nothing: not all was done."""
    work = Work(operation(steps=2))
    flight = work.lose()
    work.answer(flight.command, flight.delivery)

    assert ("FAILED", 1, 0, 0, 25) == work.ended
    assert not work.operation.wants_step


def test_late_failure() -> None:
    """A late failure is a failure."""
    work = Work(operation(steps=1))
    flight = work.lose()
    work.answer(flight.command, flight.delivery, failed=True)

    assert ("FAILED", 1, 1, 0, 50) == work.ended
    assert "Step 1 of 1: FAILED, late" == work.told[-1][3]


def test_late_while_running() -> None:
    """With `continue` a late success while the next step runs is no end."""
    work = Work(operation(steps=2, on_failure=OnFailure.CONTINUE))
    flight = work.lose()
    work.queue()
    work.answer(flight.command, flight.delivery)
    running = work.ended
    second = work.poll()
    work.answer(second.command, second.delivery)

    assert ("RUNNING", 1, 0, 0, 50) == running
    assert ("COMPLETED", 2, 0, 0, 100) == work.ended


def test_late_after_continuing() -> None:
    """With `continue` a late success at the end mends what nobody knew."""
    work = Work(operation(steps=2, on_failure=OnFailure.CONTINUE))
    flight = work.lose()
    work.do()
    stale = work.ended
    work.answer(flight.command, flight.delivery)

    assert ("STALE", 2, 0, 1, 100) == stale
    assert ("COMPLETED", 2, 0, 0, 100) == work.ended


def test_late_beside_a_failure() -> None:
    """A late success does not mend what has failed."""
    work = Work(operation(steps=2, on_failure=OnFailure.CONTINUE))
    flight = work.lose()
    work.do(failed=True)
    work.answer(flight.command, flight.delivery)

    assert ("FAILED", 2, 1, 0, 100) == work.ended


def test_late_after_canceling() -> None:
    """A canceled operation whose step succeeded late was not done whole."""
    work = Work(operation(steps=2))
    work.queue()
    flight = work.poll()
    work.cancel()
    give_up(work.lane, work.changes, now=work.now)
    work.answer(flight.command, flight.delivery)

    assert ("FAILED", 1, 0, 0, 25) == work.ended
