"""What is done with a subscription: switched, tried, caught up, deleted."""

from functools import partial

import attrs
from aiohttp import web

from pushserver.clock import SECOND
from pushserver.model.token import Permission
from pushserver.web.api.subscription_views import shown_attempt
from pushserver.web.console.form_fields import require_typed
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.console.subscription_fields import host_of
from pushserver.web.console.subscriptions import ONE, subscription_of

pages = Pages()
_WRITE = Permission.SUBSCRIPTIONS_WRITE
_HOUR = 3600 * SECOND
#: How far back deliveries are sent again at most, in hours: so long they are kept.
MAX_HOURS = 24 * 30


async def _switch(call: SignedInCall, *, enabled: bool) -> web.StreamResponse:
    current = subscription_of(call)
    await call.services.subscriptions.set_enabled(
        call.scope_id, current.id, call.actor, enabled=enabled
    )
    said = "subscription_enabled" if enabled else "subscription_disabled"
    return call.see_other(f"/subscriptions/{current.id}", said)


pages.form(f"{ONE}/enable", _WRITE)(partial(_switch, enabled=True))
pages.form(f"{ONE}/disable", _WRITE)(partial(_switch, enabled=False))


@pages.form(f"{ONE}/ping", _WRITE)
async def ping(call: SignedInCall) -> web.StreamResponse:
    """Send a ping now, and show how the receiver answered."""
    subscription = subscription_of(call)
    result = await call.services.webhook_deliveries.ping(
        call.scope_id, subscription.id, call.actor
    )
    shown = attrs.evolve(result, attempt=shown_attempt(result.attempt, call.token))
    return await call.render("ping.html", subscription=subscription, result=shown)


@pages.form(f"{ONE}/deliveries/{{delivery_id}}/redeliver", _WRITE)
async def redeliver(call: SignedInCall) -> web.StreamResponse:
    """Send one event again, as soon as possible."""
    subscription = subscription_of(call)
    await call.services.webhook_deliveries.redeliver(
        call.scope_id, subscription.id, call.path_int64("delivery_id"), call.actor
    )
    return call.see_other(call.back(f"/subscriptions/{subscription.id}"), "redelivered")


@pages.form(f"{ONE}/recover", _WRITE)
async def recover(call: SignedInCall) -> web.StreamResponse:
    """Send again what was given up in the last hours."""
    subscription, given = subscription_of(call), call.form.get("hours", "")
    hours = int(given) if given.isascii() and given.isdigit() else 0
    since = call.services.clock.now() - min(hours, MAX_HOURS) * _HOUR
    await call.services.webhook_deliveries.recover(
        call.scope_id,
        subscription.id,
        since,
        call.actor,
        device_ids=await call.reach,
    )
    return call.see_other(f"/subscriptions/{subscription.id}", "recovered")


@pages.form(f"{ONE}/delete", _WRITE)
async def delete(call: SignedInCall) -> web.StreamResponse:
    """Delete a subscription and what waits for it."""
    subscription = subscription_of(call)
    require_typed(call, host_of(subscription))
    await call.services.subscriptions.delete(call.scope_id, subscription.id, call.actor)
    return call.see_other("/subscriptions", "subscription_deleted")
