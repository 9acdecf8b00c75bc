"""Sends a call again whose answer was lost, where that does no harm."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import attrs

from pushserver.client.answers import ApiResponse
from pushserver.client.errors import ApiError, Unreachable

#: Seconds between tries: the first pause, and the longest.
FIRST_PAUSE, MAX_PAUSE = 0.1, 1.0
#: The server, or a proxy before it, says that it is away.
_AWAY = frozenset(
    {
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@attrs.define
class Resender:
    """
    Sends a call until it is answered, for *seconds* after it failed first.

    Nothing is sent again before any connection was made: the address is more likely to
    be wrong than the server to be away.
    """

    seconds: float
    _was_reached: bool = attrs.field(default=False, init=False)

    async def __call__(self, send: Callable[[], Awaitable[ApiResponse]]) -> ApiResponse:
        """
        Return the answer to *send*; the call must do no harm if it comes twice.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached, and stays away.
        """
        pause, give_up_at = FIRST_PAUSE, None
        while True:
            try:
                return await self.once(send)
            except (ApiError, Unreachable) as error:
                give_up_at = give_up_at or _now() + self.seconds
                pause = max(pause, getattr(error, "retry_after", None) or 0)
                if not self._is_passing(error) or _now() + pause > give_up_at:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    async def once(self, send: Callable[[], Awaitable[ApiResponse]]) -> ApiResponse:
        """
        Return the answer to *send*, which is sent once.

        Raises:
            ApiError: the server refuses.
            Unreachable: the server cannot be reached.
        """
        try:
            answer = await send()
        except Unreachable as error:
            self._was_reached |= error.may_have_arrived
            raise
        self._was_reached = True
        answer.raise_for_status()
        return answer

    def _is_passing(self, error: ApiError | Unreachable) -> bool:
        """Tell whether the server is away, or still at work on the call."""
        if isinstance(error, Unreachable):
            return self._was_reached
        return error.status in _AWAY or error.code == "idempotency-running"


def _now() -> float:
    return asyncio.get_running_loop().time()
