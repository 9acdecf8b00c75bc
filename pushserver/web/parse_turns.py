"""Turns in which connections parse what takes long for its size.

All of them share some milliseconds of each turn of the event loop, so that many hold
the others up no longer than one does.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import attrs

#: Seconds of each turn of the event loop in which connections parse, and how many of
#: them at most: they read on when they have parsed, some 100 KiB at once.
_SHARE, _MAX_CALLS = 0.002, 8


@attrs.define(eq=False)
class ParseTurns:
    """Callbacks that wait for their turn, which comes in the order of their asking."""

    _waiting: deque[Callable[[], None]] = attrs.field(factory=deque, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)

    def ask(self, parse: Callable[[], None]) -> None:
        """Have *parse* called when it is its turn; it asks again if more is left."""
        self._waiting.append(parse)
        self._schedule()

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
                self._waiting.popleft()()
        finally:
            self._schedule()
