"""Subscriptions over the API."""

from functools import partial
from typing import Any

from aiohttp import web
from msgspec import UNSET

from pushserver.errors import Forbidden
from pushserver.model.subscription import Format, Subscription
from pushserver.model.token import Permission
from pushserver.web.answer import respond
from pushserver.web.api.event_names import read_events
from pushserver.web.api.plans import read_device_id
from pushserver.web.api.route import Call, Route, answer
from pushserver.web.api.subscription_types import (
    LagOut,
    SubscriptionIn,
    SubscriptionOut,
    SubscriptionPatch,
    SubscriptionsOut,
)
from pushserver.web.api.subscription_views import subscription_out
from pushserver.web.around import note


async def make(call: Call[None, SubscriptionIn]) -> web.StreamResponse:
    """Make a subscription; its secret is shown here and never again."""
    wanted = call.body
    names = ("headers", "description", "resource_name", "app_id", "ordered")
    given = {name: getattr(wanted, name) for name in names}
    settings = {name: value for name, value in given.items() if value is not None}
    settings |= {"profile": wanted.retry_profile, **_filters(wanted)}
    settings["include_result"] = bool(wanted.include)
    _check_results(call, wanted.format, settings["include_result"])
    settings.setdefault("app_id", str(call.scope_id))
    subscription = await call.services.subscriptions.make(
        call.scope_id,
        url=wanted.url,
        events=read_events(wanted.events, wanted.format),
        format_=wanted.format,
        settings=settings,
    )
    note(call.request, subscription_id=subscription.id)
    shown = await _shown(call, subscription, subscription.secret)
    return answer(shown, status=201)


def _filters(wanted: SubscriptionIn | SubscriptionPatch) -> dict[str, Any]:
    """Return which devices are meant, as far as that is given."""
    filters: dict[str, Any] = {}
    if wanted.device_ids is not UNSET:
        ids = wanted.device_ids
        filters["device_ids"] = ids and frozenset(
            read_device_id(one, f"/deviceIds/{place}") for place, one in enumerate(ids)
        )
    if wanted.tags is not UNSET:
        filters["tags"] = wanted.tags
    return filters


def _check_results(call: Call[Any, Any], format_: Format, include: bool) -> None:
    """
    See that results are told only where somebody sends them who may read them.

    Raises:
        Forbidden: the token may not.
    """
    tells = include or format_ is not Format.NATIVE
    if tells and not call.token.may(Permission.RESULTS_READ):
        raise Forbidden("What tells results needs the permission results:read.")


async def list_subscriptions(call: Call[None, None]) -> web.StreamResponse:
    """List the scope's subscriptions, oldest first."""
    await call.services.subscriptions.look_up()
    found = call.services.subscriptions.of(call.scope_id)
    return answer(SubscriptionsOut([await _shown(call, each) for each in found]))


async def get(call: Call[None, None]) -> web.StreamResponse:
    """Show a subscription, and how it does."""
    await call.services.subscriptions.look_up()
    return answer(await _shown(call, named(call)))


def named(call: Call[Any, Any]) -> Subscription:
    """Return the subscription that the path names."""
    subscription_id = call.int64("subscription_id")
    note(call.request, subscription_id=subscription_id)
    return call.services.subscriptions.get(call.scope_id, subscription_id)


async def patch(call: Call[None, SubscriptionPatch]) -> web.StreamResponse:
    """Change a subscription."""
    wanted = call.body
    settings = _given(wanted) | _filters(wanted)
    if wanted.include is not UNSET:
        settings["include_result"] = bool(wanted.include)
    subscription = named(call)
    if wanted.events is not UNSET:
        settings["events"] = read_events(wanted.events, subscription.format)
    include = settings.get("include_result", subscription.include_result)
    _check_results(call, subscription.format, include)
    changed = await call.services.subscriptions.patch(
        call.scope_id, subscription.id, settings
    )
    return answer(await _shown(call, changed))


