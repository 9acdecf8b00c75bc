"""What waits for the server while it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pushserver.client import ApiError, Unreachable

T = TypeVar("T")

#: Seconds between tries while the server is away: the first, and the longest.
INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 10.0


async def retry_while_unreachable(
    call: Callable[[], Awaitable[T]],
    on_first_failure: Callable[[str], None] | None = None,
) -> T:
    """
    Return what the server answers; while it is away, ask again and *on_first_failure*
    it once.

    Raises:
        ApiError: it refuses, and will do so again.
    """
    backoff = INITIAL_BACKOFF
    while True:
        try:
            return await call()
        except (Unreachable, ApiError) as error:
            if isinstance(error, ApiError) and not error.is_transient:
                raise
            if on_first_failure is not None and backoff == INITIAL_BACKOFF:
                on_first_failure(f"{error} Trying again.")
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, MAX_BACKOFF)
