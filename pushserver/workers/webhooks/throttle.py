"""How couriers keep out of the way of devices and programs."""

import asyncio
from collections.abc import Callable

import attrs

#: Seconds without a call after which nobody is taken to call.
QUIET_PERIOD = 0.003
#: Seconds for which a delivery waits for that at the most. So this many leave in any
#: case, however busy the server is: 50 a second.
MAX_WAIT = 0.02
_CHECK_INTERVAL = 0.001
_MAX_CHECKS = round(MAX_WAIT / _CHECK_INTERVAL)


@attrs.define(eq=False)
class Throttle:
    """
    Lets deliveries leave while nobody calls, and some of them in any case.

    `request_count` tells how many calls of devices were served so far. All couriers
    share one pace: there may be many of them, but only one of what they take from
    devices.
    """

    request_count: Callable[[], int]
    _last_count: int = attrs.field(default=-1, init=False)
    _unchanged_since: float = attrs.field(default=0, init=False)
    _lock: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def wait_turn(self) -> None:
        """Wait until nobody calls, but not for long; let others go on in between."""
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
