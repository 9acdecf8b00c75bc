"""What can happen to a lane: each rule once, as a function that notes its changes.

The store brings a lane, a rule decides, and the store writes what was decided, all in
one transaction. A rule raises before it changes anything, or not at all.
"""

from collections.abc import Callable

from pushserver.model import upgrading
from pushserver.model.catalogue import Delivery
from pushserver.model.changes import Changes
from pushserver.model.command import Command, HandOut, Outcome, Result
from pushserver.model.lane import Flight, Lane
from pushserver.model.operation import Operation
from pushserver.model.reading import Reading
from pushserver.model.state import TERMINAL, Turn
from pushserver.model.steps import end, notify, queue_step

_ANSWERED = (Outcome.SUCCESSFUL, Outcome.FAILED)


def add(lane: Lane, command: Command, changes: Changes) -> None:
    """Put a new command into the queue."""
    changes.add(command)
    lane.insert(command)


def hand_out(
    lane: Lane,
    make: Callable[[Command], HandOut],
    changes: Changes,
    *,
    now: int,
    grace: int,
) -> Flight | None:
    """
    Answer a poll: the flight that begins with it, or None.

    A flight whose grace is over is given up first: the device polls again, so its
    answer or its result was lost. *make* gives the delivery.
    """
    if lane.flight is not None:
        if now < lane.flight.grace_until(grace):
            return None
        give_up(lane, changes, now=now)
    command = _next(lane, changes, now)
    if command is None:
        return None
    lane.waiting.remove(command)
    changes.move(command, Turn.HAND_OUT, now)
    lane.flight = Flight(command, make(command))
    changes.handed_out.append(lane.flight.delivery)
    return lane.flight


def _next(lane: Lane, changes: Changes, now: int) -> Command | None:
    """Find what is to be handed out; end what expired on the way to it."""
    expired, chosen = [], None
    for command in lane.waiting:
        if command.expires_at <= now:
            expired.append(command)
        elif lane.ready_at(command, now) <= now:
            chosen = command
            break
    _expire(lane, expired, changes, now)
    return chosen


def record_written(lane: Lane, flight: Flight, changes: Changes) -> None:
    """Record that the answer's last byte was written, if that still is news."""
    known = _same(lane.flight, flight)
    if known is None or flight.written_at is None:
        return
    known.written_at = flight.written_at
    if known.delivery.delivered_at is None:
        known.delivery.delivered_at = known.written_at
        changes.deliveries[known.delivery.id] = known.delivery
        changes.move(known.command, Turn.WRITTEN, flight.written_at)


def _same(known: Flight | None, flight: Flight) -> Flight | None:
    """Return the lane's own flight if *flight* is that one, or an older copy of it."""
    same = known is not None and known.delivery.id == flight.delivery.id
    return known if same else None


def withdraw(lane: Lane, flight: Flight, changes: Changes, *, now: int) -> None:
    """Take back a hand-out of which no byte was written; it is no attempt."""
    known = _same(lane.flight, flight)
    if known is None or known.written_at is not None:
        return
    lane.flight = None
    changes.move(known.command, Turn.WITHDRAW, now)
    changes.end(known.delivery, Outcome.NOT_WRITTEN, now)
    lane.insert(known.command)
    if known.command.is_unwanted:
        end_waiting(lane, known.command, changes, now=now)


def give_up(lane: Lane, changes: Changes, *, now: int) -> None:
    """Wait no longer for the answer of what is in flight; its class decides."""
    flight = lane.flight
    if flight is None:
        return
    lane.flight = None
    command = flight.command
    lane.block(flight)
    _keep_written(flight)
    changes.end(flight.delivery, Outcome.NO_ANSWER, now)
    again = (
        command.delivery is Delivery.AT_LEAST_ONCE
        and command.attempts < command.max_attempts
        and command.expires_at > now
        and not command.is_unwanted
    )
    changes.move(command, Turn.RETRY if again else Turn.GIVE_UP, now)
    if again:
        lane.insert(command)


def _keep_written(flight: Flight) -> None:
    """Write down with whatever comes next that the answer had been written."""
    flight.delivery.delivered_at = flight.written_at
    flight.command.delivered_at = flight.written_at


def _expire(lane: Lane, late: list[Command], changes: Changes, now: int) -> None:
    """End what waited for too long. With an attempt behind it: nobody knows."""
    for command in late:
        lane.waiting.remove(command)
        never = command.attempts == 0
        changes.move(command, Turn.EXPIRE if never else Turn.GIVE_UP, now)


