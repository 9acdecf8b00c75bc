"""Reconciles services of shadows, when a command of theirs has ended or expired."""

import asyncio
from collections.abc import Sequence

import attrs

from pushserver.clock import Clock
from pushserver.model.change_notice import ChangeNotice
from pushserver.model.changes import Changes
from pushserver.model.lane import Lane
from pushserver.services.lanes import Lanes
from pushserver.services.plan_reach import PlanReach
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.storage.base import Store
from pushserver.storage.commands import Lookup, PriorState
from pushserver.storage.shadows import DueService

#: Services in one batch; a door command waits for one batch at most.
BATCH_SIZE = 250
_SHADOW_LOOKUP = Lookup(services=True)


@attrs.define(eq=False)
class DueServices:
    """
    Reconciles what is due. `default_hold` is the server's, in microseconds.

    `wakeup` is set when a service must be reconciled.
    """

    store: Store
    clock: Clock
    lanes: Lanes
    reconciler: ShadowReconciler
    reach: PlanReach
    default_hold: int
    wakeup: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def on_shadows_due(self, _notice: ChangeNotice) -> None:
        """Reconcile services soon."""
        self.wakeup.set()

    async def reconcile_due(self) -> int:
        """Reconcile every service that is due, or whose device is online again."""
        self.wakeup.clear()
        total = 0
        while not self.store.is_closing_soon:
            services = await self._find_due()
            await self.reach.catch_up((s.desired_by, s.device_id) for s in services)
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
            if self.reach.allows(service.desired_by, due.device_id):
                self.reconciler.reconcile(service, lane, changes)
            else:
                self.reconciler.withhold(service, lane, changes)
            return True

        return await self.lanes.change(due.device_id, decide, _SHADOW_LOOKUP)
