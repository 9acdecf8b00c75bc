"""Subscriptions over the API."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from msgspec import UNSET

from pushserver.model.subscription import READABLE, Subscription, what_token_reads
from pushserver.model.tag_filter import TagFilter
from pushserver.model.token import Permission
from pushserver.services.result_permission import require_results_read
from pushserver.services.token_reach import narrow_subscription, reaches_subscription
from pushserver.web.api.call import ApiCall
from pushserver.web.api.device_fields import parse_device_ids
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.label_size import refuse_long_labels
from pushserver.web.api.once import Idempotency
from pushserver.web.api.responses import json_response
from pushserver.web.api.routes import Routes
from pushserver.web.api.subscription_types import (
    BacklogOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionsOut,
)
from pushserver.web.api.subscription_views import subscription_out
from pushserver.web.api.tags import Tag
from pushserver.web.response import make_response

routes = Routes(
    Tag.SUBSCRIPTIONS, Permission.SUBSCRIPTIONS_READ, Permission.SUBSCRIPTIONS_WRITE
)
SUBSCRIPTION_PATH = "/subscriptions/{subscription_id}"
#: The fields that are stored as they are given.
_PLAIN_FIELDS = ("headers", "description", "resource_name", "app_id", "ordered")


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
    body = call.body
    given = {name: getattr(body, name) for name in _PLAIN_FIELDS}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"profile": body.retry_profile, **_device_filters(call, body)}
    settings = narrow_subscription(call.token, settings)
    settings["include_result"] = bool(body.include)
    settings["may_read"] = what_token_reads(call.token)
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
        actor=call.actor,
    )
    call.log_fields["subscription_id"] = subscription.id
    return await _response(call, subscription, subscription.secret, status=201)


async def _response(
    call: ApiCall[Any, Any],
    subscription: Subscription,
    secret: str | None = None,
    *,
    status: int = 200,
) -> web.StreamResponse:
    body = await _load_subscription_out(call, subscription, secret)
    return json_response(body, status=status)


async def _load_subscription_out(
    call: ApiCall[Any, Any], subscription: Subscription, secret: str | None = None
) -> SubscriptionOut:
    lag = await call.services.store.subscriptions.lag(subscription)
    backlog = BacklogOut(lag.pending, lag.dead, lag.unprocessed, subscription.dropped)
    return subscription_out(call.services.protocols, subscription, backlog, secret)


def _device_filters(
    call: ApiCall[Any, Any], body: SubscriptionIn | SubscriptionPatch
) -> dict[str, Any]:
    """Return which devices are meant, as far as that is given."""
    filters: dict[str, Any] = {}
    if body.device_ids is not UNSET:
        ids = body.device_ids
        filters["device_ids"] = parse_device_ids(call, ids)
    if body.tags is not UNSET:
        filters["tags"] = body.tags and _tag_filter(body.tags)
    return filters


def _tag_filter(tags: Mapping[str, str | list[str]]) -> TagFilter:
    """
    Return which values of each key are meant.

    Raises:
        Invalid: they are too long.
    """
    refuse_long_labels({key: "".join(given) for key, given in tags.items()}, "/tags")
    return {
        key: frozenset([given] if isinstance(given, str) else given)
        for key, given in tags.items()
    }


@routes(
    "GET", "/subscriptions", "listSubscriptions", SubscriptionsOut, limits_itself=True
)
async def list_subscriptions(call: ApiCall[None, None]) -> web.StreamResponse:
    """List the subscriptions, oldest first."""
    await call.services.subscription_registry.refresh_follower()
    subscriptions = call.services.subscription_registry.in_scope(call.scope_id)
    return json_response(
        SubscriptionsOut(
            [
                await _load_subscription_out(call, each)
                for each in subscriptions
                if reaches_subscription(call.token, each)
            ]
        )
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
    body = call.body
    settings = _changed_fields(body)
    if body.include is not UNSET:
        settings["include_result"] = bool(body.include)
    subscription = subscription_from_path(call)
    settings |= _narrowed_filters(call, body, subscription)
    if body.events is not UNSET:
        settings["events"] = parse_event_names(body.events, subscription.format)
    include_result = settings.get("include_result", subscription.include_result)
    require_results_read(call.token, subscription.format, include_result=include_result)
    settings |= _narrowed_reading(call, subscription)
    changed = await call.services.subscriptions.patch(
        call.scope_id, subscription.id, settings, call.actor
    )
    return await _response(call, changed)


def _narrowed_filters(
    call: ApiCall[Any, Any], body: SubscriptionPatch, subscription: Subscription
) -> dict[str, Any]:
    """Return the filters that are given, narrowed to what the token reaches."""
    given = _device_filters(call, body)
    before = {"device_ids": subscription.device_ids, "tags": subscription.tags}
    narrowed = narrow_subscription(call.token, before | given)
    return {name: narrowed[name] for name in given}


def _narrowed_reading(
    call: ApiCall[Any, Any], subscription: Subscription
) -> dict[str, Any]:
    """Return what is sent from now on: what the caller may read, too."""
    readable = what_token_reads(call.token)
    if all(
        permission in readable or not subscription.shows(permission)
        for permission in READABLE
    ):
        return {}
    return {"may_read": frozenset(filter(subscription.shows, readable))}


def _changed_fields(body: SubscriptionPatch) -> dict[str, Any]:
    """Return what is given and is stored as it is."""
    given = {name: getattr(body, name) for name in ("url", *_PLAIN_FIELDS)}
    given["profile"] = body.retry_profile
    return {name: value for name, value in given.items() if value is not UNSET}


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
