"""Subscriptions over the API."""

from typing import Any

from aiohttp import web
from msgspec import UNSET

from pushserver.model.subscription import Subscription
from pushserver.model.token import Permission
from pushserver.services.result_permission import require_results_read
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.operation_parsing import parse_device_id
from pushserver.web.api.responses import json_response
from pushserver.web.api.route import ApiCall, Routes
from pushserver.web.api.subscription_types import (
    BacklogOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionsOut,
)
from pushserver.web.api.subscription_views import subscription_out
from pushserver.web.response import make_response

routes = Routes(Permission.SUBSCRIPTIONS_READ, Permission.SUBSCRIPTIONS_WRITE)
SUBSCRIPTION_PATH = "/subscriptions/{subscription_id}"


@routes(
    "POST",
    "/subscriptions",
    "makeSubscription",
    SubscriptionOut,
    status=201,
    errors=(404, 409),
)
async def create(call: ApiCall[None, SubscriptionIn]) -> web.StreamResponse:
    """Have events posted to a URL; the secret is shown once."""
    body = call.body
    names = ("headers", "description", "resource_name", "app_id", "ordered")
    given = {name: getattr(body, name) for name in names}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"profile": body.retry_profile, **_device_filters(body)}
    settings["include_result"] = bool(body.include)
    require_results_read(
        call.token, body.format, include_result=settings["include_result"]
    )
    settings.setdefault("app_id", str(call.scope_id))
    subscription = await call.services.subscriptions.create(
        call.scope_id,
        url=body.url,
        events=parse_event_names(body.events, body.format),
        format_=body.format,
        settings=settings,
    )
    call.log_fields["subscription_id"] = subscription.id
    subscription_body = await _load_subscription_out(
        call, subscription, subscription.secret
    )
    return json_response(subscription_body, status=201)


async def _load_subscription_out(
    call: ApiCall[Any, Any], subscription: Subscription, secret: str | None = None
) -> SubscriptionOut:
    lag = await call.services.store.subscriptions.lag(subscription)
    backlog = BacklogOut(lag.pending, lag.dead, lag.unprocessed, subscription.dropped)
    return subscription_out(subscription, backlog, secret)


def _device_filters(body: SubscriptionIn | SubscriptionPatch) -> dict[str, Any]:
    """Return which devices are meant, as far as that is given."""
    filters: dict[str, Any] = {}
    if body.device_ids is not UNSET:
        ids = body.device_ids
        filters["device_ids"] = ids and frozenset(
            parse_device_id(one, f"/deviceIds/{index}") for index, one in enumerate(ids)
        )
    if body.tags is not UNSET:
        filters["tags"] = body.tags
    return filters


@routes("GET", "/subscriptions", "listSubscriptions", SubscriptionsOut)
async def list_subscriptions(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the subscriptions, oldest first."""
    await call.services.subscriptions.refresh_follower()
    subscriptions = call.services.subscriptions.in_scope(call.scope_id)
    return json_response(
        SubscriptionsOut(
            [await _load_subscription_out(call, each) for each in subscriptions]
        )
    )


@routes("GET", SUBSCRIPTION_PATH, "getSubscription", SubscriptionOut, errors=(404,))
async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show a subscription, and how it does."""
    await call.services.subscriptions.refresh_follower()
    return json_response(
        await _load_subscription_out(call, subscription_from_path(call))
    )


def subscription_from_path(call: ApiCall[Any, Any]) -> Subscription:
    """Return the subscription that the path names."""
    subscription_id = call.path_int64("subscription_id")
    call.log_fields["subscription_id"] = subscription_id
    return call.services.subscriptions.get(call.scope_id, subscription_id)


@routes(
    "PATCH", SUBSCRIPTION_PATH, "changeSubscription", SubscriptionOut, errors=(404, 409)
)
async def patch(call: ApiCall[None, SubscriptionPatch]) -> web.StreamResponse:
    """Change a subscription."""
    body = call.body
    settings = _changed_fields(body) | _device_filters(body)
    if body.include is not UNSET:
        settings["include_result"] = bool(body.include)
    subscription = subscription_from_path(call)
    if body.events is not UNSET:
        settings["events"] = parse_event_names(body.events, subscription.format)
    include_result = settings.get("include_result", subscription.include_result)
    require_results_read(call.token, subscription.format, include_result=include_result)
    changed = await call.services.subscriptions.patch(
        call.scope_id, subscription.id, settings
    )
    return json_response(await _load_subscription_out(call, changed))


def _changed_fields(body: SubscriptionPatch) -> dict[str, Any]:
    """Return what is given and is stored as it is."""
    given = {
        "url": body.url,
        "ordered": body.ordered,
        "headers": body.headers,
        "description": body.description,
        "profile": body.retry_profile,
        "resource_name": body.resource_name,
        "app_id": body.app_id,
    }
    return {name: value for name, value in given.items() if value is not UNSET}


@routes("DELETE", SUBSCRIPTION_PATH, "deleteSubscription", status=204, errors=(404,))
async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Forget a subscription and what it waits for."""
    subscription = subscription_from_path(call)
    await call.services.subscriptions.delete(call.scope_id, subscription.id)
    return make_response(status=204)


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/secret/rotate",
    "rotateSecret",
    SubscriptionOut,
    errors=(404,),
)
async def rotate_secret(call: ApiCall[None, None]) -> web.StreamResponse:
    """Give a subscription a new secret; the old one signs, too, for a day."""
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.rotate_secret(
        call.scope_id, current.id
    )
    return json_response(
        await _load_subscription_out(call, subscription, subscription.secret)
    )


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/enable",
    "enableSubscription",
    SubscriptionOut,
    errors=(404,),
)
async def enable(call: ApiCall[None, None]) -> web.StreamResponse:
    """Go on with a subscription where it stood."""
    return await _set_enabled(call, enabled=True)


@routes(
    "POST",
    SUBSCRIPTION_PATH + "/disable",
    "disableSubscription",
    SubscriptionOut,
    errors=(404,),
)
async def disable(call: ApiCall[None, None]) -> web.StreamResponse:
    """Send nothing more until it is enabled."""
    return await _set_enabled(call, enabled=False)


async def _set_enabled(
    call: ApiCall[None, None], *, enabled: bool
) -> web.StreamResponse:
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.set_enabled(
        call.scope_id, current.id, enabled=enabled
    )
    return json_response(await _load_subscription_out(call, subscription))
