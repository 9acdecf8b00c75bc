"""How long what a device posts waits for a store that is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pushserver.errors import Unavailable
from pushserver.web.services import Services

T = TypeVar("T")

#: Seconds for which a result waits for a store that is away. Devices wait 30.
STORE_WAIT = 25.0
#: Seconds between two tries.
STORE_RETRY_INTERVAL = 0.5


async def retry_while_unavailable(
    services: Services, attempt: Callable[[], Awaitable[T]]
) -> T:
    """Retry while the store is away: 200 must mean that the result is stored."""
    until = time.monotonic() + STORE_WAIT
    while True:
        try:
            return await attempt()
        except Unavailable:
            if time.monotonic() >= until or services.holds.is_closed:
                raise
            await asyncio.sleep(STORE_RETRY_INTERVAL)
