"""Sets what is desired of a service, and enqueues commands that write and read it."""

from collections.abc import Iterable
from functools import partial

import attrs

from pushserver.model.actor import Actor
from pushserver.model.changes import Changes
from pushserver.model.command import Command
from pushserver.model.command_request import CommandRequest, StepRef
from pushserver.model.lane import Lane
from pushserver.model.lane_reconciler import CommandFactory, LaneReconciler
from pushserver.model.merge_patch import MergePatch, apply_merge_patch
from pushserver.model.operation import Operation
from pushserver.model.shadow import Service, is_same_json, next_desired_version
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.queue import Queue
from pushserver.storage.commands import PriorState


@attrs.frozen
class ShadowReconciler:
    """Makes commands that write and read services, in their device's protocol."""

    protocols: DeviceProtocols
    queue: Queue

    def reconcile(
        self,
        service: Service,
        lane: Lane,
        changes: Changes,
        *,
        expires_in: int | None = None,
        by: Actor | None = None,
    ) -> None:
        """
        Queue one command that writes the differences.

        It is created by who desired them, unless somebody else asks for it now.
        """
        reconciler = self._reconciler(lane, changes)
        make_command = self._command_factory(service, changes, by or service.desired_by)
        reconciler.reconcile(service, make_command, expires_in=expires_in)

    def defer_to_task(self, service: Service, lane: Lane, changes: Changes) -> None:
        """Leave the write to a task's step that is still to be queued."""
        self._reconciler(lane, changes).defer_to_step(service)

    def withhold(self, service: Service, lane: Lane, changes: Changes) -> None:
        """Leave the write to whoever changes the service next: it stays desired."""
        self._reconciler(lane, changes).withhold(service)

    def queue_read(
        self,
        service: Service,
        keys: Iterable[str],
        lane: Lane,
        changes: Changes,
        by: Actor,
    ) -> Command:
        """Queue a read of these properties of the service."""
        make_command = self._command_factory(service, changes, by)
        return self._reconciler(lane, changes).request_read(service, keys, make_command)

    def queue_write_step(
        self,
        operation: Operation,
        request: CommandRequest,
        lane: Lane,
        changes: Changes,
        prior: PriorState,
    ) -> bool:
        """
        Queue an operation's next step, which writes a service; tell whether it was.

        Not while another command that writes the service is in flight.
        """
        service_id = request.service_id or ""
        service = changes.live_services(lane, prior.services).get(service_id)
        if service is None:
            service = self.new_service(operation.scope_id, lane, service_id)
        step_ref = StepRef(operation.id, operation.queued_steps)
        make_command = self._command_factory(
            service, changes, operation.created_by, step_ref
        )
        return self._reconciler(lane, changes).write_step(
            service, operation, request, make_command
        )

    def set_desired(
        self,
        scope_id: int,
        merge: MergePatch,
        services: dict[str, Service],
        lane: Lane,
        now: int,
        by: Actor,
    ) -> list[Service]:
        """Apply *merge* to *services*; return those that it names."""
        desired_by_service, version = (
            apply_merge_patch(services, merge),
            next_desired_version(services.values()),
        )
        for service_id, desired in desired_by_service.items():
            service = services.get(service_id)
            if service is None:
                service = self.new_service(scope_id, lane, service_id)
                services[service_id] = service
            if not is_same_json(service.desired, desired):
                service.set_desired(desired, version, now, by)
        return [services[service_id] for service_id in desired_by_service]

    @staticmethod
    def new_service(scope_id: int, lane: Lane, service_id: str) -> Service:
        """Return a service without desired or reported properties."""
        return Service(
            device_id=lane.device_id, service_id=service_id, scope_id=scope_id
        )

    def _reconciler(self, lane: Lane, changes: Changes) -> LaneReconciler:
        protocol = self.protocols.of_device(lane.device_id)
        return LaneReconciler(lane, changes, protocol, changes.now)

    def _command_factory(
        self,
        service: Service,
        changes: Changes,
        created_by: Actor,
        step_ref: StepRef | None = None,
    ) -> CommandFactory:
        return partial(
            self.queue.new_command,
            scope_id=service.scope_id,
            device_id=service.device_id,
            changes=changes,
            created_by=created_by,
            step_ref=step_ref,
        )
