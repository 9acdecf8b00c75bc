"""The services that handlers use, under one key of the application."""

from collections import Counter
from pathlib import Path

import attrs
from aiohttp import web

from pushserver.clock import Clock
from pushserver.metrics.recorder import Metrics
from pushserver.model.bounds import Bounds
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
from pushserver.services.due_services import DueServices
from pushserver.services.event_feed import EventFeed
from pushserver.services.event_interest import EventInterest
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
from pushserver.services.next_steps import NextSteps
from pushserver.services.notifications import Notifications
from pushserver.services.online_rule import OnlineRule
from pushserver.services.operations import Operations
from pushserver.services.polling import Polling
from pushserver.services.purging import Purging
from pushserver.services.queue import Queue
from pushserver.services.readiness import Readiness
from pushserver.services.result_intake import ResultIntake
from pushserver.services.retention import Retention
from pushserver.services.scopes import Scopes
from pushserver.services.sessions import Sessions
from pushserver.services.shadows import Shadows
from pushserver.services.shared_views import SharedViews
from pushserver.services.statistics import StatisticsReader
from pushserver.services.subscription_registry import SubscriptionRegistry
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.task_creation import TaskCreator
from pushserver.services.task_scheduler import TaskScheduler
from pushserver.services.tasks import Tasks
from pushserver.services.token_reach import TokenReach
from pushserver.services.tokens import Tokens
from pushserver.services.unknown_requests import UnknownRequests
from pushserver.services.upgrades import Upgrades
from pushserver.services.wait_bounds import WaitBounds
from pushserver.services.webhook_deliveries import WebhookDeliveries
from pushserver.services.withdrawals import Withdrawals
from pushserver.services.wrong_tokens import WrongTokens
from pushserver.storage.base import Store
from pushserver.web.body_budget import BodyBudget
from pushserver.web.head_budget import HeadBudget
from pushserver.web.proxies import Proxies
from pushserver.web.request_starts import RequestStarts
from pushserver.web.worker_metrics import WorkerMetrics


@attrs.frozen(kw_only=True, repr=False)
class Services:
    """
    Every service that a handler may use. `default_hold` is in microseconds.

    `counts` are those of `metrics`, since every poll adds to them.
    `kapua_delete_status` is the status that Kapua's clients get after a DELETE.
    `worker_failures` are the rounds in a row that failed, by the name of the worker.
    """

    clock: Clock
    clock_watch: ClockWatch
    store: Store
    devices: DeviceRegistry
    admission: DeviceAdmission
    write_behind: DeviceWriteBehind
    device_events: DeviceEventBuffer
    device_sync: DeviceSync
    device_list: DeviceList
    online_rule: OnlineRule
    fleet: FleetAdmin
    key_issuer: KeyIssuer
    device_import: DeviceImport
    device_removal: DeviceRemoval
    protocols: DeviceProtocols
    unknown_requests: UnknownRequests
    cluster_sync: ClusterSync
    holds: HeldPolls
    held_contact: HeldContact
    lanes: Lanes
    polling: Polling
    integrity_check: IntegrityCheck
    backups: Backups
    latency_history: LatencyHistory
    statistics: StatisticsReader
    readiness: Readiness
    queue: Queue
    idempotency_keys: IdempotencyKeys
    held_commands: HeldCommands
    retention: Retention
    body_retention: BodyRetention
    purging: Purging
    blobs: Blobs
    withdrawals: Withdrawals
    result_intake: ResultIntake
    completion_waiters: CompletionWaiters
    wait_bounds: WaitBounds
    event_interest: EventInterest
    event_feed: EventFeed
    operations: Operations
    next_steps: NextSteps
    notifications: Notifications
    task_scheduler: TaskScheduler
    shadows: Shadows
    due_services: DueServices
    subscription_registry: SubscriptionRegistry
    subscriptions: Subscriptions
    webhook_deliveries: WebhookDeliveries
    task_creator: TaskCreator
    tasks: Tasks
    upgrades: Upgrades
    tokens: Tokens
    sessions: Sessions
    console_sessions: ConsoleSessions
    live_topics: LiveTopics
    shared_views: SharedViews
    token_reach: TokenReach
    wrong_tokens: WrongTokens
    scopes: Scopes
    body_budget: BodyBudget
    request_starts: RequestStarts
    head_budget: HeadBudget
    proxies: Proxies
    default_hold: int
    bounds: Bounds
    kapua_delete_status: int
    started_at: int
    database_file: Path | None
    metrics: Metrics
    counts: Counter[str]
    worker_metrics: WorkerMetrics
    worker_failures: Counter[str]


SERVICES = web.AppKey("services", Services)
