"""Calls about subscriptions and their deliveries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Unpack

import attrs

from pushserver.client.pages import iter_items

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pushserver.client.transport import Transport
    from pushserver.client.types import (
        EventSelector,
        ListDeliveriesQuery,
        Ping,
        Recover,
        Subscription,
        SubscriptionOptions,
        SubscriptionPatch,
        Subscriptions,
        WebhookDeliveries,
        WebhookDelivery,
    )


@attrs.frozen
class SubscriptionCalls:
    """Create, change and delete subscriptions; read and repeat their deliveries."""

    _api: Transport

    async def create(
        self,
        url: str,
        events: Sequence[EventSelector],
        *,
        idempotency_key: str | None = None,
        **options: Unpack[SubscriptionOptions],
    ) -> Subscription:
        """Create a subscription; its secret is shown only this once."""
        body = {"url": url, "events": [*events], **options}
        return await self._api.create(
            "subscriptions", body=body, idempotency_key=idempotency_key
        )

    async def list(self) -> Subscriptions:
        """Return the subscriptions, oldest first."""
        return await self._api.call("GET", "subscriptions")

    async def get(self, subscription_id: str) -> Subscription:
        """Return one subscription and its health."""
        return await self._api.call("GET", "subscriptions", subscription_id)

    async def update(
        self, subscription_id: str, **fields: Unpack[SubscriptionPatch]
    ) -> Subscription:
        """Change some of a subscription's fields; None removes a filter."""
        path = ("subscriptions", subscription_id)
        return await self._api.call("PATCH", *path, body=fields)

    async def delete(self, subscription_id: str) -> None:
        """Delete a subscription and its pending deliveries."""
        await self._api.request("DELETE", "subscriptions", subscription_id)

    async def ping(self, subscription_id: str) -> Ping:
        """Have a ping sent now; return how the receiver answered."""
        return await self._api.call("POST", "subscriptions", subscription_id, "ping")

    async def rotate_secret(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        """Create a new secret; it is shown only this once."""
        path = ("subscriptions", subscription_id, "secret", "rotate")
        return await self._api.create(*path, idempotency_key=idempotency_key)

    async def enable(self, subscription_id: str) -> Subscription:
        """Continue a subscription where it stopped."""
        return await self._api.call("POST", "subscriptions", subscription_id, "enable")

    async def disable(self, subscription_id: str) -> Subscription:
        """Deliver nothing more until the subscription is enabled."""
        return await self._api.call("POST", "subscriptions", subscription_id, "disable")

    async def deliveries(
        self, subscription_id: str, **query: Unpack[ListDeliveriesQuery]
    ) -> WebhookDeliveries:
        """Return a page of a subscription's deliveries, newest events first."""
        path = ("subscriptions", subscription_id, "deliveries")
        return await self._api.call("GET", *path, params=query)

    def iterate_deliveries(
        self, subscription_id: str, **query: Unpack[ListDeliveriesQuery]
    ) -> AsyncIterator[WebhookDelivery]:
        """Yield the deliveries of all pages, or `limit` of them, newest first."""
        return iter_items(partial(self.deliveries, subscription_id), **query)

    async def redeliver(
        self,
        subscription_id: str,
        delivery_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookDelivery:
        """Deliver one event again."""
        path = ("subscriptions", subscription_id, "deliveries", delivery_id)
        return await self._api.create(
            *path, "redeliver", idempotency_key=idempotency_key
        )

    async def recover(
        self, subscription_id: str, since: str, *, idempotency_key: str | None = None
    ) -> Recover:
        """Deliver again all dead-lettered events since an instant; count them."""
        return await self._api.create(
            *("subscriptions", subscription_id, "recover"),
            body={"since": since},
            idempotency_key=idempotency_key,
        )
