"""Calls about subscriptions and their deliveries, and the stream of events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs

from pushserver.client.answers import Json
from pushserver.client.event_stream import EventStream
from pushserver.client.transport import Transport


@attrs.frozen
class SubscriptionCalls:
    """Create, change and delete subscriptions; read and repeat their deliveries."""

    _api: Transport

    async def create(self, url: str, events: Sequence[str], **fields: Any) -> Json:
        """Create a subscription; its secret is shown only this once."""
        body = {"url": url, "events": [*events], **fields}
        return await self._api.call("POST", "subscriptions", body=body)

    async def list(self) -> Json:
        """Return the subscriptions, oldest first."""
        return await self._api.call("GET", "subscriptions")

    async def get(self, subscription_id: str) -> Json:
        """Return one subscription and its health."""
        return await self._api.call("GET", "subscriptions", subscription_id)

    async def update(self, subscription_id: str, **fields: Any) -> Json:
        """Change some of a subscription's fields; None removes a filter."""
        path = ("subscriptions", subscription_id)
        return await self._api.call("PATCH", *path, body=fields)

    async def delete(self, subscription_id: str) -> None:
        """Delete a subscription and its pending deliveries."""
        await self._api.request("DELETE", "subscriptions", subscription_id)

    async def ping(self, subscription_id: str) -> Json:
        """Have a ping sent now; return how the receiver answered."""
        return await self._api.call("POST", "subscriptions", subscription_id, "ping")

    async def rotate_secret(self, subscription_id: str) -> Json:
        """Create a new secret; it is shown only this once."""
        path = ("subscriptions", subscription_id, "secret", "rotate")
        return await self._api.call("POST", *path)

    async def enable(self, subscription_id: str) -> Json:
        """Continue a subscription where it stopped."""
        return await self._api.call("POST", "subscriptions", subscription_id, "enable")

    async def disable(self, subscription_id: str) -> Json:
        """Deliver nothing more until the subscription is enabled."""
        return await self._api.call("POST", "subscriptions", subscription_id, "disable")

    async def deliveries(self, subscription_id: str, **filters: Any) -> Json:
        """Return a page of a subscription's deliveries, newest events first."""
        path = ("subscriptions", subscription_id, "deliveries")
        return await self._api.call("GET", *path, params=filters)

    async def redeliver(self, subscription_id: str, delivery_id: str) -> Json:
        """Deliver one event again."""
        path = ("subscriptions", subscription_id, "deliveries", delivery_id)
        return await self._api.call("POST", *path, "redeliver")

    async def recover(self, subscription_id: str, since: str) -> Json:
        """Deliver again all dead-lettered events since an instant."""
        path = ("subscriptions", subscription_id, "recover")
        return await self._api.call("POST", *path, body={"since": since})


@attrs.frozen
class EventCalls:
    """Read events as they happen."""

    _api: Transport

    @asynccontextmanager
    async def stream(
        self, *, last_event_id: str | None = None, **filters: Any
    ) -> AsyncIterator[EventStream]:
        """
        Open a stream of the events after *last_event_id*, or from now on.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached.
        """
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        async with self._api.open_stream(
            "events", params=filters, headers=headers
        ) as response:
            chunks = response.content.iter_any()
            yield EventStream(self._api.server, chunks, last_event_id)
