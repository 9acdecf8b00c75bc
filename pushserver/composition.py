"""The composition root: puts the services together."""

from pushserver.change_subscribers import subscribe_to_changes
from pushserver.clock import Clock, micros
from pushserver.dialects.kapua.sessions import new_token_id
from pushserver.metrics.recorder import Metrics
from pushserver.planned_work import build_planned_work
from pushserver.protocols.base import DeviceProtocol
from pushserver.protocols.controlid.protocol import ControlId
from pushserver.services.background_tasks import BackgroundTasks
from pushserver.services.backups import Backups
from pushserver.services.blobs import Blobs
from pushserver.services.body_retention import BodyRetention
from pushserver.services.clock_watch import ClockWatch
from pushserver.services.cluster_sync import ClusterSync
from pushserver.services.completion_waiters import CompletionWaiters
from pushserver.services.console_sessions import ConsoleSessions
from pushserver.services.device_admission import DeviceAdmission
from pushserver.services.device_events import DeviceEventBuffer
from pushserver.services.device_import import DeviceImport
from pushserver.services.device_list import DeviceList
from pushserver.services.device_protocols import DeviceProtocols
from pushserver.services.device_registry import DeviceRegistry
from pushserver.services.device_removal import DeviceRemoval
from pushserver.services.device_sync import DeviceSync
from pushserver.services.device_write_behind import DeviceWriteBehind
from pushserver.services.event_feed import EventFeed
from pushserver.services.event_interest import EventInterest
from pushserver.services.event_renderer import EventRenderer
from pushserver.services.fleet_admin import FleetAdmin
from pushserver.services.held_commands import HeldCommands
from pushserver.services.held_contact import HeldContact
from pushserver.services.held_polls import HeldPolls
from pushserver.services.idempotency import IdempotencyKeys
from pushserver.services.integrity_check import IntegrityCheck
from pushserver.services.key_issuer import KeyIssuer
from pushserver.services.lanes import Lanes
from pushserver.services.latency_history import LatencyHistory
from pushserver.services.live_topics import LiveTopics
from pushserver.services.online_rule import OnlineRule
from pushserver.services.open_bounds import OpenBounds
from pushserver.services.orphan_bounds import OrphanBounds
from pushserver.services.plan_reach import PlanReach
from pushserver.services.polling import Polling
from pushserver.services.purging import Purging
from pushserver.services.queue import Queue
from pushserver.services.queue_bounds import QueueBounds
from pushserver.services.readiness import Readiness
from pushserver.services.result_intake import ResultIntake
from pushserver.services.result_places import ResultPlaces
from pushserver.services.retention import Retention
from pushserver.services.scopes import Scopes
from pushserver.services.server_metrics import ServerMetrics
from pushserver.services.sessions import Sessions
from pushserver.services.shared_views import SharedViews
from pushserver.services.ssrf_guard import SsrfGuard
from pushserver.services.statistics import StatisticsReader
from pushserver.services.stock_bounds import StockBounds
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.token_reach import TokenReach
from pushserver.services.tokens import Tokens
from pushserver.services.unknown_requests import UnknownRequests
from pushserver.services.wait_bounds import WaitBounds
from pushserver.services.webhook_deliveries import WebhookDeliveries
from pushserver.services.withdrawals import Withdrawals
from pushserver.services.wrong_tokens import WrongTokens
from pushserver.settings import Settings
from pushserver.storage.base import Store
from pushserver.web.body_budget import MEBIBYTE, BodyBudget
from pushserver.web.head_budget import HeadBudget
from pushserver.web.proxies import Proxies
from pushserver.web.request_starts import RequestStarts
from pushserver.web.services import Services
from pushserver.web.worker_metrics import WorkerMetrics

#: The protocols of devices that are served; ids that name no other are the first's.
PROTOCOLS: tuple[DeviceProtocol, ...] = (ControlId(),)


