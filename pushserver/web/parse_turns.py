"""Turns in which connections parse: what takes long for its size, or comes from many.

All of them share some milliseconds of each turn of the event loop, so that many hold
the others up no longer than one does. Networks take turns.
"""

import asyncio
import time
from collections.abc import Callable

import attrs

from pushserver.fair_turns import FairQueue

#: Seconds of each turn of the event loop in which connections parse what has just come,
#: and as many in which they parse what had to wait.
_SHARE = 0.002
#: How many that waited parse in a turn, at most: each reads on then.
_MAX_CALLS = 64
_Parse = Callable[[], None]


@attrs.define(eq=False)
class ParseTurns:
    """Callbacks that wait for their turn, and whether anything has to."""

    _waiting: FairQueue[_Parse] = attrs.field(factory=FairQueue, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _share_ends_at: float | None = attrs.field(default=None, init=False)

    def has_share(self) -> bool:
        """Tell whether what has come in this turn of the loop may be parsed at once."""
        now = time.perf_counter()
        if self._share_ends_at is None:
            self._share_ends_at = now + _SHARE
            asyncio.get_running_loop().call_soon(self._begin_turn)
        return now < self._share_ends_at

    def ask(self, parse: _Parse, network: str) -> None:
        """Have *parse* called when it is its turn; it asks again if more is left."""
        self._waiting.append(parse, network)
        self._schedule()

    def _begin_turn(self) -> None:
        self._share_ends_at = None

    def _schedule(self) -> None:
        if self._waiting and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Call those that wait until the share of this turn of the loop is used up."""
        self._is_scheduled = False
        end = time.perf_counter() + _SHARE
        try:
            for _ in range(_MAX_CALLS):
                if not self._waiting or time.perf_counter() >= end:
                    break
                self._waiting.pop()()
        finally:
            self._schedule()
