"""Shadows: set the desired properties of devices, and show the reported ones."""

import asyncio
from collections.abc import Mapping, Sequence

import attrs

from pushserver.clock import Clock
from pushserver.errors import Invalid, PreconditionFailed
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.lane import Lane
from pushserver.model.merge_patch import (
    MergePatch,
    apply_merge_patch,
    check_shadow_size,
)
from pushserver.model.operation import OnFailure, OperationAction, OperationDescriptor
from pushserver.model.shadow import Service, is_same_json, next_desired_version
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.idempotency import (
    IdempotentRequest,
    remember_answer,
    replay_answer,
)
from pushserver.services.lanes import Lanes
from pushserver.services.queue import Enqueued, RenderCommands
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.shadows import DueService

#: Devices in one batch; a door command waits for one batch at most.
BATCH_SIZE = 250
_SHADOW_LOOKUP = Lookup(services=True)


@attrs.define(eq=False)
class Shadows:
    """
    Reads and changes shadows. `default_hold` is the server's, in microseconds.

    `wakeup` is set when a service must be reconciled.
    """

    store: Store
    clock: Clock
    devices: DeviceRegistry
    lanes: Lanes
    reconciler: ShadowReconciler
    default_hold: int
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def get(self, scope_id: int, device_id: int) -> Sequence[Service]:
        """
        Return the services of a device.

        Raises:
            NotFound: the scope does not have it.
        """
        self.devices.get(scope_id, device_id)
        return await self.store.shadows.services(scope_id, device_id)

    async def patch(
        self,
        scope_id: int,
        device_id: int,
        merge: MergePatch,
        *,
        versions: frozenset[str] | None = None,
        expires_in: int | None = None,
        actor: Actor = SERVER,
    ) -> Sequence[Service]:
        """
        Change the desired properties of an adopted device; queue the differences.

        One of *versions* must be the shadow's, or that of the services in *merge*.

        Raises:
            Invalid: it would be too much for one device.
            NotFound: the device has moved to another scope, or was deleted.
            PreconditionFailed: none of *versions* is.
            Unavailable: the store is away.
        """

        def decide(
            lane: Lane, changes: Changes, prior: PriorState
        ) -> Sequence[Service]:
            self.devices.require_staying(device_id)
            lane.require_owner(scope_id)
            services = changes.live_services(lane, prior.services)
            _check_version(services, merge, versions)
            for service in self._set_desired(
                scope_id, merge, services, lane, changes.now, actor
            ):
                self.reconciler.reconcile(
                    service, lane, changes, expires_in=expires_in, by=actor
                )
            entry = device_entry(
                scope_id,
                actor,
                AuditAction.SHADOW_CHANGE,
                device_id,
                {"services": " ".join(merge)},
            )
            changes.audit(entry)
            return _snapshot(services)

        return await self.lanes.change(device_id, decide, _SHADOW_LOOKUP)

    def _set_desired(
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
                service = self.reconciler.new_service(scope_id, lane, service_id)
                services[service_id] = service
            if not is_same_json(service.desired, desired):
                service.set_desired(desired, version, now, by)
        return [services[service_id] for service_id in desired_by_service]

    async def queue_reads(
        self,
        scope_id: int,
        device_id: int,
        keys: Mapping[str, Sequence[str]],
        render: RenderCommands,
        idempotency: IdempotentRequest | None = None,
        actor: Actor = SERVER,
    ) -> Enqueued:
        """
        Queue reads of all known properties of an adopted device, and of *keys*.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            Invalid: it would be too much for one device.
            NotFound: the device has moved to another scope, or was deleted.
            QueueFull: too many commands wait.
            Unavailable: the store is away.
        """

        def decide(lane: Lane, changes: Changes, prior: PriorState) -> Enqueued:
            if idempotency is not None:
                stored = replay_answer(idempotency, changes, prior)
                if stored is not None:
                    return Enqueued((), stored, replayed=True)
            self.devices.require_staying(device_id)
            lane.require_owner(scope_id)
            services = changes.live_services(lane, prior.services)
            keys_by_service = _keys_to_read(services, keys)
            self.reconciler.queue.bounds.require_room(
                scope_id, lane, changes, len(keys_by_service)
            )
            commands = []
            for name, service_keys in keys_by_service.items():
                service = services.get(name)
                if service is None:
                    service = self.reconciler.new_service(scope_id, lane, name)
                commands.append(
                    self.reconciler.queue_read(
                        service, service_keys, lane, changes, actor
                    )
                )
            answer = render(commands)
            if idempotency is not None:
                remember_answer(idempotency, answer, changes)
            return Enqueued(commands, answer)

        lookup = _SHADOW_LOOKUP
        if idempotency is not None:
            lookup = attrs.evolve(lookup, idempotency_key=idempotency.key)
        return await self.lanes.change(device_id, decide, lookup)

    # Many devices

    @staticmethod
    def plan(merge: MergePatch, protocol: DeviceProtocol) -> OperationRequest:
        """
        Return the operation that writes the desired properties, a step per service.

        Its devices speak *protocol*.

        Raises:
            Invalid: nothing is desired, or a property is removed.
        """
        check_shadow_size(
            {name: properties or {} for name, properties in merge.items()}
        )
        requests = [
            _write_step(name, desired or {}, protocol)
            for name, desired in merge.items()
        ]
        if not requests:
            raise Invalid("Say what is desired.", pointer="/desired")
        label = OperationDescriptor(resource="shadow", action=OperationAction.WRITE)
        return OperationRequest(
            step_requests=requests,
            label=label,
            on_failure=OnFailure.CONTINUE,
            desired=merge,
        )

    async def set_desired_all(
        self,
        scope_id: int,
        merge: MergePatch,
        device_ids: Sequence[int],
        actor: Actor = SERVER,
    ) -> None:
        """
        Change the desired properties of many devices; their task's steps send them.

        Raises:
            Invalid: it would be too much for one of them.
            Unavailable: the store is away.
        """
        for start in range(0, len(device_ids), BATCH_SIZE):
            batch = device_ids[start : start + BATCH_SIZE]
            await asyncio.gather(
                *(self._plan_device(scope_id, merge, i, actor) for i in batch)
            )

    async def _plan_device(
        self, scope_id: int, merge: MergePatch, device_id: int, actor: Actor
    ) -> None:
        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            if not lane.belongs_to(scope_id):
                return
            services = changes.live_services(lane, prior.services)
            for service in self._set_desired(
                scope_id, merge, services, lane, changes.now, actor
            ):
                self.reconciler.defer_to_task(service, lane, changes)

        try:
            await self.lanes.change(device_id, decide, _SHADOW_LOOKUP)
        except Invalid as error:
            detail = f"Device {device_id}: {error.detail}"
            raise Invalid(detail, pointer="/targets") from None

    # Background work

    def on_shadows_due(self, _notice: ChangeNotice) -> None:
        """Reconcile services soon."""
        self.wakeup.set()

    async def reconcile_due(self) -> int:
        """Reconcile every service that is due, or whose device is online again."""
        self.wakeup.clear()
        total = 0
        while services := await self._find_due():
            done = await asyncio.gather(*(self._reconcile(each) for each in services))
            if not any(done):
                break
            total += sum(done)
        return total

    async def _find_due(self) -> Sequence[DueService]:
        due = await self.store.shadows.due_services(limit=BATCH_SIZE)
        return due or await self.store.shadows.retryable_services(
            now=self.clock.now(), hold=self.default_hold, limit=BATCH_SIZE
        )

    async def _reconcile(self, due: DueService) -> bool:
        def decide(lane: Lane, changes: Changes, prior: PriorState) -> bool:
            service = changes.live_services(lane, prior.services).get(due.service_id)
            if service is None or not (
                service.needs_reconcile or service.is_write_expired
            ):
                return False
            self.reconciler.reconcile(service, lane, changes)
            return True

        return await self.lanes.change(due.device_id, decide, _SHADOW_LOOKUP)


def _check_version(
    services: Mapping[str, Service], merge: MergePatch, versions: frozenset[str] | None
) -> None:
    if versions is None:
        return
    named = [service for name, service in services.items() if name in merge]
    current = {
        next_desired_version(services.values()) - 1,
        next_desired_version(named) - 1,
    }
    if not versions & {str(version) for version in current}:
        raise PreconditionFailed(f"The shadow has version {max(current)} now.")


def _write_step(
    service_id: str, properties: Mapping[str, object], protocol: DeviceProtocol
) -> CommandRequest:
    values = {n: v for n, v in properties.items() if isinstance(v, str | int | float)}
    if not values or len(values) < len(properties):
        raise Invalid(
            "For many devices a service needs properties, none of them null.",
            pointer=f"/desired/{service_id}",
        )
    order = protocol.write_order(service_id, values)
    return CommandRequest(order=order, resource=service_id, service_id=service_id)


def _keys_to_read(
    services: Mapping[str, Service], extra: Mapping[str, Sequence[str]]
) -> dict[str, set[str]]:
    """Return the known properties and *extra*, by service."""
    names = sorted({*services, *extra})
    keys_by_service = {
        name: set(extra.get(name, ()))
        | (services[name].property_names if name in services else set())
        for name in names
    }
    check_shadow_size({name: sorted(keys) for name, keys in keys_by_service.items()})
    return {name: keys for name, keys in keys_by_service.items() if keys}


def _snapshot(services: Mapping[str, Service]) -> list[Service]:
    """Return copies of the services, because the live ones keep changing."""
    return [attrs.evolve(services[name]) for name in sorted(services)]
