"""Long polling of the list of results: waits until a page has new ones."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pushserver.model.command import Result
from pushserver.services.completion_waiters import (
    RECHECK_INTERVAL,
    CompletionWaiters,
    wait_at_most,
)
from pushserver.storage.base import Store


async def wait_for_results(
    store: Store,
    waiters: CompletionWaiters,
    scope_id: int,
    read_page: Callable[[], Awaitable[Sequence[Result]]],
    seconds: float,
) -> Sequence[Result]:
    """Return a page as soon as it has results, or empty after *seconds*."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        with waiters.results_waiter(scope_id) as wakeup:
            results = await read_page()
            left = deadline - loop.time()
            if results or left <= 0 or waiters.is_closed:
                return results
            # Another server's notice of a result may be lost.
            interval = min(left, RECHECK_INTERVAL) if store.is_shared else left
            await wait_at_most(wakeup, interval)
