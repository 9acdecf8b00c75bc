"""The calls of subscriptions, what was told to them, and the stream of events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import attrs

from pushserver.client.stream import Stream
from pushserver.client.wire import BASE, Answer, ApiError, Caller, Json, part, reaching


@attrs.define
class Subscribing(Caller):
    """Being told of events: posted to a URL, or read from a stream."""

    async def subscribe(self, url: str, events: Sequence[str], **fields: Any) -> Json:
        """Make a subscription; its secret is shown this once."""
        body = {"url": url, "events": list(events), **fields}
        return await self._json("POST", "/subscriptions", body=body)

    async def subscriptions(self) -> Json:
        """Return the subscriptions, oldest first."""
        return await self._json("GET", "/subscriptions")

    async def subscription(self, subscription_id: str) -> Json:
        """Return one subscription, and how it does."""
        return await self._json("GET", _of(subscription_id))

    async def change_subscription(self, subscription_id: str, **fields: Any) -> Json:
        """Change some of a subscription's fields; None takes a filter away."""
        return await self._json("PATCH", _of(subscription_id), body=fields)

    async def delete_subscription(self, subscription_id: str) -> None:
        """Forget a subscription and what it waits for."""
        await self._call("DELETE", _of(subscription_id))

    async def ping_subscription(self, subscription_id: str) -> Json:
        """Have a ping sent now, and return what the receiver said."""
        return await self._json("POST", _of(subscription_id, "/ping"))

    async def rotate_secret(self, subscription_id: str) -> Json:
        """Make a new secret; it is shown this once."""
        return await self._json("POST", _of(subscription_id, "/secret/rotate"))

    async def enable_subscription(self, subscription_id: str) -> Json:
        """Go on with a subscription where it stood."""
        return await self._json("POST", _of(subscription_id, "/enable"))

    async def disable_subscription(self, subscription_id: str) -> Json:
        """Have nothing more sent until it is enabled."""
        return await self._json("POST", _of(subscription_id, "/disable"))

    async def deliveries(self, subscription_id: str, **filters: Any) -> Json:
        """Return a page of what was told to a subscription, newest events first."""
        path = _of(subscription_id, "/deliveries")
        return await self._json("GET", path, params=filters)

    async def redeliver(self, subscription_id: str, delivery_id: str) -> Json:
        """Have one event sent again."""
        path = _of(subscription_id, f"/deliveries/{part(delivery_id)}/redeliver")
        return await self._json("POST", path)

    async def recover(self, subscription_id: str, since: str) -> Json:
        """Have everything sent again that was given up of events since an instant."""
        path = _of(subscription_id, "/recover")
        return await self._json("POST", path, body={"since": since})

    @asynccontextmanager
    async def events(
        self, *, last_event_id: str | None = None, **filters: Any
    ) -> AsyncIterator[Stream]:
        """
        Lend a stream of events: those after *last_event_id*, or from now on.

        Raises:
            ApiError: the server refuses.
            Unreachable: it cannot be reached.
        """
        last = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        path = f"{BASE}/events"
        with reaching(self.server):
            response = await self._open("GET", path, params=filters, headers=last)
        async with response:
            if response.status != HTTPStatus.OK:
                with reaching(self.server):
                    content = await response.read()
                refused = Answer(response.status, response.headers.copy(), content)
                raise ApiError(refused.status, refused.json())
            yield Stream(self.server, response.content.iter_any(), last_event_id)


def _of(subscription_id: str, more: str = "") -> str:
    return f"/subscriptions/{part(subscription_id)}{more}"
