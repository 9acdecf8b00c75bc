"""Subscriptions over the API."""

from functools import partial
from typing import Any

from aiohttp import web
from msgspec import UNSET

from pushserver.errors import Forbidden
from pushserver.model.subscription import Subscription, WebhookFormat
from pushserver.model.token import Permission
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.operation_parsing import parse_device_id
from pushserver.web.api.route import ApiCall, ApiRoute, json_response
from pushserver.web.api.subscription_types import (
    BacklogOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionsOut,
)
from pushserver.web.api.subscription_views import subscription_out
from pushserver.web.middleware import add_log_fields
from pushserver.web.response import make_response


async def create(call: ApiCall[None, SubscriptionIn]) -> web.StreamResponse:
    """Make a subscription; its secret is shown here and never again."""
    body = call.body
    names = ("headers", "description", "resource_name", "app_id", "ordered")
    given = {name: getattr(body, name) for name in names}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"profile": body.retry_profile, **_device_filters(body)}
    settings["include_result"] = bool(body.include)
    _require_results_read(call, body.format, settings["include_result"])
    settings.setdefault("app_id", str(call.scope_id))
    subscription = await call.services.subscriptions.create(
        call.scope_id,
        url=body.url,
        events=parse_event_names(body.events, body.format),
        format_=body.format,
        settings=settings,
    )
    add_log_fields(call.request, subscription_id=subscription.id)
    subscription_body = await _load_subscription_out(
        call, subscription, subscription.secret
    )
    return json_response(subscription_body, status=201)


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


def _require_results_read(
    call: ApiCall[Any, Any], format_: WebhookFormat, include_result: bool
) -> None:
    """
    See that results are told only where somebody sends them who may read them.

    Raises:
        Forbidden: the token may not.
    """
    sends_results = include_result or format_ is not WebhookFormat.NATIVE
    if sends_results and not call.token.has_permission(Permission.RESULTS_READ):
        raise Forbidden("What tells results needs the permission results:read.")


async def list_subscriptions(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the scope's subscriptions, oldest first."""
    await call.services.subscriptions.refresh_follower()
    subscriptions = call.services.subscriptions.in_scope(call.scope_id)
    return json_response(
        SubscriptionsOut(
            [await _load_subscription_out(call, each) for each in subscriptions]
        )
    )


async def get(call: ApiCall[None, None]) -> web.StreamResponse:
    """Show a subscription, and how it does."""
    await call.services.subscriptions.refresh_follower()
    return json_response(
        await _load_subscription_out(call, subscription_from_path(call))
    )


def subscription_from_path(call: ApiCall[Any, Any]) -> Subscription:
    """Return the subscription that the path names."""
    subscription_id = call.path_int64("subscription_id")
    add_log_fields(call.request, subscription_id=subscription_id)
    return call.services.subscriptions.get(call.scope_id, subscription_id)


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
    _require_results_read(call, subscription.format, include_result)
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


async def delete(call: ApiCall[None, None]) -> web.StreamResponse:
    """Forget a subscription and what it waits for."""
    subscription = subscription_from_path(call)
    await call.services.subscriptions.delete(call.scope_id, subscription.id)
    return make_response(status=204)


async def rotate_secret(call: ApiCall[None, None]) -> web.StreamResponse:
    """Give a subscription a new secret; the old one signs, too, for a day."""
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.rotate_secret(
        call.scope_id, current.id
    )
    return json_response(
        await _load_subscription_out(call, subscription, subscription.secret)
    )


async def set_enabled(
    call: ApiCall[None, None], *, enabled: bool
) -> web.StreamResponse:
    """Enable or disable a subscription."""
    current = subscription_from_path(call)
    subscription = await call.services.subscriptions.set_enabled(
        call.scope_id, current.id, enabled=enabled
    )
    return json_response(await _load_subscription_out(call, subscription))


async def _load_subscription_out(
    call: ApiCall[Any, Any], subscription: Subscription, secret: str | None = None
) -> SubscriptionOut:
    lag = await call.services.store.subscriptions.lag(subscription)
    backlog = BacklogOut(lag.pending, lag.dead, lag.unprocessed, subscription.dropped)
    return subscription_out(subscription, backlog, secret)


SUBSCRIPTION_PATH = "/subscriptions/{subscription_id}"
_read_route = partial(ApiRoute, method="GET", permission=Permission.SUBSCRIPTIONS_READ)
_write_route = partial(
    ApiRoute, method="POST", permission=Permission.SUBSCRIPTIONS_WRITE
)
BODY_ERROR_STATUSES = (400, 403, 404, 409, 413, 415, 422, 503)

ROUTES = (
    _write_route(
        path="/subscriptions",
        name="makeSubscription",
        summary="Have events posted to a URL; the secret is shown once",
        handler=create,
        body_type=SubscriptionIn,
        response_type=SubscriptionOut,
        status=201,
        error_statuses=BODY_ERROR_STATUSES,
    ),
    _read_route(
        path="/subscriptions",
        name="listSubscriptions",
        summary="List the subscriptions, oldest first",
        handler=list_subscriptions,
        response_type=SubscriptionsOut,
        error_statuses=(503,),
    ),
    _read_route(
        path=SUBSCRIPTION_PATH,
        name="getSubscription",
        summary="Show a subscription, and how it does",
        handler=get,
        response_type=SubscriptionOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        method="PATCH",
        path=SUBSCRIPTION_PATH,
        name="changeSubscription",
        summary="Change a subscription",
        handler=patch,
        body_type=SubscriptionPatch,
        response_type=SubscriptionOut,
        error_statuses=BODY_ERROR_STATUSES,
    ),
    _write_route(
        method="DELETE",
        path=SUBSCRIPTION_PATH,
        name="deleteSubscription",
        summary="Forget a subscription and what it waits for",
        handler=delete,
        status=204,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=SUBSCRIPTION_PATH + "/secret/rotate",
        name="rotateSecret",
        summary="Give a subscription a new secret; the old one signs, too, for a day",
        handler=rotate_secret,
        response_type=SubscriptionOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=SUBSCRIPTION_PATH + "/enable",
        name="enableSubscription",
        summary="Go on with a subscription where it stood",
        handler=partial(set_enabled, enabled=True),
        response_type=SubscriptionOut,
        error_statuses=(404, 422, 503),
    ),
    _write_route(
        path=SUBSCRIPTION_PATH + "/disable",
        name="disableSubscription",
        summary="Send nothing more until it is enabled",
        handler=partial(set_enabled, enabled=False),
        response_type=SubscriptionOut,
        error_statuses=(404, 422, 503),
    ),
)
