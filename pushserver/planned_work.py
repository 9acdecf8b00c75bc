"""Puts together what plans commands: operations, tasks, upgrades and shadows."""

import attrs

from pushserver.clock import Clock
from pushserver.services.cluster_sync import ClusterSync
from pushserver.services.device_sync import DeviceSync
from pushserver.services.due_services import DueServices
from pushserver.services.next_steps import NextSteps
from pushserver.services.notifications import Notifications
from pushserver.services.online_rule import OnlineRule
from pushserver.services.open_bounds import OpenBounds
from pushserver.services.operations import Operations
from pushserver.services.plan_reach import PlanReach
from pushserver.services.queue import Queue
from pushserver.services.shadow_reconciler import ShadowReconciler
from pushserver.services.shadow_tasks import ShadowTasks
from pushserver.services.shadows import Shadows
from pushserver.services.task_creation import TaskCreator
from pushserver.services.task_scheduler import TaskScheduler
from pushserver.services.tasks import Tasks
from pushserver.services.upgrades import Upgrades


@attrs.frozen(kw_only=True)
class PlannedWork:
    """The services that make commands of plans, and of what is desired."""

    operations: Operations
    next_steps: NextSteps
    notifications: Notifications
    scheduler: TaskScheduler
    shadows: Shadows
    due_services: DueServices
    task_creator: TaskCreator
    tasks: Tasks
    upgrades: Upgrades


def build_planned_work(
    queue: Queue,
    clock: Clock,
    device_sync: DeviceSync,
    cluster_sync: ClusterSync,
    open_bounds: OpenBounds,
    online_rule: OnlineRule,
    plan_reach: PlanReach,
) -> PlannedWork:
    """Build them over the *queue* to which their commands go."""
    store, lanes = queue.store, queue.lanes
    devices, protocols = queue.devices, queue.protocols
    ids, reconciler = store.new_id, ShadowReconciler(protocols=protocols, queue=queue)
    next_steps = NextSteps(
        store=store,
        devices=devices,
        device_sync=device_sync,
        lanes=lanes,
        queue=queue,
        reconciler=reconciler,
        reach=plan_reach,
    )
    operations = Operations(
        store=store,
        devices=devices,
        lanes=lanes,
        queue=queue,
        next_steps=next_steps,
        open_bounds=open_bounds,
    )
    scheduler = TaskScheduler(
        store=store,
        lanes=lanes,
        operations=operations,
        next_steps=next_steps,
        clock=clock,
        default_hold=online_rule.default_hold,
    )
    task_creator = TaskCreator(
        store=store,
        clock=clock,
        ids=ids,
        devices=devices,
        protocols=protocols,
        cluster_sync=cluster_sync,
        scheduler=scheduler,
        shadow_tasks=ShadowTasks(store, devices, lanes, reconciler),
        open_bounds=open_bounds,
        online_rule=online_rule,
    )
    return PlannedWork(
        operations=operations,
        next_steps=next_steps,
        notifications=Notifications(store, lanes, ids, operations),
        scheduler=scheduler,
        shadows=Shadows(store, devices, lanes, reconciler),
        due_services=DueServices(
            store, clock, lanes, reconciler, plan_reach, online_rule.default_hold
        ),
        task_creator=task_creator,
        tasks=Tasks(store, clock, ids, scheduler, open_bounds),
        upgrades=Upgrades(store, task_creator),
    )
