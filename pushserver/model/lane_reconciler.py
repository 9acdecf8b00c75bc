"""Queues one command per service for the difference of desired and reported."""

from collections.abc import Callable, Iterable, Mapping

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest
from pushserver.model.guarantee import DeliveryGuarantee
from pushserver.model.lane import Lane
from pushserver.model.operation import Operation
from pushserver.model.shadow import (
    PropertyValue,
    Service,
    ServiceProtocol,
    is_same_json,
)
from pushserver.model.transitions import enqueue, enqueue_step
from pushserver.model.withdrawal import end_waiting, supersede

#: Makes the command of a request, with its id and the server's defaults.
CommandFactory = Callable[[CommandRequest], Command]


@attrs.frozen
class LaneReconciler:
    """Puts commands that write and read services into a lane, in one decision."""

    lane: Lane
    changes: Changes
    protocol: ServiceProtocol
    now: int

    def reconcile(
        self,
        service: Service,
        make_command: CommandFactory,
        *,
        expires_in: int | None = None,
    ) -> None:
        """
        Queue one command that writes the differences; it replaces a waiting one.

        A write in flight runs to its end; then the service is compared again.
        """
        service.needs_reconcile = service.is_write_expired = service.awaits_step = False
        self.changes.record_service(service)
        if self._is_write_in_flight(service):
            return
        if expires_in is None and self._is_already_queued(service):
            return
        queued = self._detach_queued_write(service)
        delta = service.delta(self.protocol.format_value)
        if not delta:
            self._end(queued, service)
            return
        order = self.protocol.write_order(service.service_id, delta)
        request = CommandRequest(order=order, expires_in=expires_in)
        command = make_command(_service_request(request, service))
        self._replace(queued, command)
        self._start_write(service, command, delta)

    def write_step(
        self,
        service: Service,
        operation: Operation,
        request: CommandRequest,
        make_command: CommandFactory,
    ) -> bool:
        """
        Queue a task's step that writes the service; tell whether that was possible.

        It writes the differences. If there are none, it writes the task's properties
        again, because the task waits for an answer of the device.
        """
        if self._is_write_in_flight(service):
            return False
        queued = self._detach_queued_write(service)
        properties = service.delta(self.protocol.format_value) or self._step_properties(
            service, request
        )
        order = self.protocol.write_order(service.service_id, properties)
        command = make_command(
            _service_request(attrs.evolve(request, order=order), service)
        )
        self._replace(queued, command)
        self._start_write(service, command, properties, operation)
        return True

    def request_read(
        self, service: Service, keys: Iterable[str], make_command: CommandFactory
    ) -> Command:
        """Queue a read of these properties in place of one that still waits."""
        previous = self._live_command(service.read_command_id)
        service.read_command_id = None
        asked = sorted(keys)
        order = self.protocol.read_order(service.service_id, asked)
        command = make_command(_service_request(CommandRequest(order=order), service))
        if previous is not None and not previous.is_in_flight:
            self._replace([previous], command)
        service.begin_read(command.id, asked)
        command.service = service
        enqueue(self.lane, command, self.changes)
        self.changes.record_service(service)
        return command

    def defer_to_step(self, service: Service) -> None:
        """Leave the write to a task's step; cancel the queued write of older values."""
        if service.has_newer_desired and not self._is_write_in_flight(service):
            queued = self._detach_queued_write(service)
            self._end(queued, service)
        service.needs_reconcile = service.is_write_expired = False
        service.awaits_step = True
        self.changes.record_service(service)

    def withhold(self, service: Service) -> None:
        """Send nothing of what is desired before somebody asks for it anew."""
        service.needs_reconcile = service.is_write_expired = False
        self.changes.record_service(service)

    def _start_write(
        self,
        service: Service,
        command: Command,
        properties: Mapping[str, PropertyValue],
        operation: Operation | None = None,
    ) -> None:
        service.begin_write(command.id, properties, self.protocol.format_value)
        command.service = service
        if operation is None:
            enqueue(self.lane, command, self.changes)
        else:
            enqueue_step(self.lane, operation, command, self.changes)
        self.changes.record_service(service)

    def _step_properties(
        self, service: Service, request: CommandRequest
    ) -> Mapping[str, PropertyValue]:
        """Return the step's properties with the values that are desired now."""
        body = (request.order.body or "").encode()
        step_properties = self.protocol.parse_reported(body, service.service_id) or {}
        desired = {k: v for k, v in service.desired.items() if k in step_properties}
        return desired or step_properties

    def _live_command(self, command_id: int | None) -> Command | None:
        return None if command_id is None else self.lane.find_command(command_id)

    def _is_write_in_flight(self, service: Service) -> bool:
        return self.lane.find_in_flight(service.write_command_id) is not None

    def _is_already_queued(self, service: Service) -> bool:
        """Tell whether the same write waits already, and was never handed out."""
        queued = self._live_command(service.write_command_id)
        if queued is None or queued.attempts:
            return False
        return is_same_json(
            service.sent_values, service.delta(self.protocol.format_value)
        )

    def _detach_queued_write(self, service: Service) -> list[Command]:
        """Detach the service's queued write, which is to be ended; return it."""
        queued = self._live_command(service.write_command_id)
        if queued is None:
            return []
        service.write_command_id = None
        if queued.attempts:
            service.invalidate_reported(self.now)
        return [queued]

    def _end(self, queued: list[Command], service: Service) -> None:
        by = service.desired_by
        end_waiting(self.lane, queued, self.changes, now=self.now, by=by)

    def _replace(self, queued: list[Command], command: Command) -> None:
        supersede(self.lane, queued, command, self.changes, now=self.now)


def _service_request(request: CommandRequest, service: Service) -> CommandRequest:
    return attrs.evolve(
        request,
        service_id=service.service_id,
        guarantee=DeliveryGuarantee.AT_LEAST_ONCE,
    )
