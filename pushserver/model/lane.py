"""A device's lane: the commands that wait, and the one in flight.

The store brings a lane, the lane decides, and the store writes what was decided, all
in one transaction. Nothing here knows how a lane is kept or who asks.
"""

from bisect import insort
from collections.abc import Iterator

import attrs

from pushserver.clock import SECOND
from pushserver.model.catalogue import SLOW_GRACE_SECONDS
from pushserver.model.command import Command, Delivery
from pushserver.model.queue_status import InFlightView, QueueStatus

#: Later than every instant: no timer is needed.
NEVER = 2**63 - 1


@attrs.define(eq=False)
class InFlight:
    """
    The command that is with the device.

    `arriving_results` counts results whose body is on its way: while one is, nothing is
    given up. `written_at` is when the answer's last byte was written, also while that
    is not recorded yet.
    """

    command: Command
    delivery: Delivery
    arriving_results: int = 0
    written_at: int | None = None

    @property
    def timeout_starts_at(self) -> int:
        """From when the grace and the response timeout run."""
        return self.written_at or self.delivery.sent_at

    @property
    def view(self) -> InFlightView:
        """The parts of it that programs see."""
        return InFlightView(
            self.command.id,
            self.command.endpoint,
            self.delivery.sent_at,
            self.written_at,
        )

    def grace_ends_at(self, grace: int) -> int:
        """Until when the device may poll again without its command being given up."""
        if self.arriving_results:
            return NEVER
        effective_grace = (
            max(grace, SLOW_GRACE_SECONDS * SECOND) if self.command.slow else grace
        )
        return self.timeout_starts_at + min(
            effective_grace, self.command.response_timeout
        )

    def carry_over(self, previous: "InFlight | None") -> None:
        """Take over from *previous*, the same flight, what only memory has."""
        if previous is not None and previous.delivery.id == self.delivery.id:
            self.arriving_results = previous.arriving_results
            # Where another server recorded it, memory may know less than the store.
            self.written_at = previous.written_at or self.written_at

    @property
    def timeout_at(self) -> int:
        """When the device's answer is overdue, unless its body is arriving then."""
        starts_at = self.written_at or self.delivery.sent_at
        return starts_at + self.command.response_timeout


