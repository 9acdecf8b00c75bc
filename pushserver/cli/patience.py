"""What waits for the server while it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pushserver.client import ApiError, Unreachable

T = TypeVar("T")

#: Seconds between tries while the server is away: the first, and the longest.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


async def patiently(
    ask: Callable[[], Awaitable[T]], note: Callable[[str], None] | None = None
) -> T:
    """
    Return what the server answers; while it is away, ask again and *note* it once.

    Raises:
        ApiError: it refuses, and will do so again.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return await ask()
        except (Unreachable, ApiError) as error:
            if isinstance(error, ApiError) and not error.passing:
                raise
            if note is not None and pause == FIRST_PAUSE:
                note(f"{error} Trying again.")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
