"""Calls that wait, and streams, end with their token, or the session in its place."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from pushserver.errors import NoLongerValid, Unavailable
from pushserver.web.api.authorized_call import AuthorizedCall

#: Seconds after which it is noticed that a token that somebody waits with has ended.
CHECK_INTERVAL = 1.0


async def require_valid(call: AuthorizedCall) -> None:
    """
    Check a call that had to wait, such as for its body, as if it came now.

    Raises:
        NoLongerValid: its token was revoked, or has expired, or its session is over.
        Unavailable: it may have been revoked, and the store is away.
    """
    sync = call.services.cluster_sync
    if sync.may_have_missed_tokens():
        await sync.catch_up()
    if await call.has_ended():
        raise NoLongerValid


@asynccontextmanager
async def while_valid(call: AuthorizedCall) -> AsyncIterator[None]:
    """
    End the block once the call's token has, or the session in its place.

    Raises what `require_valid` does, after the block.
    """
    try:
        async with asyncio.timeout(None) as limit, _ended_once(call.has_ended, limit):
            yield
    except TimeoutError:
        if not limit.expired():
            raise
    await require_valid(call)


@asynccontextmanager
async def _ended_once(
    has_ended: Callable[[], Awaitable[bool]], limit: asyncio.Timeout
) -> AsyncIterator[None]:
    """Look at intervals whether the block may go on; let *limit* end it if not."""

    async def watch() -> None:
        is_over = False
        while not is_over:
            # All look at the same time: the store is asked once.
            await asyncio.sleep(CHECK_INTERVAL - time.monotonic() % CHECK_INTERVAL)
            # Nobody can tell while the store is away; it is asked again.
            with suppress(Unavailable):
                is_over = await has_ended()
        limit.reschedule(asyncio.get_running_loop().time())

    watching = asyncio.create_task(watch(), name="token life")
    try:
        yield
    finally:
        watching.cancel()
