"""Events of commands and results: each transition once, in order, if subscribed."""

from collections.abc import Callable

import pytest

from pushserver.clock import SECOND
from pushserver.model.actor import Actor, ActorPayload
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_events import apply_event
from pushserver.model.event import EventType
from pushserver.model.event_payload import CommandPayload, ResultPayload
from pushserver.model.lane import Lane
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.state import FINISHED, TRANSITIONS, CommandEvent, CommandState
from pushserver.model.transfers import record_written
from pushserver.model.transitions import (
    apply_deadlines,
    enqueue,
    give_up_in_flight,
    revert_hand_out,
)
from pushserver.model.withdrawal import withdraw
from tests.clock import START
from tests.model.events import LATER, command_payloads, new_changes, post_result
from tests.model.factories import (
    DAY,
    DEVICE,
    GRACE,
    at_most_once_command,
    command,
    poll_lane,
    result,
)


def command_states(changes: Changes) -> list[tuple[int, CommandState]]:
    """Return the command events: sequence numbers and states."""
    return [(each.sequence, each.state) for each in command_payloads(changes.events)]


@pytest.mark.parametrize("failed", [False, True])
def test_life(*, failed: bool) -> None:
    """Made, handed out, read, answered: four events, counted from one."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START + 1, changes=changes)
    assert in_flight is not None
    in_flight.written_at = START + 2
    record_written(lane, in_flight, changes)
    post_result(lane, one, changes, START + 3, failed=failed)

    end = CommandState.FAILED if failed else CommandState.SUCCESSFUL
    assert [
        (1, CommandState.PENDING),
        (2, CommandState.SENT),
        (3, CommandState.DELIVERED),
        (4, end),
    ] == command_states(changes)
    assert [START, START + 1, START + 2, START + 3] == [e.at for e in changes.events]


def test_times_and_ids() -> None:
    """The last event has all instants, whose command it is, and its result."""
    lane, changes = Lane(DEVICE), new_changes()
    one = command(operation_id=77)
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START + 1, changes=changes)
    assert in_flight is not None
    in_flight.written_at = START + 2
    record_written(lane, in_flight, changes)
    post_result(lane, one, changes, START + 3)

    last = changes.events[-1]
    expected = CommandPayload(
        command_id=one.id,
        sequence=4,
        state=CommandState.SUCCESSFUL,
        endpoint="load_objects",
        created_at=START,
        sent_at=START + 1,
        delivered_at=START + 2,
        finished_at=START + 3,
        operation_id=77,
        result_id=changes.results[0].id,
    )
    assert [expected] == command_payloads([last])
    assert (DEFAULT_SCOPE_ID, DEVICE, START + 3) == (
        last.scope_id,
        last.device_id,
        last.at,
    )


def test_ids_grow() -> None:
    """Events of one round have growing ids, in the order of what happened."""
    lane, changes = Lane(DEVICE), new_changes()
    for one in (command(), command()):
        enqueue(lane, one, changes)
        poll_lane(lane, START, changes=changes)
        post_result(lane, one, changes, START)

    ids = [event.id for event in changes.events]
    assert sorted(set(ids)) == ids
    assert 8 == len(ids)


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(
    ("written_at", "delivered_at"),
    [(START + 2, START + 2), (None, LATER), (START, START + 1), (LATER + 1, LATER)],
)
def test_answered_before_it_is_recorded(
    written_at: int | None, delivered_at: int, *, failed: bool
) -> None:
    """A result tells of DELIVERED first, between the hand-out and the end."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START + 1, changes=changes)
    assert in_flight is not None
    in_flight.written_at = written_at
    post_result(lane, one, changes, LATER, failed=failed)
    record_written(lane, in_flight, changes)

    end = CommandState.FAILED if failed else CommandState.SUCCESSFUL
    assert [(2, CommandState.SENT), (3, CommandState.DELIVERED), (4, end)] == (
        command_states(changes)[1:]
    )
    assert [delivered_at, LATER] == [e.at for e in changes.events[2:]]
    assert [(delivered_at, None), (delivered_at, LATER)] == [
        (each.delivered_at, each.finished_at)
        for each in command_payloads(changes.events[2:])
    ]
    assert delivered_at == in_flight.delivery.delivered_at


@pytest.mark.parametrize(
    ("make", "end"),
    [
        (command, CommandState.PENDING),
        (at_most_once_command, CommandState.TIMEOUT),
    ],
)
def test_given_up_before_it_is_recorded(
    make: Callable[[], Command], end: CommandState
) -> None:
    """A written delivery was DELIVERED, also if nobody answers it."""
    lane, one, changes = Lane(DEVICE), make(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START, changes=changes)
    assert in_flight is not None
    in_flight.written_at = START + 1
    give_up_in_flight(lane, changes, now=LATER)

    assert [(3, CommandState.DELIVERED), (4, end)] == command_states(changes)[2:]
    assert [START + 1, LATER] == [event.at for event in changes.events[2:]]


def test_late_result_closes_a_second_delivery() -> None:
    """The answer to a first delivery tells nothing of a second one's arrival."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    second = new_changes()
    poll_lane(lane, START + GRACE, changes=second)
    second.new_deliveries = changes.new_deliveries
    post_result(lane, one, second, LATER)

    assert [CommandState.PENDING, CommandState.SENT, CommandState.SUCCESSFUL] == [
        state for _, state in command_states(second)
    ]


def test_again() -> None:
    """A command that goes out again goes on counting."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    poll_lane(lane, START + GRACE, changes=changes)

    assert [
        (1, CommandState.PENDING),
        (2, CommandState.SENT),
        (3, CommandState.PENDING),
        (4, CommandState.SENT),
    ] == command_states(changes)


