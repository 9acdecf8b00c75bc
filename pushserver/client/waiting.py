"""Waits until something is over, however often the server is away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from pushserver.client.backoff import retry_while_unreachable
from pushserver.client.errors import WaitTimeout

T = TypeVar("T")

#: Seconds between two calls, even if the server holds none.
POLL_INTERVAL = 0.2


async def wait_until(
    is_over: Callable[[T], bool],
    fetch: Callable[[int], Awaitable[T]],
    *,
    hold: int,
    timeout: float | None,  # noqa: ASYNC109 - callers are not always tasks
) -> T:
    """
    Return what *fetch* returns once it is over; the server holds each call for *hold*.

    Raises:
        ApiError: the server refuses, and would do so again.
        Unreachable: the server is away from the start.
        WaitTimeout: it is not over after *timeout* seconds; None is for ever.
    """
    latest = await fetch(0)
    try:
        async with asyncio.timeout(timeout):
            while not is_over(latest):
                latest = await retry_while_unreachable(partial(fetch, hold))
                await asyncio.sleep(0 if is_over(latest) else POLL_INTERVAL)
    except TimeoutError:
        raise WaitTimeout(latest, timeout or 0) from None
    return latest
