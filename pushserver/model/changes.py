"""What a decision notes: all that has to be written, in one transaction."""

from collections.abc import Callable, Iterable

import attrs
import msgspec

from pushserver.model import event as told_of
from pushserver.model.command import Command, HandOut, Move, Outcome, Result, move
from pushserver.model.draft import Step
from pushserver.model.event import EventType, Interest, ResultTold
from pushserver.model.idempotency import Key, KeyUse
from pushserver.model.lane import Lane
from pushserver.model.mirroring import follow as mirror
from pushserver.model.operation import Notification, Operation
from pushserver.model.reading import Reading
from pushserver.model.shadow import Service
from pushserver.model.state import Turn
from pushserver.model.steps import follow
from pushserver.model.task import Counts, Task


@attrs.frozen
class Finish:
    """A task to be ended at `at` if nothing of it runs, and the event that tells it."""

    task_id: int
    at: int
    event: told_of.Event | None


@attrs.define
class Changes:
    """
    What was decided and has to be written, all of it or nothing.

    `new_id` makes ids. `said` is what devices said of commands, by their ids.
    `forgotten` are operations to be deleted with all that tells of them, with their
    devices; their commands and results stay. Of the `deserted` devices the shadows are
    deleted.
    """

    new_id: Callable[[], int] = attrs.field(eq=False)
    interest: Interest = attrs.field(factory=dict, eq=False)
    added: list[Command] = attrs.Factory(list)
    handed_out: list[HandOut] = attrs.Factory(list)
    results: list[Result] = attrs.Factory(list)
    keys: dict[Key, KeyUse] = attrs.Factory(dict)
    moves: list[Move] = attrs.Factory(list)
    commands: dict[int, Command] = attrs.Factory(dict)
    deliveries: dict[int, HandOut] = attrs.Factory(dict)
    operations: dict[int, Operation] = attrs.Factory(dict)
    steps: list[Step] = attrs.Factory(list)
    notifications: list[Notification] = attrs.Factory(list)
    forgotten: dict[int, int] = attrs.Factory(dict)
    finished: list[Finish] = attrs.Factory(list)
    events: list[told_of.Event] = attrs.Factory(list)
    said: dict[int, Reading] = attrs.Factory(dict)
    services: dict[tuple[int, str], Service] = attrs.Factory(dict)
    deserted: list[int] = attrs.Factory(list)

    @property
    def has_more(self) -> bool:
        """Tell whether there is something that is no row to write."""
        return bool(self.forgotten or self.finished or self.deserted)

    @property
    def touched(self) -> set[int]:
        """Return the devices of whose lanes something is to be written."""
        devices = {*self.deserted, *self.forgotten.values()}
        devices.update(command.device_id for command in self.added)
        devices.update(move.command.device_id for move in self.moves)
        devices.update(delivery.device_id for delivery in self.deliveries.values())
        devices.update(operation.device_id for operation in self.operations.values())
        devices.update(service.device_id for service in self.services.values())
        return devices

    def finish(self, task: Task, counts: Counts, at: int) -> None:
        """Note that *task* is to be ended; it is not if it goes on meanwhile."""
        event = None
        if self.wants(task.scope_id, EventType.TASK_FINISHED):
            event = told_of.of_task(self.new_id(), task, counts, at)
        self.finished.append(Finish(task.id, at, event))

    def add(self, command: Command) -> None:
        """Note a new command."""
        self.added.append(command)
        if self.wants(command.scope_id, EventType.COMMAND_STATUS):
            at = command.created_at
            self.events.append(told_of.of_command(self.new_id(), command, at))

    def move(self, command: Command, turn: Turn, at: int) -> None:
        """Let *turn* happen to *command*, and note it with all that follows it."""
        before = command.state
        self.moves.append(move(command, turn, at))
        self.commands[command.id] = command
        if command.operation is not None:
            follow(command.operation, command, before, turn, at, self)
        if command.shadow is not None:
            mirror(command.shadow, command, before, turn, at, self)
        if self.wants(command.scope_id, EventType.COMMAND_STATUS):
            self.events.append(told_of.of_command(self.new_id(), command, at))

    def wants(self, scope_id: int, kind: EventType) -> bool:
        """Tell whether anybody in the scope wants to hear of this."""
        return kind in self.interest.get(scope_id, ())

    def keep(self, result: Result) -> None:
        """Note a result; an orphan is an event."""
        self.results.append(result)
        orphaned = EventType.RESULT_ORPHANED
        if result.command_id is None and self.wants(result.scope_id, orphaned):
            told = ResultTold(result.id, result.uuid, result.endpoint)
            self.tell(
                result.scope_id, orphaned, result.received_at, told, result.device_id
            )

    def tell_operation(
        self, operation: Operation, at: int, message: str | None
    ) -> None:
        """Note that an operation went on; its end is told once, at that instant."""
        finished = operation.ended_at == at and not operation.is_running
        kind = (
            EventType.OPERATION_FINISHED if finished else EventType.OPERATION_PROGRESS
        )
        if self.wants(operation.scope_id, kind):
            made = told_of.of_operation(self.new_id(), operation, kind, at, message)
            self.events.append(made)

    def tell(
        self,
        scope_id: int,
        kind: EventType,
        at: int,
        told: msgspec.Struct,
        device_id: int | None = None,
    ) -> None:
        """Note an event, if anybody in the scope wants to hear of it."""
        if self.wants(scope_id, kind):
            made = told_of.event(self.new_id(), scope_id, kind, at, told, device_id)
            self.events.append(made)

    def current(self, lane: Lane, operation: Operation) -> Operation:
        """Return the operation that is at work, where *operation* is a copy of it."""
        command = lane.of_operation(operation.id)
        if command is not None and command.operation is not None:
            return command.operation
        return self.operations.get(operation.id, operation)

    def track_service(self, service: Service) -> None:
        """Note that *service* is new or has changed."""
        self.services[service.key] = service

    def current_service(self, lane: Lane, service: Service) -> Service:
        """Return the service that is at work, where *service* is a copy of it."""
        for command in lane.commands:
            shadow = command.shadow
            if shadow is not None and shadow.key == service.key:
                return shadow
        return self.services.get(service.key, service)

    def shadow(self, lane: Lane, found: Iterable[Service]) -> dict[str, Service]:
        """Return the device's services as they are at work, where *found* are kept."""
        known = [] if lane.device_id in self.deserted else list(found)
        services = {s.service_id: self.current_service(lane, s) for s in known}
        new = (s for s in self.services.values() if s.device_id == lane.device_id)
        return {**{s.service_id: s for s in new}, **services}

    def desert(self, lane: Lane) -> None:
        """Forget the shadow of the lane's device; no command is followed any more."""
        self.deserted.append(lane.device_id)
        for command in lane.commands:
            command.shadow = None
        gone = [key for key in self.services if key[0] == lane.device_id]
        for key in gone:
            del self.services[key]

    def track(self, operation: Operation, at: int) -> None:
        """Note that *operation* is new or has changed."""
        operation.modified_at = at
        self.operations[operation.id] = operation

    def end(self, delivery: HandOut, outcome: Outcome, at: int) -> None:
        """Close *delivery*."""
        delivery.outcome = outcome
        delivery.ended_at = at
        self.deliveries[delivery.id] = delivery