def test_withdrawn() -> None:
    """A withdrawn delivery emits that the command waits again."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START, changes=changes)
    assert in_flight is not None
    revert_hand_out(lane, in_flight, changes, now=LATER)

    assert [
        (1, CommandState.PENDING),
        (2, CommandState.SENT),
        (3, CommandState.PENDING),
    ] == command_states(changes)
    assert [None] == [each.sent_at for each in command_payloads(changes.events[-1:])]


def test_late_result() -> None:
    """A result that comes after the timeout is one event more."""
    lane, one, changes = Lane(DEVICE), at_most_once_command(), new_changes()
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    give_up_in_flight(lane, changes, now=LATER)
    post_result(lane, one, changes, LATER + 1)

    assert [CommandState.TIMEOUT, CommandState.SUCCESSFUL] == [
        state for _, state in command_states(changes)[2:]
    ]
    assert [3, 4] == [number for number, _ in command_states(changes)[2:]]


def test_second_result() -> None:
    """A result that changes nothing is no event."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    post_result(lane, one, changes, LATER)
    before = list(changes.events)
    post_result(lane, one, changes, LATER + 1, failed=True)

    assert before == changes.events


def test_never_handed_out() -> None:
    """Canceled and expired are emitted like everything else."""
    lane, changes = Lane(DEVICE), new_changes()
    queued, late = command(), command(expires_at=START + SECOND)
    for one in (queued, late):
        enqueue(lane, one, changes)
    withdraw(lane, queued, changes, now=START)
    apply_deadlines(lane, changes, now=LATER)

    assert [(2, CommandState.CANCELED), (2, CommandState.EXPIRED)] == command_states(
        changes
    )[2:]
    assert [START, LATER] == [event.at for event in changes.events[2:]]


@pytest.mark.parametrize("turn", list(CommandEvent))
def test_every_transition(turn: CommandEvent) -> None:
    """Whatever moves a command is exactly one event, of the state it leads to."""
    transition = TRANSITIONS[turn]
    for source in transition.sources:
        changes, one = new_changes(), command(state=source, transition_count=5)
        apply_event(one, turn, LATER, changes)

        assert [(6, transition.target)] == command_states(changes)
        assert [LATER] == [event.at for event in changes.events]


@pytest.mark.parametrize(
    "interest",
    [
        {},
        {DEFAULT_SCOPE_ID: frozenset[EventType]()},
        {DEFAULT_SCOPE_ID + 1: frozenset(EventType)},
        {DEFAULT_SCOPE_ID: frozenset({EventType.RESULT_ORPHANED})},
    ],
)
def test_nobody_listens(interest: dict[int, frozenset[EventType]]) -> None:
    """Without a subscription in the scope no event is emitted, but it is counted."""
    lane, one, changes = Lane(DEVICE), command(), new_changes(interest)
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    post_result(lane, one, changes, LATER)

    assert [] == changes.events
    assert 3 == one.transition_count


def test_orphan() -> None:
    """A result that belongs to no delivery is emitted with what is known of it."""
    changes = new_changes()
    changes.add_result(came := result(uuid="u1", endpoint="door", received_at=LATER))

    (event,) = changes.events
    expected = ResultPayload(result_id=came.id, uuid="u1", endpoint="door")
    assert expected == event.payload
    assert (EventType.RESULT_ORPHANED, DEVICE, LATER) == (
        event.type,
        event.device_id,
        event.at,
    )


def test_result_of_a_delivery() -> None:
    """A result that belongs to a delivery is no event of its own."""
    changes = new_changes()
    changes.add_result(result(command_id=1, delivery_id=2))

    assert [] == changes.events


def test_told_as_it_was() -> None:
    """An event describes its instant, whatever became of the command since."""
    lane, changes = Lane(DEVICE), new_changes()
    one = command()
    enqueue(lane, one, changes)
    poll_lane(lane, START, changes=changes)
    apply_deadlines(lane, changes, now=START + DAY)

    states = [state for _, state in command_states(changes)]
    assert CommandState.PENDING is states[0]
    assert one.state is states[-1]
    assert states[-1] in FINISHED


def test_in_flight_of_before() -> None:
    """Recording twice that an answer was written emits one event."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START, changes=changes)
    assert in_flight is not None
    in_flight.written_at = LATER
    record_written(lane, in_flight, changes)
    record_written(lane, in_flight, changes)

    assert [CommandState.DELIVERED] == [
        state for _, state in command_states(changes)[2:]
    ]


def test_who_withdrew_it_stays_known() -> None:
    """What is withdrawn in flight and comes back unsent was canceled by the same."""
    lane, one, changes = Lane(DEVICE), command(), new_changes()
    enqueue(lane, one, changes)
    in_flight = poll_lane(lane, START, changes=changes)
    assert in_flight is not None
    by = Actor(7, "porter")
    withdraw(lane, one, changes, now=START, by=by)
    revert_hand_out(lane, in_flight, changes, now=START)

    assert (CommandState.CANCELED, by) == (one.state, one.canceled_by)
    last = command_payloads([changes.events[-1]])[0]
    assert ActorPayload(7, "porter") == last.canceled_by
