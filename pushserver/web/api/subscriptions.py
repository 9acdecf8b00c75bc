"""Subscriptions over the API."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from msgspec import UNSET

from pushserver.model.subscription import Subscription
from pushserver.model.token import Permission
from pushserver.services.token_reach import reaches_subscription
from pushserver.storage.subscriptions import Lag
from pushserver.web.api.call import ApiCall
from pushserver.web.api.once import Idempotency
from pushserver.web.api.responses import json_response, whole_list_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.subscription_settings import (
    change_subscription,
    create_subscription,
)
from pushserver.web.api.subscription_types import (
    BacklogOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionsOut,
)
from pushserver.web.api.subscription_views import (
    subscription_out,
    without_what_others_read,
)
from pushserver.web.api.tags import Tag
from pushserver.web.response import make_response

routes = Routes(
    Tag.SUBSCRIPTIONS, Permission.SUBSCRIPTIONS_READ, Permission.SUBSCRIPTIONS_WRITE
)
SUBSCRIPTION_PATH = "/subscriptions/{subscription_id}"


@routes(
    "POST",
    "/subscriptions",
    "makeSubscription",
    SubscriptionOut,
    status=201,
    errors=(404, 409),
    idempotency=Idempotency.CLAIMED,
    limits_itself=True,
    example={
        "url": "https://receiver.example/events",
        "events": ["command.status"],
        "tags": {"site": ["north", "south"]},
    },
)
async def create(call: ApiCall[None, SubscriptionIn]) -> web.StreamResponse:
    """Have events posted to a URL; the secret is shown once."""
    subscription = await create_subscription(call, call.body)
    call.log_fields["subscription_id"] = subscription.id
    return await _response(
        call, subscription, subscription.secret, status=201, has_own_headers=True
    )


async def _response(
    call: ApiCall[Any, Any],
    subscription: Subscription,
    secret: str | None = None,
    *,
    status: int = 200,
    has_own_headers: bool = False,
) -> web.StreamResponse:
    lags = await call.services.store.subscriptions.lags([subscription])
    backlog = _backlog(subscription, lags)
    body = subscription_out(call.services.protocols, subscription, backlog, secret)
    shown = without_what_others_read(body, call.token, has_own_headers=has_own_headers)
    return json_response(shown, status=status)


def _backlog(subscription: Subscription, lags: Mapping[int, Lag]) -> BacklogOut:
    lag = lags[subscription.id]
    return BacklogOut(lag.pending, lag.dead, lag.unprocessed, subscription.dropped)


@routes(
    "GET", "/subscriptions", "listSubscriptions", SubscriptionsOut, limits_itself=True
)
async def list_subscriptions(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the subscriptions, oldest first."""
    await call.services.subscription_registry.refresh_follower()
    subscriptions = call.services.subscription_registry.in_scope(call.scope_id)
    shown = [each for each in subscriptions if reaches_subscription(call.token, each)]
    lags = await call.services.store.subscriptions.lags(shown)
    protocols = call.services.protocols
    return await whole_list_response(
        shown, lambda each: subscription_out(protocols, each, _backlog(each, lags))
    )


@routes("GET", SUBSCRIPTION_PATH, "getSubscription", SubscriptionOut)
async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show a subscription, and how its deliveries go."""
    await call.services.subscription_registry.refresh_follower()
    return await _response(call, subscription_from_path(call))


def subscription_from_path(call: ApiCall[Any, Any]) -> Subscription:
    """Return the subscription that the path names."""
    subscription_id = call.path_int64("subscription_id")
    call.log_fields["subscription_id"] = subscription_id
    return call.services.subscription_registry.get(call.scope_id, subscription_id)


@routes(
    "PATCH",
    SUBSCRIPTION_PATH,
    "changeSubscription",
    SubscriptionOut,
    errors=(409,),
    example={"events": ["command.status", "device.offline"], "tags": None},
)
async def patch(call: ApiCall[None, SubscriptionPatch]) -> web.StreamResponse:
    """Change a subscription."""
    subscription = subscription_from_path(call)
    changed = await change_subscription(call, subscription, call.body)
    has_own_headers = call.body.headers is not UNSET
    return await _response(call, changed, has_own_headers=has_own_headers)


@routes("DELETE", SUBSCRIPTION_PATH, "deleteSubscription", status=204)
async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Delete a subscription and its pending deliveries."""
    subscription = subscription_from_path(call)
    await call.services.subscriptions.delete(call.scope_id, subscription.id, call.actor)
    return make_response(status=204)


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/secret/rotate",
    "rotateSecret",
    SubscriptionOut,
    idempotency=Idempotency.CLAIMED,
)
async def rotate_secret(call: ApiCall[None, None]) -> web.StreamResponse:
    """Give a subscription a new secret; the old one signs, too, for a day."""
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.rotate_secret(
        call.scope_id, current.id, call.actor
    )
    return await _response(call, subscription, subscription.secret)


@routes("POST", SUBSCRIPTION_PATH + "/enable", "enableSubscription", SubscriptionOut)
async def enable(call: ApiCall[None, None]) -> web.StreamResponse:
    """Enable a subscription; it goes on where it stopped."""
    return await _set_enabled(call, enabled=True)


@routes("POST", SUBSCRIPTION_PATH + "/disable", "disableSubscription", SubscriptionOut)
async def disable(call: ApiCall[None, None]) -> web.StreamResponse:
    """Disable a subscription: nothing is sent until it is enabled."""
    return await _set_enabled(call, enabled=False)


async def _set_enabled(
    call: ApiCall[None, None], *, enabled: bool
) -> web.StreamResponse:
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.set_enabled(
        call.scope_id, current.id, call.actor, enabled=enabled
    )
    return await _response(call, subscription)
