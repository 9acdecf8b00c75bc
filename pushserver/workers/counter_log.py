"""Logs periodically the counts of events that have no log line of their own."""

from collections import Counter

import attrs
import structlog

log = structlog.get_logger(__name__)

#: Counts of what is nobody's business but the sender's, nothing odd at all, or what has
#: a line of its own.
_ORDINARY = ("polls.", "requests.", "tokens.")


@attrs.define(eq=False)
class CounterLog:
    """Logs the growth of each count; that of refusals as a warning."""

    counters: Counter[str]
    _last_logged: Counter[str] = attrs.field(factory=Counter, init=False)

    async def log_growth(self) -> int:
        """Log the growth since the last call; return how many counters grew."""
        grown = {
            name: count - self._last_logged[name]
            for name, count in self.counters.items()
            if count > self._last_logged[name]
        }
        self._last_logged = Counter(self.counters)
        refused = {k: v for k, v in grown.items() if not k.startswith(_ORDINARY)}
        if refused:
            log.warning("devices.refused_or_odd", **refused)
        if grown:
            log.info("devices.counted", **grown)
        return len(grown)
