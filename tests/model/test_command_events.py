"""What is told of commands and results: each transition once, in order, if wanted."""

import msgspec
import pytest

from pushserver.clock import SECOND
from pushserver.model.changes import Changes
from pushserver.model.event import CommandTold, EventType, ResultTold
from pushserver.model.lane import Lane
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.state import OVER, TRANSITIONS, State, Turn
from pushserver.model.turns import (
    add,
    cancel,
    give_up,
    look_after,
    record_written,
    withdraw,
)
from tests.clock import START
from tests.model.events import LATER, answer, changes, commands_of
from tests.model.values import DAY, DEVICE, GRACE, command, once, poll, result


def told(noted: Changes) -> list[tuple[int, State]]:
    """Return what is told of commands: sequence numbers and states."""
    return [(each.sequence, each.state) for each in commands_of(noted.events)]


@pytest.mark.parametrize("failed", [False, True])
def test_life(*, failed: bool) -> None:
    """Made, handed out, read, answered: four events, counted from one."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    flight = poll(lane, START + 1, changes=noted)
    assert flight is not None
    flight.written_at = START + 2
    record_written(lane, flight, noted)
    answer(lane, one, noted, START + 3, failed=failed)

    end = State.FAILED if failed else State.SUCCESSFUL
    assert [
        (1, State.PENDING),
        (2, State.SENT),
        (3, State.DELIVERED),
        (4, end),
    ] == told(noted)
    assert [START, START + 1, START + 2, START + 3] == [e.at for e in noted.events]


def test_times_and_ids() -> None:
    """The last event has all instants, whose command it is, and its result."""
    lane, noted = Lane(DEVICE), changes()
    one = command(operation_id=77)
    add(lane, one, noted)
    flight = poll(lane, START + 1, changes=noted)
    assert flight is not None
    flight.written_at = START + 2
    record_written(lane, flight, noted)
    answer(lane, one, noted, START + 3)

    last = noted.events[-1]
    expected = CommandTold(
        command_id=one.id,
        sequence=4,
        state=State.SUCCESSFUL,
        endpoint="load_objects",
        created_at=START,
        sent_at=START + 1,
        delivered_at=START + 2,
        finished_at=START + 3,
        operation_id=77,
        result_id=noted.results[0].id,
    )
    assert [expected] == commands_of([last])
    assert (FIRST_SCOPE, DEVICE, START + 3) == (last.scope_id, last.device_id, last.at)


def test_ids_grow() -> None:
    """Events of one round have growing ids, in the order of what happened."""
    lane, noted = Lane(DEVICE), changes()
    for one in (command(), command()):
        add(lane, one, noted)
        poll(lane, START, changes=noted)
        answer(lane, one, noted, START)

    ids = [event.id for event in noted.events]
    assert sorted(set(ids)) == ids
    assert 6 == len(ids)


def test_skipped_delivered() -> None:
    """A state that a command skipped is no event, and no gap in the numbers."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    answer(lane, one, noted, START)

    assert [(1, State.PENDING), (2, State.SENT), (3, State.SUCCESSFUL)] == told(noted)


def test_again() -> None:
    """A command that goes out again goes on counting."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    poll(lane, START + GRACE, changes=noted)

    assert [
        (1, State.PENDING),
        (2, State.SENT),
        (3, State.PENDING),
        (4, State.SENT),
    ] == told(noted)


def test_withdrawn() -> None:
    """A hand-out that was taken back is told as waiting again."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    flight = poll(lane, START, changes=noted)
    assert flight is not None
    withdraw(lane, flight, noted, now=LATER)

    assert [(1, State.PENDING), (2, State.SENT), (3, State.PENDING)] == told(noted)
    assert [None] == [each.sent_at for each in commands_of(noted.events[-1:])]


def test_late_result() -> None:
    """A result that comes after the timeout is one event more."""
    lane, one, noted = Lane(DEVICE), once(), changes()
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    give_up(lane, noted, now=LATER)
    answer(lane, one, noted, LATER + 1)

    assert [State.TIMEOUT, State.SUCCESSFUL] == [state for _, state in told(noted)[2:]]
    assert [3, 4] == [number for number, _ in told(noted)[2:]]


def test_second_result() -> None:
    """A result that changes nothing is no event."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    answer(lane, one, noted, LATER)
    before = list(noted.events)
    answer(lane, one, noted, LATER + 1, failed=True)

    assert before == noted.events


def test_never_handed_out() -> None:
    """Canceled and expired are told like everything else."""
    lane, noted = Lane(DEVICE), changes()
    wanted, late = command(), command(expires_at=START + SECOND)
    for one in (wanted, late):
        add(lane, one, noted)
    cancel(lane, wanted, noted, now=START)
    look_after(lane, noted, now=LATER)

    assert [(2, State.CANCELED), (2, State.EXPIRED)] == told(noted)[2:]
    assert [START, LATER] == [event.at for event in noted.events[2:]]


@pytest.mark.parametrize("turn", list(Turn))
def test_every_turn(turn: Turn) -> None:
    """Whatever moves a command is exactly one event, of the state it leads to."""
    transition = TRANSITIONS[turn]
    for source in transition.sources:
        noted, one = changes(), command(state=source, turns=5)
        noted.move(one, turn, LATER)

        assert [(6, transition.target)] == told(noted)
        assert [LATER] == [event.at for event in noted.events]


@pytest.mark.parametrize(
    "interest",
    [
        {},
        {FIRST_SCOPE: frozenset[EventType]()},
        {FIRST_SCOPE + 1: frozenset(EventType)},
        {FIRST_SCOPE: frozenset({EventType.RESULT_ORPHANED})},
    ],
)
def test_nobody_listens(interest: dict[int, frozenset[EventType]]) -> None:
    """What nobody in the scope wants to hear of is not told, and is counted on."""
    lane, one, noted = Lane(DEVICE), command(), changes(interest)
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    answer(lane, one, noted, LATER)

    assert [] == noted.events
    assert 3 == one.turns


def test_orphan() -> None:
    """A result that belongs to no delivery is told with what is known of it."""
    noted = changes()
    noted.keep(came := result(uuid="u1", endpoint="door", received_at=LATER))

    (event,) = noted.events
    expected = ResultTold(result_id=came.id, uuid="u1", endpoint="door")
    assert expected == msgspec.json.decode(event.data, type=ResultTold)
    assert (EventType.RESULT_ORPHANED, DEVICE, LATER) == (
        event.type,
        event.device_id,
        event.at,
    )


def test_result_of_a_delivery() -> None:
    """A result that belongs to a delivery is no event of its own."""
    noted = changes()
    noted.keep(result(command_id=1, delivery_id=2))

    assert [] == noted.events


def test_told_as_it_was() -> None:
    """An event tells of its instant, whatever became of the command since."""
    lane, noted = Lane(DEVICE), changes()
    one = command()
    add(lane, one, noted)
    poll(lane, START, changes=noted)
    look_after(lane, noted, now=START + DAY)

    states = [state for _, state in told(noted)]
    assert State.PENDING is states[0]
    assert one.state is states[-1]
    assert states[-1] in OVER


def test_flight_of_before() -> None:
    """That an answer was written, told twice, is one event."""
    lane, one, noted = Lane(DEVICE), command(), changes()
    add(lane, one, noted)
    flight = poll(lane, START, changes=noted)
    assert flight is not None
    flight.written_at = LATER
    record_written(lane, flight, noted)
    record_written(lane, flight, noted)

    assert [State.DELIVERED] == [state for _, state in told(noted)[2:]]
