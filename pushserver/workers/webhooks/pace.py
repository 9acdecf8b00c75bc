"""How couriers keep out of the way of devices and programs."""

import asyncio
from collections.abc import Callable

import attrs

#: Seconds without a call after which nobody is taken to call.
QUIET = 0.003
#: Seconds for which a delivery waits for that at the most. So this many leave in any
#: case, however busy the server is: 50 a second.
PATIENCE = 0.02
_GLANCE = 0.001
_GLANCES = round(PATIENCE / _GLANCE)


@attrs.define(eq=False)
class Pace:
    """
    Lets deliveries leave while nobody calls, and some of them in any case.

    `calls` tells how many calls of devices were served so far. All couriers share one
    pace: there may be many of them, but only one of what they take from devices.
    """

    calls: Callable[[], int]
    _seen: int = attrs.field(default=-1, init=False)
    _since: float = attrs.field(default=0, init=False)
    _turns: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def turn(self) -> None:
        """Wait until nobody calls, but not for long; let others go on in between."""
        loop = asyncio.get_running_loop()
        async with self._turns:
            await asyncio.sleep(0)
            for _ in range(_GLANCES):
                if self._is_quiet(loop.time()):
                    return
                await asyncio.sleep(_GLANCE)

    def _is_quiet(self, now: float) -> bool:
        calls = self.calls()
        if calls != self._seen:
            self._seen, self._since = calls, now
        return now - self._since >= QUIET
