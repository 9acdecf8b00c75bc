"""Everything that a commit has to write."""

from collections.abc import Awaitable, Callable, Iterable, Sized

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.command import (
    Command,
    Delivery,
    DeliveryOutcome,
    Result,
    Transition,
)
from pushserver.model.command_request import Step
from pushserver.model.event import (
    Event,
    EventType,
    EventTypesByScope,
    command_status_event,
    new_event,
    operation_event,
    task_finished_event,
)
from pushserver.model.event_payload import EventPayload, ResultPayload
from pushserver.model.idempotency import IdempotencyKey, IdempotencyRecord
from pushserver.model.lane import Lane
from pushserver.model.operation import Notification, Operation
from pushserver.model.parsed_result import ParsedResult
from pushserver.model.shadow import Service
from pushserver.model.task import OperationCounts, Task


@attrs.frozen
class TaskFinish:
    """Finish the task at `at`, with `event`, unless an operation still runs."""

    task_id: int
    at: int
    event: Event | None


@attrs.define
class Changes:
    """
    What decisions changed: written in one transaction, or not at all.

    `new_id` makes ids. `now` is the instant of the decision, the same for all that
    share a commit, in microseconds UTC. `parsed_results` is what devices said of
    commands, by command id. `deleted_operations` maps operations to their devices:
    they are deleted with their notifications; their commands and results stay.
    `ended_devices` are no more who they were: their shadows are deleted, and no answer
    to an earlier delivery is expected; `deleted_devices` are deleted themselves.
    `late_work` is done once all decisions are made, and takes long; it changes no lane.
    """

    new_id: Callable[[], int] = attrs.field(eq=False)
    now: int = attrs.field(eq=False)
    event_types_by_scope: EventTypesByScope = attrs.field(factory=dict, eq=False)
    new_commands: list[Command] = attrs.Factory(list)
    new_deliveries: list[Delivery] = attrs.Factory(list)
    results: list[Result] = attrs.Factory(list)
    idempotency_keys: dict[IdempotencyKey, IdempotencyRecord] = attrs.Factory(dict)
    transitions: list[Transition] = attrs.Factory(list)
    changed_commands: dict[int, Command] = attrs.Factory(dict)
    changed_deliveries: dict[int, Delivery] = attrs.Factory(dict)
    operations: dict[int, Operation] = attrs.Factory(dict)
    steps: list[Step] = attrs.Factory(list)
    notifications: list[Notification] = attrs.Factory(list)
    deleted_operations: dict[int, int] = attrs.Factory(dict)
    tasks_to_finish: list[TaskFinish] = attrs.Factory(list)
    events: list[Event] = attrs.Factory(list)
    parsed_results: dict[int, ParsedResult] = attrs.Factory(dict)
    services: dict[tuple[int, str], Service] = attrs.Factory(dict)
    ended_devices: set[int] = attrs.Factory(set)
    deleted_devices: set[int] = attrs.Factory(set)
    audit_entries: list[AuditEntry] = attrs.Factory(list)
    late_work: list[Callable[[], Awaitable[None]]] = attrs.field(factory=list, eq=False)

    async def do_late_work(self) -> None:
        """Do what decisions left for later, in pieces: it is written with them."""
        for work in self.late_work:
            await work()

    @property
    def row_count(self) -> int:
        """How many rows of commands, results and what follows from them these write."""
        written: tuple[Sized, ...] = (
            self.new_commands,
            self.new_deliveries,
            self.results,
            self.idempotency_keys,
            self.changed_commands,
            self.changed_deliveries,
            self.operations,
            self.steps,
            self.notifications,
            self.events,
            self.services,
            self.audit_entries,
        )
        return sum(map(len, written))

    @property
    def affected_device_ids(self) -> set[int]:
        """Return the devices whose lanes these changes touch."""
        devices = {*self.ended_devices, *self.deleted_operations.values()}
        devices.update(command.device_id for command in self.new_commands)
        devices.update(each.device_id for each in self.changed_commands.values())
        devices.update(
            delivery.device_id for delivery in self.changed_deliveries.values()
        )
        devices.update(operation.device_id for operation in self.operations.values())
        devices.update(service.device_id for service in self.services.values())
        return devices

    def audit(self, entry: AuditEntry) -> None:
        """Record who made these changes."""
        entry.stamp(self.new_id, self.now)
        self.audit_entries.append(entry)

    def finish_task(self, task: Task, counts: OperationCounts, at: int) -> None:
        """Finish *task* unless one of its operations is running by then."""
        event = None
        if self.is_recorded(task.scope_id, EventType.TASK_FINISHED):
            event = task_finished_event(self.new_id(), task, counts, at)
        self.tasks_to_finish.append(TaskFinish(task.id, at, event))

    def emit_command_status(self, command: Command, at: int) -> None:
        """Record the event of the command's state if its type is recorded."""
        types = self.event_types_by_scope.get(command.scope_id)
        if types and EventType.COMMAND_STATUS in types:
            self.events.append(command_status_event(self.new_id(), command, at))

    def is_recorded(self, scope_id: int, event_type: EventType) -> bool:
        """Tell whether events of this type are recorded in the scope."""
        return event_type in self.event_types_by_scope.get(scope_id, ())

    def add_result(self, result: Result) -> None:
        """Record a result, and an event if it is an orphan."""
        self.results.append(result)
        event_type = EventType.RESULT_ORPHANED
        if result.command_id is None and self.is_recorded(result.scope_id, event_type):
            payload = ResultPayload(result.id, result.uuid, result.endpoint)
            self.emit(
                result.scope_id,
                event_type,
                result.received_at,
                payload,
                result.device_id,
            )

    def emit_operation_event(
        self, operation: Operation, at: int, message: str | None
    ) -> None:
        """Record the event of an operation's progress or of its end."""
        finished = operation.ended_at == at and not operation.is_running
        event_type = (
            EventType.OPERATION_FINISHED if finished else EventType.OPERATION_PROGRESS
        )
        if self.is_recorded(operation.scope_id, event_type):
            event = operation_event(self.new_id(), operation, event_type, at, message)
            self.events.append(event)

    def emit(
        self,
        scope_id: int,
        event_type: EventType,
        at: int,
        payload: EventPayload,
        device_id: int | None = None,
    ) -> None:
        """Record an event if its type is recorded in the scope."""
        if self.is_recorded(scope_id, event_type):
            event = new_event(
                self.new_id(), scope_id, event_type, at, payload, device_id
            )
            self.events.append(event)

    def live_operation(self, lane: Lane, operation: Operation) -> Operation:
        """Return the live object of *operation*, which may be a copy from the store."""
        command = lane.command_of_operation(operation.id)
        if command is not None and command.operation is not None:
            return command.operation
        return self.operations.get(operation.id, operation)

    def record_service(self, service: Service) -> None:
        """Record that *service* is new or has changed."""
        self.services[service.key] = service

    def live_service(self, lane: Lane, service: Service) -> Service:
        """Return the live object of *service*, which may be a copy from the store."""
        for command in lane.commands:
            live = command.service
            if live is not None and live.key == service.key:
                return live
        return self.services.get(service.key, service)

    def live_services(
        self, lane: Lane, stored: Iterable[Service]
    ) -> dict[str, Service]:
        """Return the live objects of the device's services, by their ids."""
        existing = [] if lane.device_id in self.ended_devices else list(stored)
        services = {s.service_id: self.live_service(lane, s) for s in existing}
        changed = (s for s in self.services.values() if s.device_id == lane.device_id)
        return {**{s.service_id: s for s in changed}, **services}

    def end_device(self, lane: Lane) -> None:
        """Delete the device's shadow; its commands no longer update services."""
        self.ended_devices.add(lane.device_id)
        for command in lane.commands:
            command.service = None
        deleted_keys = [key for key in self.services if key[0] == lane.device_id]
        for key in deleted_keys:
            del self.services[key]

    def record_operation(self, operation: Operation, at: int) -> None:
        """Record that *operation* is new or has changed."""
        operation.modified_at = at
        self.operations[operation.id] = operation

    def close_delivery(
        self, delivery: Delivery, outcome: DeliveryOutcome, at: int
    ) -> None:
        """Close *delivery*."""
        delivery.outcome = outcome
        delivery.ended_at = at
        self.changed_deliveries[delivery.id] = delivery
