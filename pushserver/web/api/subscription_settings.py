"""What whoever asks may make of a subscription: its settings, narrowed to a token."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from pushserver.errors import Forbidden
from pushserver.model.labels import check_label_size
from pushserver.model.subscription import READABLE, Subscription, what_token_reads
from pushserver.model.tag_filter import TagFilter
from pushserver.model.token import Permission
from pushserver.services.result_permission import require_results_read
from pushserver.services.token_reach import narrow_subscription
from pushserver.web.api.authorized_call import AuthorizedCall
from pushserver.web.api.device_fields import parse_device_ids
from pushserver.web.api.event_names import parse_event_names
from pushserver.web.api.subscription_types import SubscriptionIn, SubscriptionPatch

#: The fields that are stored as they are given.
_PLAIN_FIELDS = ("headers", "description", "resource_name", "app_id", "ordered")


async def create_subscription(
    call: AuthorizedCall, body: SubscriptionIn
) -> Subscription:
    """
    Create a subscription that sends no more than the token may read.

    Raises:
        Invalid: a field is wrong; the pointer names it.
        Forbidden: the token may not read results, which it would send.
        Conflict: there is one that posts the same.
    """
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
    return await call.services.subscriptions.create(
        call.scope_id,
        url=body.url,
        events=parse_event_names(body.events, body.format),
        format_=body.format,
        settings=settings,
        actor=call.actor,
    )


async def change_subscription(
    call: AuthorizedCall, subscription: Subscription, body: SubscriptionPatch
) -> Subscription:
    """
    Change a subscription; it sends no more than the token may read.

    Raises:
        Invalid, Forbidden, Conflict: as `create_subscription`.
    """
    settings = _changed_fields(body)
    _refuse_moving_headers(call, subscription, settings)
    if body.include is not UNSET:
        settings["include_result"] = bool(body.include)
    settings |= _narrowed_filters(call, body, subscription)
    if body.events is not UNSET:
        settings["events"] = parse_event_names(body.events, subscription.format)
    include_result = settings.get("include_result", subscription.include_result)
    require_results_read(call.token, subscription.format, include_result=include_result)
    settings |= _narrowed_reading(call, subscription)
    return await call.services.subscriptions.patch(
        call.scope_id, subscription.id, settings, call.actor
    )


def _refuse_moving_headers(
    call: AuthorizedCall, subscription: Subscription, settings: Mapping[str, Any]
) -> None:
    """
    Check that headers are sent to no new URL by who may not read them.

    Raises:
        Forbidden: they would be.
    """
    is_moved = settings.get("url", subscription.url) != subscription.url
    if (
        is_moved
        and subscription.headers
        and "headers" not in settings
        and not call.token.has_permission(Permission.SUBSCRIPTIONS_READ)
    ):
        raise Forbidden(
            "This subscription has headers that your token may not read. Give headers"
            " with the new url, if only {}; or use a token with subscriptions:read."
        )


def _device_filters(
    call: AuthorizedCall, body: SubscriptionIn | SubscriptionPatch
) -> dict[str, Any]:
    """Return which devices are meant, as far as that is given."""
    filters: dict[str, Any] = {}
    if body.device_ids is not UNSET:
        ids = body.device_ids
        filters["device_ids"] = parse_device_ids(call.services.protocols, ids)
    if body.tags is not UNSET:
        filters["tags"] = body.tags and _tag_filter(body.tags)
    return filters


def _tag_filter(tags: Mapping[str, str | list[str]]) -> TagFilter:
    """
    Return which values of each key are meant.

    Raises:
        Invalid: they are too long.
    """
    check_label_size({key: "".join(given) for key, given in tags.items()}, "/tags")
    return {
        key: frozenset([given] if isinstance(given, str) else given)
        for key, given in tags.items()
    }


def _narrowed_filters(
    call: AuthorizedCall, body: SubscriptionPatch, subscription: Subscription
) -> dict[str, Any]:
    """Return the filters that are given, narrowed to what the token reaches."""
    given = _device_filters(call, body)
    before = {"device_ids": subscription.device_ids, "tags": subscription.tags}
    narrowed = narrow_subscription(call.token, before | given)
    return {name: narrowed[name] for name in given}


def _narrowed_reading(
    call: AuthorizedCall, subscription: Subscription
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
