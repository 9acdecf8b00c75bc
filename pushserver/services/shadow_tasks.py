"""Sets the desired properties of many devices, for the task that sends them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import attrs
import msgspec

from pushserver.errors import Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.audit import AuditAction, device_entry
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.lane import Lane
from pushserver.model.merge_patch import (
    MergePatch,
    check_shadow_size,
)
from pushserver.model.operation import OnFailure, OperationAction, OperationDescriptor
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.batches import batches_until_stop
from pushserver.services.call_turns import CallTurns
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.lanes import Lanes
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState

#: So many devices are changed at once at most, with so many bytes of desired values.
MAX_AT_ONCE, MAX_BYTES_AT_ONCE = 250, 1024 * 1024
#: One call for more devices than that works; so many of each token wait.
MAX_WAITING = 2
_encode = msgspec.json.Encoder().encode
_SHADOW_LOOKUP = Lookup(services=True)


@attrs.frozen
class ShadowTasks:
    """Changes the shadows of a task's devices; its steps write the differences."""

    store: Store
    devices: DeviceRegistry
    lanes: Lanes
    reconciler: ShadowReconciler
    _turns: CallTurns = attrs.field(
        factory=partial(CallTurns, "changes of many shadows", MAX_WAITING), init=False
    )

    def turn(
        self, merge: MergePatch, device_count: int
    ) -> AbstractAsyncContextManager[None]:
        """
        Wait, for what is not done at once, until no other such call works.

        Raises:
            Busy: too many wait.
        """
        is_large = device_count > piece_size(merge)
        return self._turns.take() if is_large else nullcontext()

    async def set_desired_all(
        self,
        scope_id: int,
        merge: MergePatch,
        device_ids: Sequence[int],
        actor: Actor = SERVER,
    ) -> None:
        """
        Change the desired properties of many devices; their task's steps send them.

        They are changed piece by piece: of the others nothing is kept, and the audit
        has those that were changed, whatever becomes of the rest.

        Raises:
            Invalid: it would be too much for one of them.
            Unavailable: the store is away, or the server stops.
        """
        for piece in batches_until_stop(self.store, device_ids, piece_size(merge)):
            # All are done when the call is answered, also when it fails.
            errors = await asyncio.gather(
                *(self._plan_device(scope_id, merge, i, actor) for i in piece),
                return_exceptions=True,
            )
            if error := next(filter(None, errors), None):
                raise error

    async def _plan_device(
        self, scope_id: int, merge: MergePatch, device_id: int, actor: Actor
    ) -> None:
        def decide(lane: Lane, changes: Changes, prior: PriorState) -> None:
            if not self.devices.owns(scope_id, lane):
                return
            services = changes.live_services(lane, prior.services)
            for service in self.reconciler.set_desired(
                scope_id, merge, services, lane, changes.now, actor
            ):
                self.reconciler.defer_to_task(service, lane, changes)
            action, detail = AuditAction.SHADOW_CHANGE, {"services": " ".join(merge)}
            changes.audit(device_entry(scope_id, actor, action, device_id, detail))

        try:
            await self.lanes.change(device_id, decide, _SHADOW_LOOKUP)
        except Invalid as error:
            detail = f"Device {device_id}: {error.detail}"
            raise Invalid(detail, pointer="/targets") from None


def piece_size(merge: MergePatch) -> int:
    """Return how many devices are changed at once."""
    return max(1, min(MAX_AT_ONCE, MAX_BYTES_AT_ONCE // len(_encode(merge))))


def plan_shadow_task(merge: MergePatch, protocol: DeviceProtocol) -> OperationRequest:
    """
    Return the operation that writes the desired properties, a step per service.

    Its devices speak *protocol*.

    Raises:
        Invalid: nothing is desired, or a property is removed.
    """
    check_shadow_size({name: properties or {} for name, properties in merge.items()})
    requests = [
        _write_step(name, desired or {}, protocol) for name, desired in merge.items()
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
