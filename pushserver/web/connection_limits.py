"""How many connections may be open, in all and from one address.

At the limit, those close first that wait for their next request; if there is none, the
new one is closed. So files are left for the database, whatever strangers open.
"""

import ipaddress
import time
from collections import Counter
from collections.abc import Sequence

import attrs
import structlog

from pushserver.web.connection import HttpConnection

log = structlog.get_logger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: So many idle connections are closed at once: to look for them takes a while.
_BATCH_SIZE = 16
#: Seconds after a search in vain in which no idle connection is looked for.
_SEARCH_PAUSE = 1.0
_LOG_INTERVAL = 60.0
#: Whoever has an IPv6 address has all of its network of this size.
_IPV6_PREFIX = 64


@attrs.define(eq=False)
class ConnectionLimits:
    """
    Bounds open connections: `total` in all, `per_address` from one address; 0: any.

    Addresses of `proxies` stand for many others, and are not counted by themselves.
    """

    counts: Counter[str]
    total: int = 0
    per_address: int = 0
    proxies: Sequence[Network] = ()
    _by_address: Counter[str] = attrs.field(factory=Counter, init=False)
    _search_at: float = attrs.field(default=0.0, init=False)
    _log_at: float = attrs.field(default=0.0, init=False)

    def admit(self, connection: HttpConnection, others: set[HttpConnection]) -> bool:
        """Count a new connection; tell whether it may stay."""
        if self.total and len(others) > self.total:
            self._close_idle(connection, others)
            # What was closed just now is gone at the loop's next turn.
            open_count = sum(1 for each in others if each.transport is not None)
            if open_count > self.total:
                return self._refuse("connections.refused")
        if not self.per_address:
            return True
        address = connection.counted_address = self._counted_address(connection)
        if address is None:
            return True
        self._by_address[address] += 1
        if self._by_address[address] > self.per_address:
            return self._refuse("connections.refusedByAddress")
        return True

    def forget(self, connection: HttpConnection) -> None:
        """Count a connection no longer."""
        address = connection.counted_address
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def _close_idle(self, new: HttpConnection, others: set[HttpConnection]) -> None:
        """Close those that have been idle for longest."""
        now = time.monotonic()
        if now < self._search_at:
            return
        idle = [each for each in others if each.is_idle and each is not new]
        if not idle:
            self._search_at = now + _SEARCH_PAUSE
        idle.sort(key=lambda each: each.received_at)
        for each in idle[: min(_BATCH_SIZE, self.total // _BATCH_SIZE + 1)]:
            self.counts["connections.closedIdle"] += 1
            each.force_close()

    def _refuse(self, count: str) -> bool:
        """Count a refusal, and say so once a minute."""
        self.counts[count] += 1
        now = time.monotonic()
        if now >= self._log_at:
            self._log_at = now + _LOG_INTERVAL
            log.warning(count, limit=self.total, refused=self.counts[count])
        return False

    def _counted_address(self, connection: HttpConnection) -> str | None:
        text = connection.peer_address
        if text is None:
            return None
        address = ipaddress.ip_address(text.partition("%")[0])
        if any(address in network for network in self.proxies):
            return None
        if address.version == 4:  # noqa: PLR2004 - of IP
            return text
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
