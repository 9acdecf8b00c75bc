"""What the faces ask: the services, under one key of the application."""

import attrs
from aiohttp import web

from pushserver.clock import Clock
from pushserver.services.fleet import Fleet
from pushserver.services.holds import Holds
from pushserver.services.interests import Interests
from pushserver.services.notifications import Notifications
from pushserver.services.operations import Operations
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
from pushserver.services.tokens import Tokens
from pushserver.services.upgrades import Upgrades
from pushserver.storage.base import Store


@attrs.frozen(kw_only=True, repr=False)
class Services:
    """
    Everything that a handler may ask. `hold` is in microseconds.

    `kapua_delete_status` is what Kapua's clients are answered when something is gone.
    """

    clock: Clock
    store: Store
    fleet: Fleet
    peers: Peers
    holds: Holds
    polling: Polling
    queue: Queue
    retention: Retention
    reporting: Reporting
    outcomes: Outcomes
    interests: Interests
    operations: Operations
    notifications: Notifications
    rollout: Rollout
    shadows: Shadows
    subscriptions: Subscriptions
    tasks: Tasks
    upgrades: Upgrades
    tokens: Tokens
    scopes: Scopes
    hold: int
    kapua_delete_status: int
    started_at: int


SERVICES = web.AppKey("services", Services)
