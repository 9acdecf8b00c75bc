"""Sets the desired properties of many devices, for the task that sends them."""

import asyncio
from collections.abc import Mapping, Sequence

import attrs

from pushserver.errors import Invalid
from pushserver.model.actor import SERVER, Actor
from pushserver.model.changes import Changes
from pushserver.model.command_request import CommandRequest, OperationRequest
from pushserver.model.lane import Lane
from pushserver.model.merge_patch import (
    MergePatch,
    check_shadow_size,
)
from pushserver.model.operation import OnFailure, OperationAction, OperationDescriptor
from pushserver.protocols.base import DeviceProtocol
from pushserver.services.lanes import Lanes
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.commands import Lookup, PriorState

#: Devices in one batch; a door command waits for one batch at most.
BATCH_SIZE = 250
_SHADOW_LOOKUP = Lookup(services=True)


@attrs.frozen
class ShadowTasks:
    """Changes the shadows of a task's devices; its steps write the differences."""

    lanes: Lanes
    reconciler: ShadowReconciler

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
            for service in self.reconciler.set_desired(
                scope_id, merge, services, lane, changes.now, actor
            ):
                self.reconciler.defer_to_task(service, lane, changes)

        try:
            await self.lanes.change(device_id, decide, _SHADOW_LOOKUP)
        except Invalid as error:
            detail = f"Device {device_id}: {error.detail}"
            raise Invalid(detail, pointer="/targets") from None


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