def _given(wanted: SubscriptionPatch) -> dict[str, Any]:
    """Return what is given and is stored as it is."""
    given = {
        "url": wanted.url,
        "ordered": wanted.ordered,
        "headers": wanted.headers,
        "description": wanted.description,
        "profile": wanted.retry_profile,
        "resource_name": wanted.resource_name,
        "app_id": wanted.app_id,
    }
    return {name: value for name, value in given.items() if value is not UNSET}


async def delete(call: Call[None, None]) -> web.StreamResponse:
    """Forget a subscription and what it waits for."""
    subscription = named(call)
    await call.services.subscriptions.delete(call.scope_id, subscription.id)
    return respond(status=204)


async def rotate(call: Call[None, None]) -> web.StreamResponse:
    """Give a subscription a new secret; the old one signs, too, for a day."""
    known = named(call)
    subscription = await call.services.subscriptions.rotate(call.scope_id, known.id)
    return answer(await _shown(call, subscription, subscription.secret))


async def switch(call: Call[None, None], *, on: bool) -> web.StreamResponse:
    """Enable or disable a subscription."""
    known = named(call)
    subscription = await call.services.subscriptions.switch(
        call.scope_id, known.id, on=on
    )
    return answer(await _shown(call, subscription))


async def _shown(
    call: Call[Any, Any], subscription: Subscription, secret: str | None = None
) -> SubscriptionOut:
    lag = await call.services.store.subscriptions.lag(subscription)
    backlog = LagOut(lag.pending, lag.dead, lag.unread, subscription.dropped)
    return subscription_out(subscription, backlog, secret)


ONE = "/subscriptions/{subscription_id}"
_to_read = partial(Route, method="GET", permission=Permission.SUBSCRIPTIONS_READ)
_to_write = partial(Route, method="POST", permission=Permission.SUBSCRIPTIONS_WRITE)
BODY = (400, 403, 404, 409, 413, 415, 422, 503)

ROUTES = (
    _to_write(
        path="/subscriptions",
        name="makeSubscription",
        summary="Have events posted to a URL; the secret is shown once",
        handler=make,
        body=SubscriptionIn,
        answer=SubscriptionOut,
        status=201,
        problems=BODY,
    ),
    _to_read(
        path="/subscriptions",
        name="listSubscriptions",
        summary="List the subscriptions, oldest first",
        handler=list_subscriptions,
        answer=SubscriptionsOut,
        problems=(503,),
    ),
    _to_read(
        path=ONE,
        name="getSubscription",
        summary="Show a subscription, and how it does",
        handler=get,
        answer=SubscriptionOut,
        problems=(404, 422, 503),
    ),
    _to_write(
        method="PATCH",
        path=ONE,
        name="changeSubscription",
        summary="Change a subscription",
        handler=patch,
        body=SubscriptionPatch,
        answer=SubscriptionOut,
        problems=BODY,
    ),
    _to_write(
        method="DELETE",
        path=ONE,
        name="deleteSubscription",
        summary="Forget a subscription and what it waits for",
        handler=delete,
        status=204,
        problems=(404, 422, 503),
    ),
    _to_write(
        path=ONE + "/secret/rotate",
        name="rotateSecret",
        summary="Give a subscription a new secret; the old one signs, too, for a day",
        handler=rotate,
        answer=SubscriptionOut,
        problems=(404, 422, 503),
    ),
    _to_write(
        path=ONE + "/enable",
        name="enableSubscription",
        summary="Go on with a subscription where it stood",
        handler=partial(switch, on=True),
        answer=SubscriptionOut,
        problems=(404, 422, 503),
    ),
    _to_write(
        path=ONE + "/disable",
        name="disableSubscription",
        summary="Send nothing more until it is enabled",
        handler=partial(switch, on=False),
        answer=SubscriptionOut,
        problems=(404, 422, 503),
    ),
)
