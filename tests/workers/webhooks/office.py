"""The outbox and its couriers over a store in a folder, in short words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

from pushserver.clock import SECOND
from pushserver.composition import build_services, open_store
from pushserver.model.event import Event, EventType
from pushserver.model.scope import FIRST_SCOPE
from pushserver.model.subscription import (
    DeliveryState,
    Format,
    Subscription,
    WebhookDelivery,
)
from pushserver.services.telling import Telling
from pushserver.settings import Settings
from pushserver.web.services import Services
from pushserver.workers.webhooks.courier import Courier
from pushserver.workers.webhooks.dispatcher import Dispatcher
from pushserver.workers.webhooks.pace import Pace
from pushserver.workers.webhooks.sender import Sender
from tests.clock import ManualClock
from tests.model.values import DEVICE
from tests.storage.outbox import happen
from tests.storage.places import away
from tests.workers.webhooks.receiver import Answer, Receiver, Request

PENDING, DEAD = DeliveryState.PENDING, DeliveryState.DEAD
DONE = DeliveryState.DELIVERED


@attrs.frozen
class Office:
    """Everything between an event and its receiver; nothing runs by itself."""

    services: Services
    clock: ManualClock
    sender: Sender

    async def subscribe(self, receiver: Receiver, **settings: Any) -> Courier:
        """Subscribe a receiver to everything, and return its courier."""
        one = await self.services.subscriptions.make(
            FIRST_SCOPE,
            url=receiver.url,
            events=settings.pop("events", frozenset(EventType)),
            format_=Format.NATIVE,
            settings={"app_id": "1", **settings},
        )
        return self.courier(one)

    def courier(self, subscription: Subscription) -> Courier:
        """Return a courier, as the program makes it."""
        services = self.services
        return Courier(
            subscription=subscription,
            subscriptions=services.subscriptions,
            store=services.store.subscriptions,
            telling=Telling(services.store, services.fleet),
            sender=self.sender,
            clock=self.clock,
            pace=Pace(lambda: 0),
        )

    def dispatcher(self) -> Dispatcher:
        """Return who has couriers at work."""
        store = self.services.store
        return Dispatcher(
            self.services.subscriptions, self.courier, lambda: store.leads
        )

    async def again(self, before: Courier) -> Courier:
        """Return the courier of the same subscription after a restart."""
        await self.services.subscriptions.load()
        return self.courier(
            self.services.subscriptions.get(FIRST_SCOPE, before.subscription.id)
        )

    async def happen(self, count: int = 1, device: int = DEVICE) -> Sequence[Event]:
        """Let something happen to a device."""
        return await happen(self.services.store, count, device=device)

    async def deliveries(
        self, courier: Courier, state: DeliveryState | None = None
    ) -> list[WebhookDelivery]:
        """Return what became of events, the oldest first."""
        found = await self.services.store.subscriptions.deliveries(
            courier.subscription.id, state=state, before=None, limit=10_000
        )
        return [delivery for delivery, _ in reversed(found)]

    async def only(self, courier: Courier) -> WebhookDelivery:
        """Return what became of the one event that was told."""
        (found,) = await self.deliveries(courier)
        return found

    async def until_due(self, courier: Courier) -> float:
        """Let time pass until the one event is due again; return how long (s)."""
        found = await self.only(courier)
        assert found.next_at is not None
        wait = (found.next_at - self.clock.now()) / SECOND
        self.clock.tick(wait)
        return wait

    def store_away(self) -> AbstractAsyncContextManager[None]:
        """Let every commit fail for the length of the block."""
        return away(self.services.store)


@asynccontextmanager
async def working(
    database: str, clock: ManualClock, sender: Sender
) -> AsyncIterator[Office]:
    """Have an office over an empty store for the length of the block."""
    settings = Settings(
        database=database,
        webhook_allow_http=True,
        webhook_allow_networks="127.0.0.0/8",
    )
    store = await open_store(settings, clock)
    try:
        yield Office(build_services(settings, store, clock), clock, sender)
    finally:
        await store.close()


async def rounds(courier: Courier) -> float:
    """Let a courier go until there is nothing to do; return until when (seconds)."""
    for _ in range(1000):
        wait = await courier.round()
        if wait > 0:
            return wait
    raise AssertionError("the courier does not come to rest")


def ids(requests: Sequence[Request]) -> list[str]:
    """Return the `webhook-id` of each request."""
    return [each.headers["webhook-id"] for each in requests]


def message_ids(events: Sequence[Event], courier: Courier) -> list[str]:
    """Return the `webhook-id` that each of these events should have."""
    return [f"msg_{event.id}_{courier.subscription.id}" for event in events]


def by_turns(*statuses: int) -> Answer:
    """Return what answers with each of these in turn, and with 200 from then on."""
    left = list(statuses)

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=left.pop(0) if left else 200)

    return answer


def failing_if(fails: Callable[[str], bool]) -> Answer:
    """Return what answers 500 to some `webhook-id`s and 200 to the others."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        bad = fails(request.headers["webhook-id"])
        return web.Response(status=500 if bad else 200)

    return answer


async def hang(_: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection off instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
