"""A device's lane: its waiting commands, and those in flight.

The store reads a lane, a decision changes it, and the store writes the changes, all in
one transaction. Nothing here depends on the store or the caller.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter

import attrs

from pushserver.model.command import Command
from pushserver.model.device_access import StoredKeys
from pushserver.model.in_flight import NEVER, InFlight
from pushserver.model.queue_status import QueueStatus

#: The owner of a device that no scope has adopted.
NOBODY = 0


@attrs.define(eq=False)
class Lane:
    """
    The live commands of one device.

    `waiting` and `in_flights` are in the order of hand-out; all `in_flights` were in
    one answer: one command, unless the protocol allows several. `blocked_endpoints`
    says until when commands of an endpoint wait, because a late result without uuid
    could be taken for theirs: (the command whose late result may come, until when).
    `owner` is the scope that has adopted the device, and `keys` are its keys, both read
    under the lane's lock: memory may not know yet that they changed. None where there
    is no other server to change them. `may_have_services`: a command may follow a
    service, which it has only while decisions run.
    """

    device_id: int
    waiting: list[Command] = attrs.Factory(list)
    in_flights: list[InFlight] = attrs.Factory(list)
    blocked_endpoints: dict[str, tuple[int, int]] = attrs.Factory(dict)
    wake_at: int = NEVER
    owner: int | None = None
    keys: StoredKeys | None = None
    may_have_services: bool = False
    _quiet_until: int | None = attrs.field(default=None, init=False)
    _depths: Counter[int] | None = attrs.field(default=None, init=False)

    def forget_derived(self) -> None:
        """
        Forget what was derived of the waiting commands, since they may change now.

        A lane may be long, and polls and lists ask again and again.
        """
        self._quiet_until = self._depths = None

    @property
    def in_flight(self) -> InFlight | None:
        """The first command that is with the device."""
        return self.in_flights[0] if self.in_flights else None

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing waits, is in flight or blocks an endpoint."""
        return not (self.in_flights or self.waiting or self.blocked_endpoints)

    @property
    def depth(self) -> int:
        """How many commands wait."""
        return len(self.waiting)

    def depth_in_scope(self, scope_id: int) -> int:
        """How many commands of the scope wait."""
        if self._depths is None:
            self._depths = Counter(map(_scope_id, self.waiting))
        return self._depths[scope_id]

    def in_flight_in_scope(self, scope_id: int) -> InFlight | None:
        """Return the first command in flight of the scope."""
        own = (f for f in self.in_flights if f.command.scope_id == scope_id)
        return next(own, None)

    def queue_status(self, scope_id: int | None) -> QueueStatus:
        """Return what is waiting and in flight in the scope; None: in every scope."""
        in_flight = (
            self.in_flight if scope_id is None else self.in_flight_in_scope(scope_id)
        )
        return QueueStatus(
            waiting=self.depth if scope_id is None else self.depth_in_scope(scope_id),
            in_flight=None if in_flight is None else in_flight.view,
        )

    def find_command(self, command_id: int) -> Command | None:
        """Return the live command with this id."""
        return next((c for c in self.commands if c.id == command_id), None)

    def find_in_flight(self, command_id: int | None) -> InFlight | None:
        """Return the command with this id if it is in flight."""
        for in_flight in self.in_flights:
            if in_flight.command.id == command_id:
                return in_flight
        return None

    @property
    def commands(self) -> Iterator[Command]:
        """Every live command."""
        for in_flight in self.in_flights:
            yield in_flight.command
        yield from self.waiting

    def command_of_operation(self, operation_id: int) -> Command | None:
        """Return the live command of the operation's step."""
        return next((c for c in self.commands if c.operation_id == operation_id), None)

    def find_live(self, in_flight: InFlight) -> InFlight | None:
        """Return the lane's own object of which *in_flight* may be an older copy."""
        same = (f for f in self.in_flights if f.delivery.id == in_flight.delivery.id)
        return next(same, None)

    def insert(self, command: Command) -> None:
        """Insert a PENDING command by priority and age."""
        self.forget_derived()
        self.may_have_services |= command.service_id is not None
        if self.waiting and self.waiting[-1].queue_key > command.queue_key:
            insort(self.waiting, command, key=_queue_key)
        else:
            self.waiting.append(command)

    def add_in_flight(self, in_flight: InFlight) -> None:
        """Add a command that is in the same answer as the others in flight."""
        self.in_flights.append(in_flight)
        self.may_have_services |= in_flight.command.service_id is not None

    def forget_services(self) -> None:
        """Forget the services of all commands: they are long, and lanes are many."""
        if self.may_have_services:
            followers = [c for c in self.commands if c.service_id is not None]
            for command in followers:
                command.service = None
            self.may_have_services = bool(followers)

    def remove_waiting(self, commands: Iterable[Command]) -> None:
        """Remove waiting commands in one pass over the part of the lane they are in."""
        removed = {command.id: command.queue_key for command in commands}
        if not removed:
            return
        self.forget_derived()
        keys = removed.values()
        start = bisect_left(self.waiting, min(keys), key=_queue_key)
        end = bisect_right(self.waiting, max(keys), key=_queue_key)
        part = self.waiting[start:end]
        self.waiting[start:end] = [c for c in part if c.id not in removed]

    def block_endpoint(self, in_flight: InFlight) -> None:
        """Block the endpoint while a late result without uuid may still come."""
        self.forget_derived()
        if in_flight.delivery.uuid is None:
            endpoint = in_flight.command.endpoint
            self.blocked_endpoints[endpoint] = (
                in_flight.command.id,
                in_flight.timeout_at,
            )

    def is_idle(self, now: int, grace: int) -> bool:
        """Tell whether a poll would be answered empty and change nothing."""
        if self.in_flights:
            return now < self.grace_ends_at(grace)
        quiet_until = self._quiet_until
        if quiet_until is None or quiet_until <= now:
            quiet_until = self._changes_at(now)
        return quiet_until > now

    def next_change_at(self, now: int, grace: int) -> int:
        """Return when time alone may change what a poll gets."""
        if self.in_flights:
            return self.grace_ends_at(grace)
        return self._changes_at(now)

    def _changes_at(self, now: int) -> int:
        """Return when the first command is ready or expires; *now* if one is ready."""
        if self._quiet_until is None or self._quiet_until <= now:
            quiet_until = NEVER
            for command in self.waiting:
                ready_at = self.ready_at(command, now)
                if ready_at <= now:
                    return now
                quiet_until = min(quiet_until, ready_at, command.expires_at)
            self._quiet_until = quiet_until
        return self._quiet_until

    def grace_ends_at(self, grace: int) -> int:
        """The end of the grace: a later poll means that something was lost."""
        return max(f.grace_ends_at(grace) for f in self.in_flights)

    def was_handed_out_after(self, instant: int) -> bool:
        """Tell whether what is in flight was handed out later than *instant*."""
        return any(f.delivery.sent_at > instant for f in self.in_flights)

    def next_deadline_at(self) -> int:
        """Return when the next deadline of the lane is due."""
        if len(self.waiting) == 1 and not (self.in_flights or self.blocked_endpoints):
            return self.waiting[0].expires_at
        times = [c.expires_at for c in self.waiting]
        times.extend(until for _, until in self.blocked_endpoints.values())
        times.extend(in_flight.timeout_at for in_flight in self.in_flights)
        return min(times, default=NEVER)

    def ready_at(self, command: Command, now: int) -> int:
        """Return when a waiting command may be handed out, or expires."""
        if command.expires_at <= now:
            return now
        if command.held:
            return NEVER
        if self.blocked_endpoints:
            return max(command.scheduled_at, self.blocked_until(command))
        return command.scheduled_at

    def blocked_until(self, command: Command) -> int:
        """Return until when another command's late result holds its endpoint back."""
        blocking_id, until = self.blocked_endpoints.get(command.endpoint, (0, 0))
        return 0 if blocking_id == command.id else until

    def move_schedules(self, jump: int, now: int) -> None:
        """
        Move what is scheduled after *now*: the wall clock made a *jump*.

        A command scheduled for an instant (`not_before`) stays scheduled for what
        people call so, and expires as long after it as before.
        """
        self.forget_derived()
        for command in self.waiting:
            if (command.not_before or 0) > now and not _pauses(command):
                command.not_before = command.scheduled_at - jump
                command.expires_at -= jump


def _pauses(command: Command) -> bool:
    """Tell whether it waits between two attempts: for seconds, not for an instant."""
    device_upgrade = (
        None if command.operation is None else command.operation.device_upgrade
    )
    return device_upgrade is not None and device_upgrade.updating_at is not None


def _queue_key(command: Command) -> tuple[int, int]:
    return command.queue_key


_scope_id = attrgetter("scope_id")
