"""One stream for each page that is open: which of its parts to fetch again."""

import asyncio
import math
import time
from collections.abc import Iterable
from contextlib import suppress
from random import getrandbits

import msgspec
from aiohttp import web

from pushserver.errors import Unauthorized, Unavailable
from pushserver.services.completion_waiters import wait_at_most
from pushserver.services.live_topics import LiveRound, Topic, TopicWatch
from pushserver.web.api.token_life import while_valid
from pushserver.web.connection import connection_of
from pushserver.web.console.page import SignedInCall
from pushserver.web.console.pages import Pages
from pushserver.web.draining import write_and_drain
from pushserver.web.request import is_head

pages = Pages()
#: Seconds without news after which the stream says that it is there.
HEARTBEAT = 15.0
#: Seconds that changes are collected for: at first, and where they do not end. All are
#: told at multiples of the same intervals, so that what they look at is made once.
MIN_INTERVAL, LONG_INTERVAL = 0.3125, 0.625
#: The same where they do not end, in seconds for each page that is open, and for each
#: view that is made: devices must not notice.
_SECONDS_A_PAGE, _SECONDS_A_VIEW = 0.05, 0.3
#: Seconds for each page that is open, within which all of them are told.
_SPREAD = 0.005
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
        services.live_topics.watching(call.scope_id, topics - {Topic.SEEN}) as watch,
    ):
        await response.prepare(call.request)
        abandonable = connection_of(call.request).abandonable(call.request)
        # What has begun ends without a word.
        with suppress(Unauthorized, Unavailable), abandonable:
            async with while_valid(call):
                await _run(call, response, watch, shows_seen=Topic.SEEN in topics)
    return response


async def _run(
    call: SignedInCall,
    response: web.StreamResponse,
    watch: TopicWatch,
    *,
    shows_seen: bool,
) -> None:
    """Write what changed, the less often the longer changes go on without a pause."""
    await write_and_drain(call.request, response, b": listening\n\n")
    interval, seen_at = MIN_INTERVAL, time.monotonic()
    while _may_go_on(call):
        started, seen_interval = time.monotonic(), max(SEEN_INTERVAL, _pace(call))
        await wait_at_most(
            watch.wakeup, _until_next(seen_interval) if shows_seen else HEARTBEAT
        )
        if watch.wakeup.is_set():
            is_quiet = time.monotonic() - started > interval
            interval = MIN_INTERVAL if is_quiet else min(2 * interval, _pace(call))
            await asyncio.sleep(_until_next(interval))
        changed = watch.take()
        if shows_seen and _has_passed(seen_interval, seen_at):
            changed.add(Topic.SEEN)
            seen_at = time.monotonic()
        message = b": still here\n\n"
        if changed:
            message = _message(call.services.live_topics.begin_round(), changed)
            await asyncio.sleep(_random_delay(call))
        await write_and_drain(call.request, response, message)


def _message(live_round: LiveRound, changed: Iterable[Topic]) -> bytes:
    """Return what tells a page of changes; it names the round as it is fetched."""
    data = msgspec.json.encode(sorted(changed))
    return b"id: %s\nevent: changed\ndata: %s\n\n" % (str(live_round).encode(), data)


def _until_next(interval: float) -> float:
    """Return the seconds until the next multiple of *interval*."""
    return interval - time.monotonic() % interval


def _has_passed(interval: float, since: float) -> bool:
    """Tell whether a multiple of *interval* has passed since."""
    return time.monotonic() // interval > since // interval


def _pace(call: SignedInCall) -> float:
    """Return every how many seconds all pages may be fetched, if they always change."""
    pages_open = call.services.live_topics.watch_count
    views = call.services.shared_views.count
    least = max(_SECONDS_A_PAGE * pages_open, _SECONDS_A_VIEW * views, LONG_INTERVAL)
    doublings = math.ceil(math.log2(least / LONG_INTERVAL))
    return math.ldexp(LONG_INTERVAL, doublings)


def _random_delay(call: SignedInCall) -> float:
    """Return for how many seconds to wait, so that not all fetch at the same time."""
    return _SPREAD * call.services.live_topics.watch_count * getrandbits(16) / 2**16


def _may_go_on(call: SignedInCall) -> bool:
    """Tell whether the server runs on, and the token is valid."""
    services = call.services
    is_over = services.holds.is_closed or connection_of(call.request).is_half_closed
    return not is_over and services.tokens.is_valid(call.token)
