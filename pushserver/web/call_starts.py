"""Turns in which calls with a token start: a few in each turn of the event loop.

So many connections of one token hold the loop up no longer than a few do, and whoever
else calls waits for a few of theirs. Devices wait for none.
"""

import asyncio

import attrs
from aiohttp import web

from pushserver.fair_turns import FairLine
from pushserver.web.waiting import cancelled_when_lost

#: How many short calls start in one turn of the event loop, and for how many of them
#: another one stands: it takes as much longer.
_MAX_STARTS, _SHARE = 64, 4


@attrs.define(eq=False, repr=False)
class CallStarts:
    """Lets calls start; those that wait do so in a line in which tokens take turns."""

    _started: int = attrs.field(default=0, init=False)
    _line: FairLine = attrs.field(factory=FairLine, init=False)

    async def wait(self, request: web.Request) -> bool:
        """
        Wait until a call of the present caller may start; tell whether it waited.

        It is cancelled once its peer is gone.
        """
        if self._take(_SHARE):
            return False
        place = self._line.join()
        with cancelled_when_lost(request):
            await place
        return True

    def take_short(self) -> bool:
        """Start a short call if one may start at once; tell whether."""
        return self._take(1)

    def _take(self, share: int) -> bool:
        if self._started + share > _MAX_STARTS:
            return False
        if not self._started:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._started += share
        return True

    def _begin_turn(self) -> None:
        """Let those start first that wait: it is another turn of the loop."""
        self._started = 0
        while self._line and self._take(_SHARE):
            self._line.let_go_on()
