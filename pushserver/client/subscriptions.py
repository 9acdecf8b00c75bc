"""The calls of subscriptions, their deliveries, and the stream of events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import attrs

from pushserver.client.event_stream import EventStream
from pushserver.client.transport import (
    BASE,
    ApiError,
    ApiResponse,
    BaseClient,
    Json,
    translate_network_errors,
)


@attrs.define
class SubscriptionCalls(BaseClient):
    """Events: posted to a URL, or read from a stream."""

    async def create_subscription(
        self, url: str, events: Sequence[str], **fields: Any
    ) -> Json:
        """Make a subscription; its secret is shown this once."""
        body = {"url": url, "events": list(events), **fields}
        return await self._call("POST", "subscriptions", body=body)

    async def subscriptions(self) -> Json:
        """Return the subscriptions, oldest first."""
        return await self._call("GET", "subscriptions")

    async def subscription(self, subscription_id: str) -> Json:
        """Return one subscription, and how it does."""
        return await self._call("GET", "subscriptions", subscription_id)

    async def update_subscription(self, subscription_id: str, **fields: Any) -> Json:
        """Change some of a subscription's fields; None takes a filter away."""
        return await self._call("PATCH", "subscriptions", subscription_id, body=fields)

    async def delete_subscription(self, subscription_id: str) -> None:
        """Forget a subscription and what it waits for."""
        await self._request("DELETE", "subscriptions", subscription_id)

    async def ping_subscription(self, subscription_id: str) -> Json:
        """Have a ping sent now, and return what the receiver said."""
        return await self._call("POST", "subscriptions", subscription_id, "ping")

    async def rotate_secret(self, subscription_id: str) -> Json:
        """Make a new secret; it is shown this once."""
        return await self._call(
            "POST", "subscriptions", subscription_id, "secret", "rotate"
        )

    async def enable_subscription(self, subscription_id: str) -> Json:
        """Go on with a subscription where it stood."""
        return await self._call("POST", "subscriptions", subscription_id, "enable")

    async def disable_subscription(self, subscription_id: str) -> Json:
        """Have nothing more sent until it is enabled."""
        return await self._call("POST", "subscriptions", subscription_id, "disable")

    async def deliveries(self, subscription_id: str, **filters: Any) -> Json:
        """Return a page of a subscription's deliveries, newest events first."""
        return await self._call(
            "GET", "subscriptions", subscription_id, "deliveries", params=filters
        )

    async def redeliver(self, subscription_id: str, delivery_id: str) -> Json:
        """Have one event sent again."""
        path = "subscriptions", subscription_id, "deliveries", delivery_id, "redeliver"
        return await self._call("POST", *path)

    async def recover(self, subscription_id: str, since: str) -> Json:
        """Have everything sent again that was given up of events since an instant."""
        return await self._call(
            "POST", "subscriptions", subscription_id, "recover", body={"since": since}
        )

    @asynccontextmanager
    async def stream_events(
        self, *, last_event_id: str | None = None, **filters: Any
    ) -> AsyncIterator[EventStream]:
        """
        Open a stream of events: those after *last_event_id*, or from now on.

        Raises:
            ApiError: the server refuses.
            Unreachable: it cannot be reached.
        """
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        path = f"{BASE}/events"
        with translate_network_errors(self.server):
            response = await self._start_request(
                "GET", path, params=filters, headers=headers
            )
        async with response:
            if response.status != HTTPStatus.OK:
                with translate_network_errors(self.server):
                    content = await response.read()
                error_answer = ApiResponse(
                    response.status, response.headers.copy(), content
                )
                raise ApiError(error_answer.status, error_answer.json())
            yield EventStream(self.server, response.content.iter_any(), last_event_id)
