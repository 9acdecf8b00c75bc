"""Shadows: set the desired properties of a device, and show the reported ones."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import attrs

from pushserver.errors import PreconditionFailed
from pushserver.fair_turns import FairTurns
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.model.merge_patch import (
    MergePatch,
    check_shadow_size,
)
from pushserver.model.shadow import Service, next_desired_version
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.idempotency import (
    IdempotentRequest,
    remember_answer,
    replay_answer,
)
from pushserver.services.lanes import Lanes
from pushserver.services.off_loop import MAX_INLINE
from pushserver.services.queue import Enqueued, RenderCommands
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState

#: So many patches of over `MAX_INLINE` bytes are decoded, and answered, at a time: one
#: takes a mebibyte and more.
MAX_LARGE = 8
_SHADOW_LOOKUP = Lookup(services=True)


@attrs.define(eq=False)
class Shadows:
    """Reads and changes shadows."""

    store: Store
    devices: DeviceRegistry
    lanes: Lanes
    reconciler: ShadowReconciler
    _large: FairTurns = attrs.field(factory=partial(FairTurns, MAX_LARGE), init=False)

    def turn(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait, with a patch of *size* bytes, until few large ones are under way."""
        return self._large if size > MAX_INLINE else nullcontext()

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
            self.devices.require_owner(scope_id, lane)
            services = changes.live_services(lane, prior.services)
            _check_version(services, merge, versions)
            for service in self.reconciler.set_desired(
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
            stored = replay_answer(idempotency, changes, prior)
            if stored is not None:
                return Enqueued((), stored, replayed=True)
            self.devices.require_owner(scope_id, lane)
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
            remember_answer(idempotency, answer, changes)
            return Enqueued(commands, answer)

        lookup = _SHADOW_LOOKUP
        if idempotency is not None:
            lookup = attrs.evolve(lookup, idempotency_key=idempotency.key)
        return await self.lanes.change(device_id, decide, lookup)


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
