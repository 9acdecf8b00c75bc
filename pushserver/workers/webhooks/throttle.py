"""Lets devices go first when webhooks are sent."""

import asyncio
from collections.abc import Callable

import attrs

#: Seconds without a request of a device after which the server is quiet.
QUIET_PERIOD = 0.003
#: The most seconds that a delivery waits for quiet: even a busy server sends 50 per
#: second.
MAX_WAIT = 0.02
_CHECK_INTERVAL = 0.001
_MAX_CHECKS = round(MAX_WAIT / _CHECK_INTERVAL)


@attrs.define(eq=False)
class Throttle:
    """
    Delays deliveries while devices call, by at most `MAX_WAIT` each.

    `request_count` returns how many requests of devices came so far. All workers share
    one throttle, because they slow devices down together.
    """

    request_count: Callable[[], int]
    _last_count: int = attrs.field(default=-1, init=False)
    _unchanged_since: float = attrs.field(default=0, init=False)
    _lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def wait_turn(self) -> None:
        """Wait until no device calls, at most `MAX_WAIT`; yield to other tasks once."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            await asyncio.sleep(0)
            for _ in range(_MAX_CHECKS):
                if self._is_quiet(loop.time()):
                    return
                await asyncio.sleep(_CHECK_INTERVAL)

    def _is_quiet(self, now: float) -> bool:
        calls = self.request_count()
        if calls != self._last_count:
            self._last_count, self._unchanged_since = calls, now
        return now - self._unchanged_since >= QUIET_PERIOD
