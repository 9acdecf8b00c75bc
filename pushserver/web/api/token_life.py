"""Calls that wait, and streams, last no longer than their token."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from pushserver.errors import Unauthorized
from pushserver.model.token import Token
from pushserver.web.services import Services

#: Seconds after which it is noticed that a token that somebody waits with has ended.
CHECK_INTERVAL = 1.0


@asynccontextmanager
async def while_valid(services: Services, token: Token) -> AsyncIterator[None]:
    """
    End the block once the token has, and check it after the block in any case.

    Raises:
        Unauthorized: the token was revoked, or has expired.
        Unavailable: it may have been revoked, and the store is away.
    """

    def is_valid() -> bool:
        return services.tokens.is_valid(token)

    try:
        async with asyncio.timeout(None) as limit:
            with _ended_unless(is_valid, limit):
                yield
    except TimeoutError:
        if not limit.expired():
            raise
    if services.cluster_sync.may_have_missed_tokens():
        await services.cluster_sync.catch_up()
    if not is_valid():
        raise Unauthorized("This token was revoked, or has expired, by now.")


@contextmanager
def _ended_unless(
    is_valid: Callable[[], bool], limit: asyncio.Timeout
) -> Iterator[None]:
    """Look at intervals whether the block may go on; let *limit* end it if not."""
    loop = asyncio.get_running_loop()
    last_timer = deque[asyncio.TimerHandle](maxlen=1)

    def check() -> None:
        if is_valid():
            last_timer.append(loop.call_later(CHECK_INTERVAL, check))
        else:
            limit.reschedule(loop.time())

    last_timer.append(loop.call_later(CHECK_INTERVAL, check))
    try:
        yield
    finally:
        last_timer.pop().cancel()
