"""Calls that wait, and streams, last no longer than their token, or its session."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from pushserver.errors import Unauthorized, Unavailable
from pushserver.model.token import Token
from pushserver.web.authentication import bearer_secret
from pushserver.web.services import Services

#: Seconds after which it is noticed that a token that somebody waits with has ended.
CHECK_INTERVAL = 1.0


@asynccontextmanager
async def while_valid(
    request: web.Request, services: Services, token: Token
) -> AsyncIterator[None]:
    """
    End the block once the token has, or the session in its place; check both after it.

    Raises:
        Unauthorized: the token was revoked, or has expired, or the session is over.
        Unavailable: it may have been revoked, and the store is away.
    """
    secret = bearer_secret(request.headers.get("Authorization"))

    async def has_ended() -> bool:
        is_valid = services.tokens.is_valid(token)
        return not is_valid or await services.sessions.has_ended(secret)

    async with until_ended(services, has_ended):
        yield


@asynccontextmanager
async def until_ended(
    services: Services, has_ended: Callable[[], Awaitable[bool]]
) -> AsyncIterator[None]:
    """
    End the block once a token has, or the session in its place; check it after it.

    Raises:
        Unauthorized: it has ended.
        Unavailable: it may have been revoked, and the store is away.
    """
    try:
        async with asyncio.timeout(None) as limit, _ended_once(has_ended, limit):
            yield
    except TimeoutError:
        if not limit.expired():
            raise
    if services.cluster_sync.may_have_missed_tokens():
        await services.cluster_sync.catch_up()
    if await has_ended():
        raise Unauthorized("This token was revoked, or has expired, by now.")


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