def look_after(lane: Lane, changes: Changes, *, now: int) -> None:
    """Do what is due though nobody asks: expiry, and answers that never came."""
    flight = lane.flight
    if flight is not None and not flight.arriving and flight.timeout_at <= now:
        give_up(lane, changes, now=now)
    late = [c for c in lane.waiting if c.expires_at <= now]
    _expire(lane, late, changes, now)
    lane.blocked = {e: b for e, b in lane.blocked.items() if b[1] > now}


def cancel(lane: Lane, command: Command, changes: Changes, *, now: int) -> bool:
    """Cancel a command that was never handed out; tell whether it could be."""
    if command.attempts or command not in lane.waiting:
        return False
    lane.waiting.remove(command)
    changes.move(command, Turn.CANCEL, now)
    return True


def give_up_waiting(
    lane: Lane, command: Command, changes: Changes, *, now: int
) -> None:
    """End a waiting command that was handed out before: nobody knows its outcome."""
    lane.waiting.remove(command)
    changes.move(command, Turn.GIVE_UP, now)


def end_waiting(lane: Lane, command: Command, changes: Changes, *, now: int) -> None:
    """End a waiting command that nobody wants any more."""
    if not cancel(lane, command, changes, now=now):
        give_up_waiting(lane, command, changes, now=now)


def add_step(
    lane: Lane, operation: Operation, command: Command, changes: Changes
) -> None:
    """Put the command of an operation's next step into the queue."""
    command.operation = operation
    if operation.upgrade is not None:
        upgrading.prepare(operation.upgrade, command)
    add(lane, command, changes)
    queue_step(operation, command, changes)


def cancel_operation(
    lane: Lane,
    operation: Operation,
    changes: Changes,
    *,
    now: int,
    why: str,
    late: bool = False,
) -> None:
    """
    End what waits of the operation; a step in flight runs to its end, the last.

    *late*: nobody canceled it, its device did not come in time.
    """
    if not operation.is_open or operation.canceled:
        return
    operation.canceled = True
    if operation.upgrade is not None:
        upgrading.stop(operation.upgrade, why, late=late)
    changes.track(operation, now)
    command = lane.of_operation(operation.id)
    if command is None:
        operation.failed += 1
        end(operation, now, changes)
        notify(operation, changes, at=now, message=why)
    elif command in lane.waiting:
        end_waiting(lane, command, changes, now=now)


def end_others(lane: Lane, changes: Changes, *, scope_id: int, now: int) -> None:
    """
    End what other scopes than *scope_id* left here: the device is not theirs any more.

    A late result still ends what was handed out to it before.
    """
    if lane.flight is not None and lane.flight.command.scope_id != scope_id:
        give_up(lane, changes, now=now)
    for command in [c for c in lane.waiting if c.scope_id != scope_id]:
        end_waiting(lane, command, changes, now=now)


def answered(
    lane: Lane,
    command: Command,
    delivery: HandOut,
    changes: Changes,
    *,
    result: Result,
    reading: Reading,
) -> None:
    """
    Let *result*, which belongs to *delivery*, end *command*, wherever it stands.

    *reading* is what it says.
    A delivery that was already answered, and a command that has ended, stay as they
    are; a later delivery of the same command is closed.
    """
    if delivery.outcome in _ANSWERED or command.state in TERMINAL:
        return
    now = result.received_at
    _leave(lane, command, delivery, changes, now)
    if delivery.delivered_at is None:
        delivery.delivered_at = now
    command.delivered_at = delivery.delivered_at
    command.result_id = result.id
    changes.end(delivery, Outcome.FAILED if reading.failed else Outcome.SUCCESSFUL, now)
    changes.said[command.id] = reading
    changes.move(command, Turn.FAIL if reading.failed else Turn.SUCCEED, now)


def _leave(
    lane: Lane, command: Command, delivery: HandOut, changes: Changes, now: int
) -> None:
    """Take *command* out of its lane, closing a delivery other than *delivery*."""
    flight = lane.flight
    if flight is not None and flight.command is command:
        lane.flight = None
        _keep_written(flight)
        if flight.delivery is not delivery:
            lane.block(flight)
            changes.end(flight.delivery, Outcome.CLOSED, now)
    elif command in lane.waiting:
        lane.waiting.remove(command)
