"""One stream for each page that is open: which of its parts to fetch again."""

import asyncio
import time
from contextlib import suppress
from functools import partial

import msgspec
from aiohttp import web

from pushserver.errors import Unauthorized, Unavailable
from pushserver.services.completion_waiters import wait_at_most
from pushserver.services.live_topics import Topic, TopicWatch
from pushserver.web.api.token_life import until_ended
from pushserver.web.connection import connection_of
from pushserver.web.console.browser_session import has_ended
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.draining import write_and_drain
from pushserver.web.half_closing import CANCEL_ON_DISCONNECT
from pushserver.web.request import is_head

pages = Pages()
#: Seconds without news after which the stream says that it is there.
HEARTBEAT = 15.0
#: Seconds that changes are collected for: at first, and where they never end.
MIN_INTERVAL, MAX_INTERVAL = 0.4, 10.0
_GROWTH = 1.5
#: Seconds more for each page that is open: all of them are fetched again, and devices
#: must not notice.
_SECONDS_A_PAGE = 0.3
#: Seconds after which parts are fetched again that show when devices were seen.
SEEN_INTERVAL = 10.0
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}


@pages.page("/live", None, limits_itself=True)
async def stream(call: SignedInCall) -> web.StreamResponse:
    """Stream the topics of the query of which something changed."""
    response = web.StreamResponse(headers=_HEADERS)
    if is_head(call.request):
        return response
    given = call.query.get("topics", "").split(",")
    topics = frozenset(topic for topic in Topic if topic in given)
    services = call.services
    with (
        services.wait_bounds.waiting(call.token.id),
        services.live_topics.watching(call.scope_id, topics) as watch,
    ):
        await response.prepare(call.request)
        call.request[CANCEL_ON_DISCONNECT] = True
        # What has begun ends without a word.
        with suppress(ConnectionError, Unauthorized, Unavailable):
            async with until_ended(
                services, partial(has_ended, call.request, services, call.token)
            ):
                await _run(call, response, watch)
    call.request[CANCEL_ON_DISCONNECT] = False
    return response


async def _run(
    call: SignedInCall, response: web.StreamResponse, watch: TopicWatch
) -> None:
    """Write what changed, the less often the longer changes go on without a pause."""
    await write_and_drain(call.request, response, b": listening\n\n")
    interval, seen_at = MIN_INTERVAL, time.monotonic()
    seen = watch.topics & {Topic.SEEN}
    while _may_go_on(call):
        started = time.monotonic()
        seen_interval = max(SEEN_INTERVAL, _for_all_pages(call))
        await wait_at_most(watch.wakeup, seen_interval if seen else HEARTBEAT)
        if watch.wakeup.is_set():
            is_quiet = time.monotonic() - started > interval
            interval = MIN_INTERVAL if is_quiet else _longer(call, interval)
            await asyncio.sleep(interval / 2 if is_quiet else interval)
        changed = watch.take() - {Topic.SEEN}
        if time.monotonic() - seen_at >= seen_interval:
            changed |= seen
            seen_at = time.monotonic()
        data = msgspec.json.encode(sorted(changed))
        message = b"event: changed\ndata: %s\n\n" % data
        await write_and_drain(
            call.request, response, message if changed else b": still here\n\n"
        )


def _longer(call: SignedInCall, interval: float) -> float:
    """Return for how long to collect changes that come without a pause."""
    grown = min(interval * _GROWTH, MAX_INTERVAL)
    return max(grown, _for_all_pages(call))


def _for_all_pages(call: SignedInCall) -> float:
    """Return within how many seconds all that are open may be fetched once."""
    return _SECONDS_A_PAGE * call.services.live_topics.watch_count


def _may_go_on(call: SignedInCall) -> bool:
    """Tell whether the server runs on, and the token is valid."""
    services = call.services
    is_over = services.holds.is_closed or connection_of(call.request).is_half_closed
    return not is_over and services.tokens.is_valid(call.token)
