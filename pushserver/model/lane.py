"""A device's lane: what waits for it, what is with it, and every rule about both.

The store brings a lane, the lane decides, and the store writes what was decided, all
in one transaction. Nothing here knows how a lane is kept or who asks.
"""

from bisect import insort
from collections.abc import Iterator

import attrs

from pushserver.clock import SECOND
from pushserver.model.catalogue import SLOW_GRACE
from pushserver.model.command import Command, HandOut
from pushserver.model.load import Flying, Load

#: Later than every instant: nothing is to be done by itself.
NEVER = 2**63 - 1


@attrs.define(eq=False)
class Flight:
    """
    The command that is with the device.

    `arriving` counts results whose body is on its way: while one is, nothing is given
    up. `written_at` is when the answer's last byte was written, also while that is not
    recorded yet.
    """

    command: Command
    delivery: HandOut
    arriving: int = 0
    written_at: int | None = None

    @property
    def since(self) -> int:
        """From when the grace and the response timeout run."""
        return self.written_at or self.delivery.sent_at

    @property
    def flying(self) -> Flying:
        """What there is to show of it."""
        return Flying(
            self.command.id,
            self.command.endpoint,
            self.delivery.sent_at,
            self.written_at,
        )

    def grace_until(self, grace: int) -> int:
        """Until when a poll of the device does not mean that the answer was lost."""
        if self.arriving:
            return NEVER
        own = max(grace, SLOW_GRACE * SECOND) if self.command.slow else grace
        return self.since + min(own, self.command.response_timeout)

    def go_on(self, before: "Flight | None") -> None:
        """Take over what only memory knows of the same flight, as it was *before*."""
        if before is not None and before.delivery.id == self.delivery.id:
            self.arriving = before.arriving
            # Where another server recorded it, memory may know less than the store.
            self.written_at = before.written_at or self.written_at

    @property
    def timeout_at(self) -> int:
        """When the device's answer is overdue, if it is not on its way then."""
        return self.since + self.command.response_timeout


@attrs.define(eq=False)
class Lane:
    """
    The live commands of one device.

    `waiting` is in the order of handing out. `blocked` says until when commands of an
    endpoint are held back, because a late result without uuid could be taken for
    theirs: (the command whose result may come, until when).
    """

    device_id: int
    waiting: list[Command] = attrs.Factory(list)
    flight: Flight | None = None
    blocked: dict[str, tuple[int, int]] = attrs.Factory(dict)
    alarm: int = NEVER

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing at all is remembered here."""
        return self.flight is None and not self.waiting and not self.blocked

    @property
    def depth(self) -> int:
        """How many commands wait."""
        return len(self.waiting)

    def depth_of(self, scope_id: int) -> int:
        """How many commands of the scope wait."""
        return sum(command.scope_id == scope_id for command in self.waiting)

    def flight_of(self, scope_id: int) -> Flight | None:
        """Return what is in flight if it is the scope's."""
        flight = self.flight
        return flight if flight and flight.command.scope_id == scope_id else None

    def load(self, scope_id: int | None) -> Load:
        """Return what there is to do for the scope, None: for every one."""
        flight = self.flight if scope_id is None else self.flight_of(scope_id)
        return Load(
            waiting=self.depth if scope_id is None else self.depth_of(scope_id),
            flying=None if flight is None else flight.flying,
        )

    def has_others(self, scope_id: int) -> bool:
        """Tell whether anything here is another scope's."""
        waiting = self.depth_of(scope_id) < len(self.waiting)
        return waiting or self.flight is not self.flight_of(scope_id)

    def find(self, command_id: int) -> Command | None:
        """Return the live command with this id."""
        if self.flight is not None and self.flight.command.id == command_id:
            return self.flight.command
        return next((c for c in self.waiting if c.id == command_id), None)

    @property
    def commands(self) -> Iterator[Command]:
        """Every live command."""
        if self.flight is not None:
            yield self.flight.command
        yield from self.waiting

    def of_operation(self, operation_id: int) -> Command | None:
        """Return the live command of the operation's step."""
        flight = self.flight
        if flight is not None and flight.command.operation_id == operation_id:
            return flight.command
        return next((c for c in self.waiting if c.operation_id == operation_id), None)

    def insert(self, command: Command) -> None:
        """Let a PENDING command wait in its place."""
        if self.waiting and self.waiting[-1].queue_key > command.queue_key:
            insort(self.waiting, command, key=_queue_key)
        else:
            self.waiting.append(command)

    def block(self, flight: Flight) -> None:
        """Hold the endpoint back while a late result without uuid may come."""
        if flight.delivery.uuid is None:
            endpoint = flight.command.endpoint
            self.blocked[endpoint] = (flight.command.id, flight.timeout_at)

    def is_quiet(self, now: int, grace: int) -> bool:
        """Tell whether a poll would be answered empty and change nothing."""
        if self.flight is not None:
            return now < self.flight.grace_until(grace)
        return not any(self.ready_at(c, now) <= now for c in self.waiting)

    def next_change(self, now: int, grace: int) -> int:
        """Return when a poll may be answered otherwise, if nobody enqueues."""
        if self.flight is not None:
            return self.flight.grace_until(grace)
        return min((self.ready_at(c, now) for c in self.waiting), default=NEVER)

    def next_deadline(self) -> int:
        """Return when something is to be done here though nobody asks."""
        times = [c.expires_at for c in self.waiting]
        times.extend(until for _, until in self.blocked.values())
        if self.flight is not None:
            times.append(self.flight.timeout_at)
        return min(times, default=NEVER)

    def ready_at(self, command: Command, now: int) -> int:
        """Return when a waiting command may be handed out or must be ended."""
        if command.expires_at <= now:
            return now
        ready = command.planned_at
        if self.blocked:
            blocker, until = self.blocked.get(command.endpoint, (command.id, 0))
            if blocker != command.id:
                ready = max(ready, until)
        return ready

    def shift(self, jump: int) -> None:
        """
        Move every deadline along with a wall clock that has jumped.

        What was planned for an instant (`not_before`) stays planned for it, and
        expires as long after it as it should.
        """
        for command in self.waiting:
            _shift(command, jump)
        self.blocked = {e: (c, t + jump) for e, (c, t) in self.blocked.items()}
        if self.flight is not None:
            _shift(self.flight.command, jump)
            self.flight.delivery.sent_at += jump
            if self.flight.written_at is not None:
                self.flight.written_at += jump


def _shift(command: Command, jump: int) -> None:
    part = None if command.operation is None else command.operation.upgrade
    if part is not None and part.updating_at is not None:
        part.updating_at += jump
        if command.planned_at:
            # A pause between two tries: a span of time, not an instant.
            command.not_before = command.planned_at + jump
            command.expires_at += jump
            return
    if not command.planned_at:
        command.expires_at += jump


def _queue_key(command: Command) -> tuple[int, int]:
    return command.queue_key
