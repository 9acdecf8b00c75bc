"""Calls that are tried again while the server is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from pushserver.client.errors import ApiError, Unreachable

T = TypeVar("T")

#: Seconds between tries while the server is away: the first, and the longest.
INITIAL_BACKOFF = 0.5
MAX_BACKOFF = 10.0


@attrs.define
class Backoff:
    """Pauses between tries while the server is away; it is reported once."""

    on_first_failure: Callable[[str], None] | None = None
    _pause: float = attrs.field(factory=lambda: INITIAL_BACKOFF, init=False)

    def reset(self) -> None:
        """Begin anew: the server is there."""
        self._pause = INITIAL_BACKOFF

    async def wait(self, error: Unreachable | ApiError) -> None:
        """
        Wait before the next try, longer each time.

        Raises:
            ApiError: the server refused, and would do so again.
        """
        if isinstance(error, ApiError) and not error.is_transient:
            raise error
        if self.on_first_failure is not None and self._pause == INITIAL_BACKOFF:
            self.on_first_failure(f"{error} Trying again.")
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, MAX_BACKOFF)


async def retry_while_unreachable(
    call: Callable[[], Awaitable[T]],
    on_first_failure: Callable[[str], None] | None = None,
) -> T:
    """
    Return the server's answer; while it is away, try again.

    Raises:
        ApiError: the server refuses, and would do so again.
    """
    backoff = Backoff(on_first_failure)
    while True:
        try:
            return await call()
        except (Unreachable, ApiError) as error:
            await backoff.wait(error)
