"""What was told to a subscription, over the API: to be seen, and to be sent again."""

from functools import partial

from aiohttp import web

from pushserver.clock import from_datetime
from pushserver.model.ids import parse_int64
from pushserver.model.token import Permission
from pushserver.web.api.route import (
    ApiCall,
    ApiRoute,
    cap_limit,
    json_response,
    next_link,
)
from pushserver.web.api.subscription_types import (
    PingOut,
    RecoverIn,
    RecoverOut,
    WebhookDeliveriesOut,
    WebhookDeliveriesQuery,
    WebhookDeliveryOut,
)
from pushserver.web.api.subscription_views import attempt_out, webhook_delivery_out
from pushserver.web.api.subscriptions import (
    BODY_ERROR_STATUSES,
    SUBSCRIPTION_PATH,
    subscription_from_path,
)


async def ping(call: ApiCall[None, None]) -> web.StreamResponse:
    """Send a ping now, and tell what the receiver said."""
    subscription = subscription_from_path(call)
    ping_result = await call.services.subscriptions.ping(call.scope_id, subscription.id)
    return json_response(
        PingOut(ok=ping_result.ok, attempt=attempt_out(ping_result.attempt))
    )


async def list_webhook_deliveries(
    call: ApiCall[WebhookDeliveriesQuery, None],
) -> web.StreamResponse:
    """List what was told to a subscription, with each try at it."""
    subscription, query = subscription_from_path(call), call.query
    limit, before = cap_limit(query.limit), None
    if query.cursor is not None:
        before = parse_int64(query.cursor, field_name="cursor", pointer="/cursor")
    deliveries = await call.services.store.subscriptions.deliveries(
        subscription.id, state=query.state, before=before, limit=limit + 1
    )
    page = WebhookDeliveriesOut(
        items=[webhook_delivery_out(*each) for each in deliveries[:limit]]
    )
    if len(deliveries) <= limit:
        return json_response(page)
    page.next_cursor = page.items[-1].id
    return json_response(page, headers=next_link(call.request, page.next_cursor))


async def redeliver(call: ApiCall[None, None]) -> web.StreamResponse:
    """Send one event again, as soon as can be."""
    subscription, event_id = (
        subscription_from_path(call),
        call.path_int64("delivery_id"),
    )
    delivery = await call.services.subscriptions.redeliver(
        call.scope_id, subscription.id, event_id
    )
    return json_response(webhook_delivery_out(delivery, None), status=202)


async def recover(call: ApiCall[None, RecoverIn]) -> web.StreamResponse:
    """Send everything again that was given up since a time."""
    subscription = subscription_from_path(call)
    recovered = await call.services.subscriptions.recover(
        call.scope_id, subscription.id, from_datetime(call.body.since)
    )
    return json_response(RecoverOut(recovered), status=202)


_read_route = partial(ApiRoute, method="GET", permission=Permission.SUBSCRIPTIONS_READ)
_write_route = partial(
    ApiRoute, method="POST", permission=Permission.SUBSCRIPTIONS_WRITE
)

ROUTES = (
    _write_route(
        path=SUBSCRIPTION_PATH + "/ping",
        name="pingSubscription",
        summary="Send a ping now, and tell what the receiver said",
        handler=ping,
        response_type=PingOut,
        error_statuses=(404, 422, 503),
    ),
    _read_route(
        path=SUBSCRIPTION_PATH + "/deliveries",
        name="listDeliveries",
        summary="List what was told to a subscription, with each try at it",
        handler=list_webhook_deliveries,
        query_type=WebhookDeliveriesQuery,
        response_type=WebhookDeliveriesOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=SUBSCRIPTION_PATH + "/deliveries/{delivery_id}/redeliver",
        name="redeliver",
        summary="Send one event again, as soon as can be",
        handler=redeliver,
        response_type=WebhookDeliveryOut,
        status=202,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=SUBSCRIPTION_PATH + "/recover",
        name="recoverSubscription",
        summary="Send everything again that was given up since a time",
        handler=recover,
        body_type=RecoverIn,
        response_type=RecoverOut,
        status=202,
        error_statuses=BODY_ERROR_STATUSES,
    ),
)
