"""Deliveries to subscriptions over the API: listed, and sent again."""

from functools import partial

from aiohttp import web

from pushserver.model.token import Permission
from pushserver.web.api.call import ApiCall
from pushserver.web.api.command_parsing import parse_instant
from pushserver.web.api.once import Idempotency
from pushserver.web.api.responses import json_response, list_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.subscription_views import attempt_out, webhook_delivery_out
from pushserver.web.api.subscriptions import (
    SUBSCRIPTION_PATH,
    subscription_from_path,
)
from pushserver.web.api.tags import Tag
from pushserver.web.api.webhook_delivery_types import (
    PingOut,
    RecoverIn,
    RecoverOut,
    WebhookDeliveriesOut,
    WebhookDeliveriesQuery,
    WebhookDeliveryOut,
)

routes = Routes(
    Tag.SUBSCRIPTIONS, Permission.SUBSCRIPTIONS_READ, Permission.SUBSCRIPTIONS_WRITE
)


@routes("POST", SUBSCRIPTION_PATH + "/ping", "pingSubscription", PingOut)
async def ping(call: ApiCall[None, None]) -> web.StreamResponse:
    """Send a ping now, and return how the receiver answered."""
    subscription = subscription_from_path(call)
    ping_result = await call.services.webhook_deliveries.ping(
        call.scope_id, subscription.id, call.actor
    )
    return json_response(
        PingOut(ok=ping_result.ok, attempt=attempt_out(ping_result.attempt, call.token))
    )


@routes(
    "GET", SUBSCRIPTION_PATH + "/deliveries", "listDeliveries", WebhookDeliveriesOut
)
async def list_webhook_deliveries(
    call: ApiCall[WebhookDeliveriesQuery, None],
) -> web.StreamResponse:
    """List the deliveries to a subscription, with each attempt."""
    subscription, state = subscription_from_path(call), call.query.state
    device_ids = await call.services.token_reach.device_ids(call.token)
    deliveries = call.services.store.subscriptions.deliveries
    return await list_response(
        call,
        WebhookDeliveriesOut,
        partial(deliveries, subscription.id, state=state, device_ids=device_ids),
        lambda row: webhook_delivery_out(call.services.protocols, *row, call.token),
    )


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/deliveries/{delivery_id}/redeliver",
    "redeliver",
    WebhookDeliveryOut,
    status=202,
    errors=(409,),
    idempotency=Idempotency.CLAIMED,
)
async def redeliver(call: ApiCall[None, None]) -> web.StreamResponse:
    """Send one event again, as soon as possible."""
    subscription, event_id = (
        subscription_from_path(call),
        call.path_int64("delivery_id"),
    )
    delivery = await call.services.webhook_deliveries.redeliver(
        call.scope_id, subscription.id, event_id, call.actor
    )
    return json_response(
        webhook_delivery_out(call.services.protocols, delivery, None, call.token),
        status=202,
    )


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/recover",
    "recoverSubscription",
    RecoverOut,
    status=202,
    errors=(409,),
    idempotency=Idempotency.CLAIMED,
    example={"since": "2025-01-31T00:00:00Z"},
)
async def recover(call: ApiCall[None, RecoverIn]) -> web.StreamResponse:
    """Send all deliveries again that were given up since an instant."""
    subscription = subscription_from_path(call)
    since = parse_instant(call.body.since, "/since")
    recovered = await call.services.webhook_deliveries.recover(
        call.scope_id,
        subscription.id,
        since,
        call.actor,
        device_ids=await call.services.token_reach.device_ids(call.token),
    )
    return json_response(RecoverOut(recovered), status=202)
