"""Puts together what runs by itself: the workers, and what delivers webhooks."""

from collections.abc import Sequence
from functools import partial

from pushserver.model.subscription import Subscription
from pushserver.services.batches import repeat_until_done
from pushserver.services.deadlines import Deadlines
from pushserver.services.event_renderer import EventRenderer
from pushserver.services.online_monitor import OnlineMonitor
from pushserver.services.outbox_trimmer import OutboxTrimmer
from pushserver.services.result_reading import UnreadResults
from pushserver.web.services import Services
from pushserver.workers.counter_log import CounterLog
from pushserver.workers.loop_lag import LoopLag
from pushserver.workers.webhooks.body_room import BodyRoom
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.supervisor import WebhookSupervisor
from pushserver.workers.webhooks.throttle import Throttle
from pushserver.workers.webhooks.worker import WebhookWorker
from pushserver.workers.worker import Worker
from pushserver.workers.young_garbage import INTERVAL, YoungGarbage


def build_webhook_supervisor(
    services: Services, sender: WebhookSender
) -> WebhookSupervisor:
    """Build what delivers events to subscriptions."""
    renderer = EventRenderer(services.store, services.devices, services.protocols)
    throttle = Throttle(lambda: services.admission.request_count)
    body_room = BodyRoom()

    def make_worker(subscription: Subscription) -> WebhookWorker:
        return WebhookWorker(
            subscription=subscription,
            subscriptions=services.subscription_registry,
            store=services.store.subscriptions,
            renderer=renderer,
            sender=sender,
            clock=services.clock,
            throttle=throttle,
            body_room=body_room,
            metrics=services.metrics.webhooks,
        )

    return WebhookSupervisor(
        services.subscription_registry, make_worker, lambda: services.store.is_leader
    )


def build_workers(
    services: Services, supervisor: WebhookSupervisor
) -> Sequence[Worker]:
    """
    Build the periodic workers, with their intervals in seconds.

    Work that is done once for all servers over a store is the leader's.
    """
    store, clock = services.store, services.clock
    next_steps, scheduler, cluster_sync = (
        services.next_steps,
        services.task_scheduler,
        services.cluster_sync,
    )
    online_monitor = OnlineMonitor(
        store=store,
        clock=clock,
        lanes=services.lanes,
        devices=services.devices,
        device_events=services.device_events,
        holds=services.holds,
        online_rule=services.online_rule,
    )
    online_monitor.restore()
    due_services, subscriptions = services.due_services, services.subscription_registry
    outbox_trimmer = OutboxTrimmer(
        store.subscriptions,
        subscriptions,
        clock,
        services.counts,
        services.bounds.subscription_backlog,
        services.bounds.scope_backlog,
    )
    deadlines, clock_watch = (
        Deadlines(store, clock, services.lanes),
        services.clock_watch,
    )
    unread_results = UnreadResults(store, services.protocols)

    def is_leader() -> bool:
        return store.is_leader

    purging = partial(Worker, is_leader=is_leader, may_be_ended=True)
    return (
        Worker("record-followed", 0.1, services.polling.record_followed),
        Worker("record-written", 0.5, services.polling.record_older),
        Worker("young-garbage", INTERVAL, YoungGarbage().collect),
        Worker("loop-lag", 0.45, LoopLag(services.metrics.loop_lag).measure),
        Worker("clock", 0.5, clock_watch.follow),
        Worker("clock-anchor", 60.0, clock_watch.anchor),
        Worker("recount-waiting", 10.0, store.recount_waiting),
        Worker("deadlines", 0.5, deadlines.expire_overdue),
        Worker("cluster-sync", 1.0, cluster_sync.refresh, cluster_sync.wakeup),
        Worker(
            "steps",
            1.0,
            next_steps.queue_due_steps,
            next_steps.wakeup,
            is_leader=is_leader,
        ),
        Worker("tasks", 1.0, scheduler.advance, scheduler.wakeup, 0.2, is_leader),
        Worker(
            "shadows",
            1.0,
            due_services.reconcile_due,
            due_services.wakeup,
            is_leader=is_leader,
        ),
        Worker("webhooks", 1.0, supervisor.update_workers, subscriptions.wakeup),
        purging("outbox", 60.0, outbox_trimmer.trim),
        purging(
            "unread-results", 60.0, partial(repeat_until_done, unread_results.read_some)
        ),
        Worker("online-monitor", 2.0, online_monitor.publish_changes),
        Worker("event-interest", 60.0, services.event_interest.expire),
        Worker("flush-seen", 2.0, services.held_contact.flush_seen),
        purging("retention", 3600.0, services.retention.purge_expired),
        purging("body-retention", 3600.0, services.body_retention.purge_expired),
        purging("blobs", 3600.0, services.blobs.purge_unused),
        Worker("wrong-tokens", 60.0, services.wrong_tokens.log_tries),
        Worker("token-uses", 60.0, services.tokens.uses.save),
        Worker(
            "unknown-requests",
            3600.0,
            services.unknown_requests.forget_old,
            may_be_ended=True,
        ),
        purging("old-keys", 3600.0, deadlines.purge_idempotency_keys),
        purging("old-sessions", 3600.0, services.sessions.purge),
        Worker("latencies", 60.0, services.latency_history.save),
        purging("old-latencies", 3600.0, services.latency_history.purge),
        Worker("integrity", 5.0, services.integrity_check.run_if_due),
        Worker("backups", 5.0, services.backups.run_if_due),
        Worker("counts", 60.0, CounterLog(services.counts).log_growth),
    )
