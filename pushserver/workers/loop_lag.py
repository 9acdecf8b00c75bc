"""How late the event loop is: everything that is served waits for as long."""

import asyncio

import attrs

from pushserver.metrics.histogram import Histogram

#: Seconds that are slept, and by how much more that took is the lag.
_SLEEP = 0.05


@attrs.frozen
class LoopLag:
    """Measures the lag of the loop that it runs in."""

    histogram: Histogram

    async def measure(self) -> int:
        """Measure it once; return 0: there is never anything left to do."""
        loop = asyncio.get_running_loop()
        due_at = loop.time() + _SLEEP
        await asyncio.sleep(_SLEEP)
        self.histogram.observe(loop.time() - due_at)
        return 0
