"""The composition root: the only place that knows everybody."""

from collections.abc import Sequence

from pushserver.clock import Clock, micros
from pushserver.dialects.controlid import configuration
from pushserver.errors import Misconfigured
from pushserver.model.subscription import Subscription
from pushserver.services.attendance import Attendance
from pushserver.services.chores import Chores
from pushserver.services.fleet import Fleet
from pushserver.services.guard import Guard
from pushserver.services.holds import Holds
from pushserver.services.interests import Interests
from pushserver.services.mirror import Mirror
from pushserver.services.notifications import Notifications
from pushserver.services.operations import Operations
from pushserver.services.outbox import Outbox
from pushserver.services.outcomes import Outcomes
from pushserver.services.peers import Peers
from pushserver.services.polling import Polling
from pushserver.services.queue import Queue
from pushserver.services.reporting import Reporting
from pushserver.services.retention import Retention
from pushserver.services.rollout import Rollout
from pushserver.services.scopes import Scopes
from pushserver.services.shadows import Shadows
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.tasks import Tasks
from pushserver.services.telling import Telling
from pushserver.services.tokens import Tokens
from pushserver.services.upgrades import Upgrades
from pushserver.services.upkeep import Upkeep
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.storage.sqlite.store import SqliteStore
from pushserver.web.services import Services
from pushserver.workers.counting import Counting
from pushserver.workers.running import Worker
from pushserver.workers.webhooks.courier import Courier
from pushserver.workers.webhooks.dispatcher import Dispatcher
from pushserver.workers.webhooks.pace import Pace
from pushserver.workers.webhooks.sender import Sender


async def open_store(settings: Settings, clock: Clock) -> Store:
    """Open the store that the settings name."""
    if not settings.is_postgres:
        return await SqliteStore.open(settings.sqlite_path, clock)
    try:
        # psycopg is there only for those who want it.
        from pushserver.storage.postgres.store import PostgresStore  # noqa: PLC0415
    except ImportError:
        raise Misconfigured(
            "PostgreSQL needs psycopg: pip install 'pushserver[postgres]'."
        ) from None
    return await PostgresStore.open(settings.database, clock)


def build_services(settings: Settings, store: Store, clock: Clock) -> Services:
    """Put the services together over *store*."""
    ids = store.new_id
    holds, outcomes = Holds(), Outcomes()
    polling = Polling(
        store=store,
        clock=clock,
        ids=ids,
        holds=holds,
        chores=Chores(),
        grace=micros(settings.grace),
    )
    queue = Queue(
        store=store,
        clock=clock,
        ids=ids,
        polling=polling,
        outcomes=outcomes,
        response_timeout=micros(settings.response_timeout),
    )
    fleet = Fleet(store=store, clock=clock, ids=ids, policy=settings.keys, holds=holds)
    tokens = Tokens(store=store, clock=clock, ids=ids)
    mirror = Mirror(dialect=configuration, queue=queue, clock=clock)
    operations = Operations(
        store=store,
        clock=clock,
        ids=ids,
        fleet=fleet,
        polling=polling,
        queue=queue,
        mirror=mirror,
    )
    hold = micros(settings.hold)
    shadows = Shadows(
        store=store,
        clock=clock,
        fleet=fleet,
        polling=polling,
        mirror=mirror,
        hold=hold,
    )
    rollout = Rollout(store=store, operations=operations, clock=clock, hold=hold)
    guard = Guard(settings.webhook_allow_http, settings.webhook_networks)
    interests = Interests(store=store, clock=clock)
    subscriptions = Subscriptions(
        store=store,
        clock=clock,
        ids=ids,
        directory=fleet,
        guard=guard,
        interests=interests,
    )
    peers = Peers(
        store=store,
        fleet=fleet,
        tokens=tokens,
        subscriptions=subscriptions,
        interests=interests,
        holds=holds,
        outcomes=outcomes,
    )
    tasks = Tasks(
        store=store,
        clock=clock,
        ids=ids,
        fleet=fleet,
        peers=peers,
        rollout=rollout,
        shadows=shadows,
        hold=hold,
    )
    store.follow(peers.hear)
    for observer in (
        polling.wake,
        outcomes.tell,
        operations.look,
        rollout.look,
        shadows.look,
        interests.look,
        subscriptions.look,
    ):
        store.watch(observer)
    return Services(
        clock=clock,
        store=store,
        fleet=fleet,
        peers=peers,
        holds=holds,
        polling=polling,
        queue=queue,
        retention=Retention(store.history, clock, settings.retention),
        reporting=Reporting(store=store, clock=clock, ids=ids, dialect=configuration),
        outcomes=outcomes,
        interests=interests,
        operations=operations,
        notifications=Notifications(store, clock, ids, operations),
        rollout=rollout,
        shadows=shadows,
        subscriptions=subscriptions,
        tasks=tasks,
        upgrades=Upgrades(store, tasks),
        tokens=tokens,
        scopes=Scopes(store=store, clock=clock, ids=ids, tokens=tokens),
        hold=hold,
        kapua_delete_status=settings.kapua_delete_status,
        started_at=clock.now(),
    )


def dispatcher_of(services: Services, sender: Sender) -> Dispatcher:
    """Return who delivers to subscriptions."""
    telling = Telling(services.store, services.fleet)
    pace = Pace(lambda: services.fleet.calls)

    def courier(subscription: Subscription) -> Courier:
        return Courier(
            subscription=subscription,
            subscriptions=services.subscriptions,
            store=services.store.subscriptions,
            telling=telling,
            sender=sender,
            clock=services.clock,
            pace=pace,
        )

    return Dispatcher(services.subscriptions, courier, lambda: services.store.leads)


def workers_of(services: Services, dispatcher: Dispatcher) -> Sequence[Worker]:
    """
    Return what runs by itself, and how often (seconds).

    What is done once for all servers over a store is done by the one that leads.
    """
    store, clock, fleet = services.store, services.clock, services.fleet
    operations, rollout, peers = services.operations, services.rollout, services.peers
    attendance = Attendance(store=store, clock=clock, fleet=fleet, hold=services.hold)
    attendance.load()
    shadows, subscriptions = services.shadows, services.subscriptions
    outbox = Outbox(store.subscriptions, subscriptions, clock)
    upkeep = Upkeep(store=services.store, clock=services.clock)

    def leads() -> bool:
        return store.leads

    return (
        Worker("record-written", 0.1, services.polling.record),
        Worker("deadlines", 0.5, upkeep.deadlines),
        Worker("others", 1.0, peers.refresh, peers.stale),
        Worker("steps", 1.0, operations.go_on, operations.due, leads=leads),
        Worker("tasks", 1.0, rollout.advance, rollout.wanted, 0.2, leads),
        Worker("shadows", 1.0, shadows.go_on, shadows.wanted, leads=leads),
        Worker("webhooks", 1.0, dispatcher.round, subscriptions.changed),
        Worker("outbox", 60.0, outbox.trim, leads=leads),
        Worker("attendance", 2.0, attendance.round),
        Worker("interests", 60.0, services.interests.forget),
        Worker("flush-seen", 2.0, services.fleet.flush_in_turns),
        Worker("retention", 3600.0, services.retention.keep, leads=leads),
        Worker("old-keys", 3600.0, upkeep.old_keys, leads=leads),
        Worker("counts", 60.0, Counting(services.fleet.counts).tell),
    )
