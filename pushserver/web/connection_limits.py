"""How many connections may be open, in all and from one address.

At the limit, those close first that wait for their next request; if there is none, the
new one is closed. So files are left for the database, whatever strangers open. The same
happens while the process has hardly any files left, whoever took them: the event loop
would close new connections without a word.
"""

import ipaddress
import os
import resource
import time
from collections import Counter
from collections.abc import Callable

import attrs
import structlog

from pushserver.web.connection import HttpConnection
from pushserver.web.forwarded import parse_address

log = structlog.get_logger(__name__)

#: So many idle connections are closed at once: to look for them takes a while.
_BATCH_SIZE = 16
#: Seconds after a search in vain in which no idle connection is looked for.
_SEARCH_PAUSE = 1.0
_LOG_INTERVAL = 60.0
#: So many files stay free, for the database and for what is accepted next.
SPARE_FILES = 8
#: Whoever has an IPv6 address has all of its network of this size.
_IPV6_PREFIX = 64


@attrs.define(eq=False)
class ConnectionLimits:
    """
    Bounds open connections: `total` in all, `per_address` from one address; 0: any.

    Those of proxies count by whose request they have, while they have it.
    """

    counts: Counter[str]
    total: int = 0
    per_address: int = 0
    now: Callable[[], float] = time.monotonic
    _by_address: Counter[str] = attrs.field(factory=Counter, init=False)
    _search_at: float = attrs.field(default=0.0, init=False)
    _log_at: dict[str, float] = attrs.field(factory=dict, init=False)

    def admit(self, connection: HttpConnection, others: set[HttpConnection]) -> bool:
        """Count a new connection; tell whether it may stay."""
        is_full = bool(self.total) and len(others) > self.total
        if is_full or _is_scarce(connection.file_number):
            closed = self._close_idle(connection, others)
            # What was closed just now is gone at the loop's next turn.
            open_count = sum(1 for each in others if each.transport is not None)
            if open_count > self.total if is_full else not closed:
                return self._refuse("connections.refused")
        if not self.per_address:
            return True
        if connection.is_from_proxy:
            connection.has_counted_requests = True
            return True
        return self.count(connection, connection.peer_address)

    def count(self, connection: HttpConnection, client: str | None) -> bool:
        """Count a connection as the *client*'s; tell whether that has so many."""
        address = connection.counted_address = _counted(client)
        if address is None:
            return True
        self._by_address[address] += 1
        if self._by_address[address] > self.per_address:
            return self._refuse("connections.refusedByAddress")
        return True

    def forget(self, connection: HttpConnection) -> None:
        """Count a connection no longer."""
        address, connection.counted_address = connection.counted_address, None
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    def spare_files(self, connections: set[HttpConnection]) -> None:
        """Close idle connections if the process has hardly any files left."""
        if _is_scarce(_next_file_number()):
            self._close_idle(None, connections)

    def _close_idle(
        self, new: HttpConnection | None, others: set[HttpConnection]
    ) -> int:
        """Close those that have been idle for longest; return how many."""
        now = self.now()
        if now < self._search_at:
            return 0
        idle = [each for each in others if each.is_idle and each is not new]
        # Of one that was accepted just now the request is likely on its way.
        idle = [each for each in idle if not each.is_request_expected] or idle
        if not idle:
            self._search_at = now + _SEARCH_PAUSE
        idle.sort(key=lambda each: each.received_at)
        closing = idle[: min(_BATCH_SIZE, self.total // _BATCH_SIZE + 1)]
        for each in closing:
            self._count("connections.closedIdle")
            each.force_close()
        return len(closing)

    def _refuse(self, count: str) -> bool:
        self._count(count)
        return False

    def _count(self, event: str) -> None:
        """Count what became of a connection, and say so once a minute."""
        self.counts[event] += 1
        now = self.now()
        if now >= self._log_at.get(event, now):
            self._log_at[event] = now + _LOG_INTERVAL
            log.warning(event, limit=self.total, count=self.counts[event])


def _counted(client: str | None) -> str | None:
    """Return by what connections of a client are counted; None: they are not."""
    address = client and parse_address(client)
    if not isinstance(address, ipaddress.IPv6Address):
        return client
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


def _is_scarce(number: int | None) -> bool:
    """Tell whether hardly any files are left when a new one gets this *number*."""
    if number is None:
        return True
    # Each new file gets the lowest number that is free.
    return number >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES


def _next_file_number() -> int | None:
    """Return which number the next file gets; None: no file can be opened."""
    try:
        file = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        return None
    os.close(file)
    return file
