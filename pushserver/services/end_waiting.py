"""Waits until a command, an operation or a task is over."""

from collections.abc import Awaitable, Callable

from pushserver.services.completion_waiters import (
    RECHECK_INTERVAL,
    CompletionWaiters,
    wait_at_most,
)
from pushserver.storage.base import Store


async def wait_until_over(
    store: Store,
    waiters: CompletionWaiters,
    subject_id: int,
    is_over: Callable[[], Awaitable[bool]],
    seconds: float,
) -> None:
    """Wait until what has the id *is_over*, at most *seconds*."""
    with waiters.end_waiter(subject_id) as waiter:
        while not (await is_over() or seconds <= 0 or waiters.is_closed):
            # The notice of another server may be lost.
            interval = min(seconds, RECHECK_INTERVAL) if store.is_shared else seconds
            await wait_at_most(waiter, interval)
            waiter.clear()
            seconds -= interval