@attrs.define(eq=False)
class Lane:
    """
    The live commands of one device.

    `waiting` is in the order of handing out. `blocked_endpoints` says until when
    commands of an endpoint are held back, because a late result without uuid could be
    taken for theirs: (the command whose result may come, until when).
    """

    device_id: int
    waiting: list[Command] = attrs.Factory(list)
    in_flight: InFlight | None = None
    blocked_endpoints: dict[str, tuple[int, int]] = attrs.Factory(dict)
    wake_at: int = NEVER

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing waits, is in flight or blocks an endpoint."""
        return (
            self.in_flight is None and not self.waiting and not self.blocked_endpoints
        )

    @property
    def depth(self) -> int:
        """How many commands wait."""
        return len(self.waiting)

    def depth_in_scope(self, scope_id: int) -> int:
        """How many commands of the scope wait."""
        return sum(command.scope_id == scope_id for command in self.waiting)

    def in_flight_in_scope(self, scope_id: int) -> InFlight | None:
        """Return what is in flight if it is the scope's."""
        in_flight = self.in_flight
        return (
            in_flight if in_flight and in_flight.command.scope_id == scope_id else None
        )

    def queue_status(self, scope_id: int | None) -> QueueStatus:
        """Return what waits and is in flight for the scope; None means every scope."""
        in_flight = (
            self.in_flight if scope_id is None else self.in_flight_in_scope(scope_id)
        )
        return QueueStatus(
            waiting=self.depth if scope_id is None else self.depth_in_scope(scope_id),
            in_flight=None if in_flight is None else in_flight.view,
        )

    def has_other_scopes(self, scope_id: int) -> bool:
        """Tell whether a command here belongs to another scope."""
        waiting = self.depth_in_scope(scope_id) < len(self.waiting)
        return waiting or self.in_flight is not self.in_flight_in_scope(scope_id)

    def find_command(self, command_id: int) -> Command | None:
        """Return the live command with this id."""
        if self.in_flight is not None and self.in_flight.command.id == command_id:
            return self.in_flight.command
        return next((c for c in self.waiting if c.id == command_id), None)

    @property
    def commands(self) -> Iterator[Command]:
        """Every live command."""
        if self.in_flight is not None:
            yield self.in_flight.command
        yield from self.waiting

    def command_of_operation(self, operation_id: int) -> Command | None:
        """Return the live command of the operation's step."""
        in_flight = self.in_flight
        if in_flight is not None and in_flight.command.operation_id == operation_id:
            return in_flight.command
        return next((c for c in self.waiting if c.operation_id == operation_id), None)

    def insert(self, command: Command) -> None:
        """Insert a PENDING command by priority and age."""
        if self.waiting and self.waiting[-1].queue_key > command.queue_key:
            insort(self.waiting, command, key=_queue_key)
        else:
            self.waiting.append(command)

    def block_endpoint(self, in_flight: InFlight) -> None:
        """Block the endpoint while a late result without uuid may still come."""
        if in_flight.delivery.uuid is None:
            endpoint = in_flight.command.endpoint
            self.blocked_endpoints[endpoint] = (
                in_flight.command.id,
                in_flight.timeout_at,
            )

    def is_idle(self, now: int, grace: int) -> bool:
        """Tell whether a poll would be answered empty and change nothing."""
        if self.in_flight is not None:
            return now < self.in_flight.grace_ends_at(grace)
        return not any(self.ready_at(c, now) <= now for c in self.waiting)

    def next_change_at(self, now: int, grace: int) -> int:
        """Return when a poll may get another answer without a change of the lane."""
        if self.in_flight is not None:
            return self.in_flight.grace_ends_at(grace)
        return min((self.ready_at(c, now) for c in self.waiting), default=NEVER)

    def next_deadline_at(self) -> int:
        """Return when the next deadline of the lane is due."""
        times = [c.expires_at for c in self.waiting]
        times.extend(until for _, until in self.blocked_endpoints.values())
        if self.in_flight is not None:
            times.append(self.in_flight.timeout_at)
        return min(times, default=NEVER)

    def ready_at(self, command: Command, now: int) -> int:
        """Return when a waiting command may be handed out, or expires."""
        if command.expires_at <= now:
            return now
        ready = command.scheduled_at
        if self.blocked_endpoints:
            blocking_id, blocked_until = self.blocked_endpoints.get(
                command.endpoint, (command.id, 0)
            )
            if blocking_id != command.id:
                ready = max(ready, blocked_until)
        return ready

    def shift_deadlines(self, jump: int) -> None:
        """
        Move every deadline along with a wall clock that has jumped.

        What was planned for an instant (`not_before`) stays planned for it, and
        expires as long after it as it should.
        """
        for command in self.waiting:
            _shift_deadlines(command, jump)
        self.blocked_endpoints = {
            e: (c, t + jump) for e, (c, t) in self.blocked_endpoints.items()
        }
        if self.in_flight is not None:
            _shift_deadlines(self.in_flight.command, jump)
            self.in_flight.delivery.sent_at += jump
            if self.in_flight.written_at is not None:
                self.in_flight.written_at += jump


def _shift_deadlines(command: Command, jump: int) -> None:
    device_upgrade = (
        None if command.operation is None else command.operation.device_upgrade
    )
    if device_upgrade is not None and device_upgrade.updating_at is not None:
        device_upgrade.updating_at += jump
        if command.scheduled_at:
            # A pause between two attempts is a duration, not an instant.
            command.not_before = command.scheduled_at + jump
            command.expires_at += jump
            return
    if not command.scheduled_at:
        command.expires_at += jump


def _queue_key(command: Command) -> tuple[int, int]:
    return command.queue_key
