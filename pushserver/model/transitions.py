"""Every rule that changes a lane, once, as a function that records its changes.

The store reads a lane, a rule changes it, and the store writes the changes, all in one
transaction. A rule raises before it changes anything, or not at all. Those that take
commands back are in `withdrawal`, those that cancel operations in
`operation_cancellation`.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from pushserver.model import upgrade_steps
from pushserver.model.audit import cancel_entry
from pushserver.model.changes import Changes
from pushserver.model.command import Command, Delivery, DeliveryOutcome, Result
from pushserver.model.command_events import apply_event, record_delivered
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.in_flight import InFlight
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.operation_steps import record_step_queued
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.state import TERMINAL, CommandEvent
from pushserver.model.withdrawal import (
    MAX_ENDED_AT_ONCE,
    end_waiting,
    room_to_end,
    supersede_by_key,
    take_replaceable,
)

_ANSWERED_OUTCOMES = (DeliveryOutcome.SUCCESSFUL, DeliveryOutcome.FAILED)
#: What a result means to its delivery, by what it means to its command.
_RESULT_OUTCOMES = {
    CommandEvent.SUCCEED: DeliveryOutcome.SUCCESSFUL,
    CommandEvent.FAIL: DeliveryOutcome.FAILED,
    CommandEvent.GIVE_UP: DeliveryOutcome.UNREADABLE,
}


def enqueue(lane: Lane, command: Command, changes: Changes) -> None:
    """Put a new command into the queue, in place of what it supersedes."""
    enqueue_all(lane, [command], changes)


def enqueue_all(lane: Lane, commands: Sequence[Command], changes: Changes) -> None:
    """Put new commands into the queue, in place of what they supersede."""
    waiting = take_replaceable(lane, commands)
    replaced: list[Command] = []
    for command in commands:
        if command.supersede_key is not None:
            replaced += supersede_by_key(waiting, command, changes)
        changes.new_commands.append(command)
        changes.emit_command_status(command, command.created_at)
    for command in commands:
        # Another one of these may have taken its place already.
        if not command.is_finished:
            lane.insert(command)
    if replaced:
        changes.audit(cancel_entry(commands[0].created_by, replaced))


def hand_out(
    lane: Lane,
    new_delivery: Callable[[Command, int, int], Delivery],
    changes: Changes,
    *,
    now: int,
    polled_at: int,
    grace: int,
    limit: int = 1,
) -> tuple[InFlight, ...]:
    """
    Answer a poll with up to *limit* commands; return what it gets, or nothing.

    Commands in flight are given up first if their grace is over: the device polls
    again, so an answer or a result was lost. A poll that began before they were handed
    out (*polled_at*) does not show that. *new_delivery* makes the delivery of a
    command, from its id and the instant.
    """
    if lane.in_flights:
        if now < lane.grace_ends_at(grace) or lane.was_handed_out_after(polled_at):
            return ()
        give_up_in_flight(lane, changes, now=now)
    while len(lane.in_flights) < limit:
        command = _next_command(lane, changes, now)
        if command is None:
            break
        lane.waiting.remove(command)
        apply_event(command, CommandEvent.HAND_OUT, now, changes)
        delivery = new_delivery(command, changes.new_id(), now)
        lane.add_in_flight(InFlight(command, delivery))
        changes.new_deliveries.append(delivery)
    return tuple(lane.in_flights)


def _next_command(lane: Lane, changes: Changes, now: int) -> Command | None:
    """
    Return the next command that is ready; expire the overdue ones before it.

    Of very many overdue ones some are left to the deadlines.
    """
    expired: list[Command] = []
    chosen = None
    for command in lane.waiting:
        if command.expires_at <= now:
            if len(expired) < MAX_ENDED_AT_ONCE:
                expired.append(command)
        elif lane.ready_at(command, now) <= now:
            chosen = command
            break
    if expired:
        _expire(lane, expired, changes, now)
    return chosen


def revert_hand_out(
    lane: Lane, in_flight: InFlight, changes: Changes, *, now: int
) -> None:
    """Revert a hand-out of which no byte was written; it does not count as attempt."""
    live = lane.find_live(in_flight)
    if live is None or live.written_at is not None:
        return
    lane.in_flights.remove(live)
    apply_event(live.command, CommandEvent.REVERT_HAND_OUT, now, changes)
    changes.close_delivery(live.delivery, DeliveryOutcome.NOT_WRITTEN, now)
    lane.insert(live.command)
    if live.command.is_unwanted:
        end_waiting(lane, [live.command], changes, now=now)


def give_up_in_flight(lane: Lane, changes: Changes, *, now: int) -> None:
    """Give up everything that is in flight."""
    for in_flight in list(lane.in_flights):
        give_up(lane, in_flight, changes, now)


def give_up(lane: Lane, in_flight: InFlight, changes: Changes, now: int) -> None:
    """Give up waiting for an answer: retry, or TIMEOUT, by the delivery guarantee."""
    lane.in_flights.remove(in_flight)
    command = in_flight.command
    lane.block_endpoint(in_flight)
    record_delivered(command, in_flight.delivery, in_flight.written_at, changes, now)
    changes.close_delivery(in_flight.delivery, DeliveryOutcome.NO_ANSWER, now)
    can_retry = (
        command.guarantee is DeliveryGuarantee.AT_LEAST_ONCE
        and command.attempts < command.max_attempts
        and command.expires_at > now
        and not command.is_unwanted
    )
    apply_event(
        command, CommandEvent.RETRY if can_retry else CommandEvent.GIVE_UP, now, changes
    )
    if can_retry:
        lane.insert(command)


def _expire(lane: Lane, overdue: list[Command], changes: Changes, now: int) -> None:
    """Expire commands; one that was attempted becomes TIMEOUT: outcome unknown."""
    lane.remove_waiting(overdue)
    for command in overdue:
        event = CommandEvent.GIVE_UP if command.attempts else CommandEvent.EXPIRE
        apply_event(command, event, now, changes)


def apply_deadlines(lane: Lane, changes: Changes, *, now: int) -> bool:
    """
    Expire overdue commands, and give up those whose answer is overdue.

    Tell whether some are left, for which there was no room in this commit.
    """
    for in_flight in list(lane.in_flights):
        if not in_flight.is_busy and in_flight.timeout_at <= now:
            give_up(lane, in_flight, changes, now)
    overdue = (c for c in lane.waiting if c.expires_at <= now)
    expired = [*islice(overdue, room_to_end(changes))]
    has_more = next(overdue, None) is not None
    _expire(lane, expired, changes, now)
    lane.blocked_endpoints = {
        e: b for e, b in lane.blocked_endpoints.items() if b[1] > now
    }
    return has_more


def enqueue_step(
    lane: Lane, operation: Operation, command: Command, changes: Changes
) -> None:
    """Put the command of an operation's next step into the queue."""
    command.operation = operation
    if operation.device_upgrade is not None:
        upgrade_steps.prepare_verify(operation.device_upgrade, command)
    enqueue(lane, command, changes)
    record_step_queued(operation, command, changes)


