"""Subscriptions: the list of them, one with its deliveries, and making and changing."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from pushserver.errors import Conflict, Forbidden, Invalid, NotFound, PushServerError
from pushserver.model.event import EventType
from pushserver.model.retry_policy import RetryProfile
from pushserver.model.subscription import Subscription, WebhookFormat, WebhookState
from pushserver.model.token import Permission
from pushserver.services.token_reach import reaches_subscription
from pushserver.web.api.subscription_settings import (
    change_subscription,
    create_subscription,
)
from pushserver.web.api.subscription_types import SubscriptionIn, SubscriptionPatch
from pushserver.web.console.choices import chosen
from pushserver.web.console.form_fields import Wrong, decode_fields, typed_word
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.paging import cursor_before, cut_page
from pushserver.web.console.subscription_fields import (
    changed_fields,
    form_of,
    host_of,
    read_fields,
)
from pushserver.web.json_body import decode_json
from pushserver.web.problems import status_of

pages = Pages()
PAGE_SIZE = 50
ONE = "/subscriptions/{subscription_id}"
_READ, _WRITE = Permission.SUBSCRIPTIONS_READ, Permission.SUBSCRIPTIONS_WRITE
#: What a form shows beside its fields, where it was filled in wrong.
_REFUSED = (Invalid, Forbidden, Conflict, NotFound)


@pages.page("/subscriptions", _READ, limits_itself=True)
async def list_subscriptions(call: SignedInCall) -> web.StreamResponse:
    """Show the subscriptions, oldest first."""
    registry, store = call.services.subscription_registry, call.services.store
    await registry.refresh_follower()
    shown = [
        each
        for each in registry.in_scope(call.scope_id)
        if reaches_subscription(call.token, each)
    ]
    lags = await store.subscriptions.lags(shown)
    rows = [(each, lags[each.id]) for each in shown]
    return await call.render("subscriptions.html", rows=rows)


@pages.page("/subscriptions/new", _WRITE, limits_itself=True)
async def ask_for_new(call: SignedInCall) -> web.StreamResponse:
    """Show the form for a new subscription."""
    return await _form(call, {"retryProfile": RetryProfile.STANDARD})


async def _form(
    call: SignedInCall,
    values: Mapping[str, str],
    subscription: Subscription | None = None,
    error: PushServerError | None = None,
) -> web.Response:
    return await call.render(
        "subscription_form.html",
        status=200 if error is None else status_of(error),
        values=values,
        subscription=subscription,
        events=[*EventType],
        formats=[*WebhookFormat],
        profiles=[*RetryProfile],
        wrong=None if error is None else Wrong(error),
    )


@pages.form("/subscriptions", _WRITE, limits_itself=True, once=True)
async def create(call: SignedInCall) -> web.StreamResponse:
    """Have events posted to a URL; the secret is shown on this page alone."""
    try:
        fields = {**read_fields(call.form), "format": call.form.get("format") or None}
        body = decode_fields(fields, SubscriptionIn)
        subscription = await create_subscription(call, body)
    except _REFUSED as error:
        return await _form(call, call.form, error=error)
    return await _show_secret(call, subscription)


async def _show_secret(call: SignedInCall, subscription: Subscription) -> web.Response:
    return await call.render(
        "secret.html",
        name=subscription.url,
        secret=subscription.secret,
        path=f"/subscriptions/{subscription.id}",
    )


@pages.page(ONE, _READ)
async def show_subscription(call: SignedInCall) -> web.StreamResponse:
    """Show a subscription, and what was posted to it with each answer."""
    services, store = call.services, call.services.store.subscriptions
    await services.subscription_registry.refresh_follower()
    subscription = subscription_of(call)
    found = await store.deliveries(
        subscription.id,
        device_ids=await call.reach,
        state=chosen(call.query, "state", WebhookState),
        before=cursor_before(call),
        limit=PAGE_SIZE + 1,
    )
    shown, next_cursor = cut_page(found, PAGE_SIZE, lambda row: row[0].event_id)
    return await call.render(
        "subscription.html",
        subscription=subscription,
        lag=(await store.lags([subscription]))[subscription.id],
        host=typed_word(host_of(subscription)),
        rows=shown,
        webhook_states=[*WebhookState],
        shown_id=services.protocols.display_id,
        next_cursor=next_cursor,
    )


def subscription_of(call: SignedInCall) -> Subscription:
    """
    Return the subscription that the path names.

    Raises:
        NotFound: there is none.
    """
    registry = call.services.subscription_registry
    return registry.get(call.scope_id, call.path_int64("subscription_id"))


@pages.page(f"{ONE}/edit", _WRITE, _READ)
async def ask_for_changes(call: SignedInCall) -> web.StreamResponse:
    """Show the form that changes a subscription; it shows what it is now."""
    subscription = subscription_of(call)
    return await _form(
        call, form_of(call.services.protocols, subscription), subscription
    )


@pages.form(f"{ONE}/edit", _WRITE, _READ)
async def change(call: SignedInCall) -> web.StreamResponse:
    """Change what the form has otherwise; nothing else is written."""
    subscription = subscription_of(call)
    before = form_of(call.services.protocols, subscription)
    try:
        fields = changed_fields(before, call.form)
        body = decode_json(msgspec.json.encode(fields), SubscriptionPatch)
        if fields:
            await change_subscription(call, subscription, body)
    except _REFUSED as error:
        return await _form(call, call.form, subscription, error)
    return call.see_other(f"/subscriptions/{subscription.id}", "subscription_changed")


@pages.form(f"{ONE}/rotate", _WRITE, once=True)
async def rotate(call: SignedInCall) -> web.StreamResponse:
    """Give a subscription a new secret, which is shown on this page alone."""
    current = subscription_of(call)
    changed = await call.services.subscriptions.rotate_secret(
        call.scope_id, current.id, call.actor
    )
    return await _show_secret(call, changed)
