"""Which services react to which changes."""

from pushserver.storage.change_feed import ChangeKind
from pushserver.web.services import Services


def subscribe_to_changes(services: Services) -> None:
    """Let services react to what commits changed, here and on other servers."""
    cluster_sync = services.cluster_sync
    for kind, subscriber in (
        (ChangeKind.WAITING, services.holds.on_waiting),
        (ChangeKind.OVER, services.completion_waiters.on_over),
        (ChangeKind.RESULTS, services.completion_waiters.on_results),
        (ChangeKind.EVENTS, services.event_interest.on_events),
        (ChangeKind.EVENTS, services.subscription_registry.on_events),
        (ChangeKind.DEVICES, cluster_sync.on_devices),
        (ChangeKind.SEEN, cluster_sync.on_seen),
        (ChangeKind.TOKENS, cluster_sync.on_tokens),
        (ChangeKind.SUBSCRIPTIONS, cluster_sync.on_subscriptions),
        (ChangeKind.STEPS_DUE, services.next_steps.on_steps_due),
        (ChangeKind.TASKS_DUE, services.task_scheduler.on_tasks_due),
        (ChangeKind.SHADOWS_DUE, services.due_services.on_shadows_due),
    ):
        services.store.feed.subscribe(kind, subscriber)
    services.store.feed.subscribe_to_all(services.live_topics.on_notice)