def is_open_to_result(command: Command, delivery: Delivery) -> bool:
    """Tell whether a result of *delivery* ends *command*."""
    is_answered = delivery.outcome in _ANSWERED_OUTCOMES
    return not is_answered and command.state not in TERMINAL


def apply_result(
    lane: Lane,
    command: Command,
    delivery: Delivery,
    changes: Changes,
    *,
    result: Result,
    parsed_result: ParsedResult,
) -> None:
    """
    Let *result*, which belongs to *delivery*, end *command*, wherever it stands.

    *parsed_result* is what it says.
    A delivery that was already answered, and a command that has ended, stay as they
    are; a later delivery of the same command is closed. What cannot be read gives the
    command up: nobody knows what the device did.
    """
    if not is_open_to_result(command, delivery):
        return
    now, command_event = result.received_at, parsed_result.command_event
    _remove_from_lane(lane, command, delivery, changes, now)
    if delivery.delivered_at is None:
        delivery.delivered_at = now
    command.delivered_at = delivery.delivered_at
    command.result_id = result.id
    changes.close_delivery(delivery, _RESULT_OUTCOMES[command_event], now)
    changes.parsed_results[command.id] = parsed_result
    if command.is_finished and parsed_result.unreadable:
        changes.changed_commands[command.id] = command
    else:
        apply_event(command, command_event, now, changes)


def _remove_from_lane(
    lane: Lane, command: Command, delivery: Delivery, changes: Changes, now: int
) -> None:
    """Take *command* out of its lane, closing a delivery other than *delivery*."""
    in_flight = lane.find_in_flight(command.id)
    if in_flight is not None:
        lane.in_flights.remove(in_flight)
        is_answered = in_flight.delivery is delivery
        # A result implies that the answer had arrived.
        written_at = in_flight.written_at or (now if is_answered else None)
        record_delivered(command, in_flight.delivery, written_at, changes, now)
        if not is_answered:
            lane.block_endpoint(in_flight)
            changes.close_delivery(in_flight.delivery, DeliveryOutcome.CLOSED, now)
    elif command in lane.waiting:
        lane.waiting.remove(command)
