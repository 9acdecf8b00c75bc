"""Drives the outbox and its webhook workers over a store in a folder."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

from pushserver.clock import SECOND
from pushserver.composition import build_services
from pushserver.metrics.recorder import WebhookMetrics
from pushserver.model.event import Event, EventType
from pushserver.model.scope import DEFAULT_SCOPE_ID
from pushserver.model.subscription import (
    Subscription,
    WebhookDelivery,
    WebhookFormat,
    WebhookState,
)
from pushserver.services.event_renderer import EventRenderer
from pushserver.settings import Settings
from pushserver.stores import open_store
from pushserver.web.services import Services
from pushserver.workers.webhooks.body_room import BodyRoom
from pushserver.workers.webhooks.sender import WebhookSender
from pushserver.workers.webhooks.supervisor import WebhookSupervisor
from pushserver.workers.webhooks.throttle import Throttle
from pushserver.workers.webhooks.worker import WebhookWorker
from tests.clock import ManualClock
from tests.model.factories import DEVICE
from tests.storage.locations import failing_commits
from tests.storage.subscriptions import emit_events
from tests.workers.webhooks.receiver import ReceivedRequest, Responder, ScriptedReceiver

PENDING, DEAD = WebhookState.PENDING, WebhookState.DEAD
DONE = WebhookState.DELIVERED


@attrs.frozen
class WebhookDriver:
    """Everything between an event and its receiver; nothing runs by itself."""

    services: Services
    clock: ManualClock
    sender: WebhookSender
    body_room: BodyRoom = attrs.field(factory=BodyRoom)

    async def subscribe(
        self, receiver: ScriptedReceiver, **settings: Any
    ) -> WebhookWorker:
        """Subscribe a receiver to everything, and return its worker."""
        subscription = await self.services.subscriptions.create(
            DEFAULT_SCOPE_ID,
            url=receiver.url,
            events=settings.pop("events", frozenset(EventType)),
            format_=WebhookFormat.NATIVE,
            settings={"app_id": "1", **settings},
        )
        return self.make_worker(subscription)

    def make_worker(self, subscription: Subscription) -> WebhookWorker:
        """Return a worker that is notified of events, as the supervisor makes it."""
        services = self.services
        worker = WebhookWorker(
            metrics=WebhookMetrics(),
            subscription=subscription,
            subscriptions=services.subscription_registry,
            store=services.store.subscriptions,
            renderer=EventRenderer(
                services.store, services.devices, services.protocols
            ),
            sender=self.sender,
            clock=self.clock,
            throttle=Throttle(lambda: 0),
            body_room=self.body_room,
        )
        services.subscription_registry.workers[subscription.id] = worker
        return worker

    def make_supervisor(self) -> WebhookSupervisor:
        """Return a supervisor of running workers."""
        store = self.services.store
        return WebhookSupervisor(
            self.services.subscription_registry,
            self.make_worker,
            lambda: store.is_leader,
        )

    async def restarted_worker(self, worker: WebhookWorker) -> WebhookWorker:
        """Return the worker of the same subscription after a restart."""
        await self.services.subscription_registry.load()
        return self.make_worker(
            self.services.subscription_registry.get(
                DEFAULT_SCOPE_ID, worker.subscription.id
            )
        )

    async def emit_events(
        self, count: int = 1, device: int = DEVICE
    ) -> Sequence[Event]:
        """Emit events of a device."""
        return await emit_events(self.services.store, count, device=device)

    async def deliveries(
        self, worker: WebhookWorker, state: WebhookState | None = None
    ) -> list[WebhookDelivery]:
        """Return the deliveries, oldest event first."""
        rows = await self.services.store.subscriptions.deliveries(
            worker.subscription.id, state=state, before=None, limit=10_000
        )
        return [delivery for delivery, _ in reversed(rows)]

    async def only_delivery(self, worker: WebhookWorker) -> WebhookDelivery:
        """Return the outcome of the one event that was sent."""
        (delivery,) = await self.deliveries(worker)
        return delivery

    async def tick_until_due(self, worker: WebhookWorker) -> float:
        """Let time pass until the one event is due again; return how long (s)."""
        delivery = await self.only_delivery(worker)
        assert delivery.next_attempt_at is not None
        wait = (delivery.next_attempt_at - self.clock.now()) / SECOND
        self.clock.tick(wait)
        return wait

    def failing_commits(self) -> AbstractAsyncContextManager[None]:
        """Let every commit fail for the duration of the block."""
        return failing_commits(self.services.store)


@asynccontextmanager
async def running_webhooks(
    database: str, clock: ManualClock, sender: WebhookSender
) -> AsyncIterator[WebhookDriver]:
    """Run a driver over an empty store for the duration of the block."""
    settings = Settings(
        database=database,
        webhook_allow_http=True,
        webhook_allow_networks="127.0.0.0/8",
    )
    store = await open_store(settings, clock)
    try:
        yield WebhookDriver(build_services(settings, store, clock), clock, sender)
    finally:
        await store.close()


async def run_until_idle(worker: WebhookWorker) -> float:
    """Run a worker until there is nothing to do; return until when (seconds)."""
    for _ in range(1000):
        wait = await worker.run_once()
        if wait > 0:
            return wait
    raise AssertionError("the courier does not come to rest")


def webhook_ids(requests: Sequence[ReceivedRequest]) -> list[str]:
    """Return the `webhook-id` of each request."""
    return [each.headers["webhook-id"] for each in requests]


def message_ids(events: Sequence[Event], worker: WebhookWorker) -> list[str]:
    """Return the `webhook-id` that each of these events should have."""
    return [f"msg_{event.id}_{worker.subscription.id}" for event in events]


def answer_in_sequence(*statuses: int) -> Responder:
    """Return a responder that gives each of these in turn, and 200 from then on."""
    remaining = list(statuses)

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=remaining.pop(0) if remaining else 200)

    return answer


def answer_500_if(fails: Callable[[str], bool]) -> Responder:
    """Return a responder that gives 500 to some `webhook-id`s and 200 to the others."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        bad = fails(request.headers["webhook-id"])
        return web.Response(status=500 if bad else 200)

    return answer


async def never_answer(_: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def reset_connection(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
