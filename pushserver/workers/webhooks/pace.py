"""How couriers keep out of the way of devices and programs."""

import asyncio
from collections.abc import Callable

import attrs

#: Seconds for which a delivery waits at the most for a moment in which nobody calls.
#: So this many leave in any case, however busy the server is: 50 a second.
PATIENCE = 0.02
_GLANCE = 0.002


@attrs.define(eq=False)
class Pace:
    """
    Lets deliveries leave while nobody calls, and some of them in any case.

    `calls` tells how many calls of devices were served so far. All couriers share one
    pace: there may be many of them, but only one of what they take from devices.
    """

    calls: Callable[[], int]
    _turns: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def turn(self) -> None:
        """Wait for a turn of the loop in which nobody called, but not for long."""
        loop = asyncio.get_running_loop()
        async with self._turns:
            until = loop.time() + PATIENCE
            while loop.time() < until:
                before = self.calls()
                await asyncio.sleep(0)
                if before == self.calls():
                    return
                await asyncio.sleep(_GLANCE)