def build_services(
    settings: Settings,
    store: Store,
    clock: Clock,
    installed: tuple[DeviceProtocol, ...] = PROTOCOLS,
) -> Services:
    """Build the services over *store*, for devices of these protocols."""
    ids = store.new_id
    metrics = Metrics(commits=store.commit_metrics)
    online_rule = OnlineRule(micros(settings.hold))
    holds, completion_waiters = HeldPolls(), CompletionWaiters()
    lanes = Lanes(
        store=store,
        holds=holds,
        background_tasks=BackgroundTasks(),
        grace=micros(settings.grace),
    )
    devices = DeviceRegistry(store)
    bounds, counts = settings.bounds, metrics.counts
    protocols = DeviceProtocols(installed, devices)
    queue = Queue(
        store=store,
        lanes=lanes,
        devices=devices,
        protocols=protocols,
        completion_waiters=completion_waiters,
        bounds=QueueBounds(bounds, store.waiting_by_scope, counts),
        response_timeout=micros(settings.response_timeout),
    )
    write_behind = DeviceWriteBehind(store, devices, bounds, counts)
    unknown_requests = UnknownRequests(store, devices, write_behind, clock, ids, counts)
    device_events = DeviceEventBuffer(clock)
    device_sync = DeviceSync(
        store, devices, write_behind, device_events, holds, settings.conflict_policy
    )
    stock_bounds = StockBounds(bounds, counts)
    open_bounds = OpenBounds(store, stock_bounds)
    backups = Backups(
        store.backups,
        clock,
        settings.backup_path,
        micros(settings.backup_every),
        settings.backup_keep,
    )
    blobs = Blobs(store, clock, ids, stock_bounds)
    tokens = Tokens(store=store, clock=clock, ids=ids, bounds=stock_bounds)
    event_interest = EventInterest(store=store, clock=clock)
    subscriptions = SubscriptionRegistry(store, devices, event_interest)
    cluster_sync = ClusterSync(
        store=store,
        device_sync=device_sync,
        tokens=tokens,
        subscriptions=subscriptions,
        event_interest=event_interest,
    )
    token_reach = TokenReach(devices)
    planned = build_planned_work(
        queue,
        clock,
        device_sync,
        cluster_sync,
        open_bounds,
        online_rule,
        PlanReach(tokens, token_reach, device_sync),
    )
    retention = Retention(
        store.retention, clock, settings.retention, settings.audit_retention
    )
    removal = DeviceRemoval(lanes, devices, device_sync)
    fleet = FleetAdmin(store, clock, removal, devices, device_sync, stock_bounds)
    admission = DeviceAdmission(
        devices=devices,
        write_behind=write_behind,
        device_events=device_events,
        clock=clock,
        key_policy=settings.device_key_policy,
        conflict_policy=settings.conflict_policy,
        max_requests=bounds.device_requests,
        max_quarantined=bounds.quarantined_devices,
        counts=counts,
    )
    services = Services(
        clock=clock,
        clock_watch=ClockWatch(store, clock),
        store=store,
        devices=devices,
        admission=admission,
        write_behind=write_behind,
        device_events=device_events,
        device_sync=device_sync,
        device_list=DeviceList(store, clock, devices, online_rule),
        online_rule=online_rule,
        fleet=fleet,
        key_issuer=KeyIssuer(fleet, devices, device_sync, settings.device_key_policy),
        device_import=DeviceImport(fleet),
        device_removal=removal,
        protocols=protocols,
        unknown_requests=unknown_requests,
        cluster_sync=cluster_sync,
        holds=holds,
        held_contact=HeldContact(devices, holds, write_behind, clock),
        lanes=lanes,
        polling=Polling(store, clock, lanes, holds, metrics.to_device),
        readiness=Readiness(store),
        integrity_check=IntegrityCheck(
            store.integrity, clock, settings.integrity_check_at
        ),
        backups=backups,
        latency_history=LatencyHistory(store, clock, metrics),
        statistics=StatisticsReader(store, clock, devices, online_rule, backups),
        queue=queue,
        idempotency_keys=IdempotencyKeys(store, clock),
        held_commands=HeldCommands(store, lanes, queue),
        withdrawals=Withdrawals(store, lanes),
        retention=retention,
        body_retention=BodyRetention(store, clock, settings.body_retention),
        purging=Purging(store, retention, blobs, unknown_requests),
        blobs=blobs,
        result_intake=ResultIntake(
            store, lanes, OrphanBounds(bounds, counts), ResultPlaces(bounds, counts)
        ),
        completion_waiters=completion_waiters,
        wait_bounds=WaitBounds(bounds, counts),
        event_interest=event_interest,
        event_feed=EventFeed(
            store.subscriptions, EventRenderer(store, devices, protocols)
        ),
        operations=planned.operations,
        next_steps=planned.next_steps,
        notifications=planned.notifications,
        task_scheduler=planned.scheduler,
        shadows=planned.shadows,
        due_services=planned.due_services,
        subscription_registry=subscriptions,
        subscriptions=Subscriptions(
            store,
            clock,
            ids,
            SsrfGuard(settings.webhook_allow_http, settings.webhook_networks),
            subscriptions,
            stock_bounds,
        ),
        webhook_deliveries=WebhookDeliveries(store, clock, subscriptions),
        task_creator=planned.task_creator,
        tasks=planned.tasks,
        upgrades=planned.upgrades,
        tokens=tokens,
        sessions=Sessions(store, clock, ids, new_token_id),
        console_sessions=ConsoleSessions(store, clock, ids),
        live_topics=LiveTopics(devices),
        shared_views=SharedViews(),
        token_reach=token_reach,
        wrong_tokens=WrongTokens(counts),
        scopes=Scopes(store, clock, ids, tokens, stock_bounds),
        default_hold=online_rule.default_hold,
        head_budget=HeadBudget(counts),
        body_budget=BodyBudget(
            settings.bodies * MEBIBYTE,
            settings.spool_folder,
            bounds.token_reads,
            counts,
        ),
        request_starts=RequestStarts(tokens, admission, protocols),
        bounds=bounds,
        proxies=Proxies(
            networks=settings.trusted_networks,
            on_unix_socket=settings.trusts_unix_socket,
            public_url=settings.public_url,
        ),
        kapua_delete_status=settings.kapua_delete_status,
        started_at=clock.now(),
        database_file=settings.sqlite_path.absolute() if settings.is_sqlite else None,
        metrics=metrics,
        counts=counts,
        worker_metrics=WorkerMetrics(
            ServerMetrics(
                store,
                clock,
                metrics,
                devices,
                holds,
                online_rule,
                subscriptions,
                backups,
            ).read
        ),
        worker_failures=metrics.worker_failures,
    )
    subscribe_to_changes(services)
    return services
