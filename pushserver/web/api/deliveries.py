"""What was told to a subscription, over the API: to be seen, and to be sent again."""

from functools import partial

from aiohttp import web

from pushserver.clock import from_datetime
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.web.api.route import Call, Route, answer, capped, next_link
from pushserver.web.api.subscription_types import (
    PingOut,
    RecoverIn,
    RecoverOut,
    WebhookOut,
    WebhooksOut,
    WebhooksQuery,
)
from pushserver.web.api.subscription_views import attempt_out, webhook_out
from pushserver.web.api.subscriptions import BODY, ONE, named


async def ping(call: Call[None, None]) -> web.StreamResponse:
    """Send a ping now, and tell what the receiver said."""
    subscription = named(call)
    said = await call.services.subscriptions.ping(call.scope_id, subscription.id)
    return answer(PingOut(ok=said.ok, attempt=attempt_out(said.attempt)))


async def list_deliveries(call: Call[WebhooksQuery, None]) -> web.StreamResponse:
    """List what was told to a subscription, with each try at it."""
    subscription, query = named(call), call.query
    limit, before = capped(query.limit), None
    if query.cursor is not None:
        before = parse_int64(query.cursor, what="cursor", pointer="/cursor")
    found = await call.services.store.subscriptions.deliveries(
        subscription.id, state=query.state, before=before, limit=limit + 1
    )
    page = WebhooksOut(items=[webhook_out(*each) for each in found[:limit]])
    if len(found) <= limit:
        return answer(page)
    page.next_cursor = page.items[-1].id
    return answer(page, headers=next_link(call.request, page.next_cursor))


async def redeliver(call: Call[None, None]) -> web.StreamResponse:
    """Send one event again, as soon as can be."""
    subscription, event_id = named(call), call.int64("delivery_id")
    delivery = await call.services.subscriptions.redeliver(
        call.scope_id, subscription.id, event_id
    )
    return answer(webhook_out(delivery, None), status=202)


async def recover(call: Call[None, RecoverIn]) -> web.StreamResponse:
    """Send everything again that was given up since a time."""
    subscription = named(call)
    found = await call.services.subscriptions.recover(
        call.scope_id, subscription.id, from_datetime(call.body.since)
    )
    return answer(RecoverOut(found), status=202)


_to_read = partial(Route, method="GET", permission=Permission.SUBSCRIPTIONS_READ)
_to_write = partial(Route, method="POST", permission=Permission.SUBSCRIPTIONS_WRITE)

ROUTES = (
    _to_write(
        path=ONE + "/ping",
        name="pingSubscription",
        summary="Send a ping now, and tell what the receiver said",
        handler=ping,
        answer=PingOut,
        problems=(404, 422, 503),
    ),
    _to_read(
        path=ONE + "/deliveries",
        name="listDeliveries",
        summary="List what was told to a subscription, with each try at it",
        handler=list_deliveries,
        query=WebhooksQuery,
        answer=WebhooksOut,
        problems=(404, 422, 503),
    ),
    _to_write(
        path=ONE + "/deliveries/{delivery_id}/redeliver",
        name="redeliver",
        summary="Send one event again, as soon as can be",
        handler=redeliver,
        answer=WebhookOut,
        status=202,
        problems=(404, 422, 503),
    ),
    _to_write(
        path=ONE + "/recover",
        name="recoverSubscription",
        summary="Send everything again that was given up since a time",
        handler=recover,
        body=RecoverIn,
        answer=RecoverOut,
        status=202,
        problems=BODY,
    ),
)
