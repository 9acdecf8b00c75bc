"""Wrong tokens: slowed down by address, counted, and logged once a minute."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import attrs
import structlog

from pushserver.errors import TooManyWrongTokens
from pushserver.model.network import network_of

log = structlog.get_logger(__name__)

#: How many of an address are answered at once, until the next line of the log.
FREE_TRIES = 10
#: Seconds for which each further one waits for its answer.
DELAY = 1.0
#: How many of an address, and how many in all, wait; more are turned away.
MAX_WAITING = 10
MAX_WAITING_IN_ALL = 200
#: How many addresses are told apart, and how many have a line of their own.
MAX_ADDRESSES = 1000
MAX_LINES = 10
_OTHERS = "others"


@attrs.define(eq=False)
class WrongTokens:
    """
    Answers wrong tokens slowly. A right one never gets here, from whatever address.

    The delay keeps one address from filling the log and the processor; it is the bits
    of a token that keep it from being guessed.
    """

    counts: Counter[str]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _tries: Counter[str] = attrs.field(factory=Counter, init=False)
    _waiting: Counter[str] = attrs.field(factory=Counter, init=False)

    async def slow_down(self, address: str | None) -> None:
        """
        Count a wrong token, and wait before it is answered.

        Raises:
            TooManyWrongTokens: too many of its address are waiting.
        """
        self.counts["tokens.wrong"] += 1
        source = self._count(network_of(address))
        if self._tries[source] <= FREE_TRIES:
            return
        waiting = self._waiting
        if waiting[source] >= MAX_WAITING or waiting.total() >= MAX_WAITING_IN_ALL:
            raise TooManyWrongTokens("Too many wrong tokens came from this address.")
        waiting[source] += 1
        try:
            await self.sleep(DELAY)
        finally:
            waiting[source] -= 1
            if not waiting[source]:
                del waiting[source]

    def _count(self, source: str) -> str:
        """Count a try; return as whose, since only so many are told apart."""
        if source not in self._tries and len(self._tries) >= MAX_ADDRESSES:
            source = _OTHERS
        self._tries[source] += 1
        return source

    async def log_tries(self) -> int:
        """Log the tries since the last call, by address; return how many there were."""
        tries, self._tries = self._tries, Counter()
        listed = tries.most_common(MAX_LINES)
        for address, count in listed:
            log.warning("tokens.wrong", address=address, count=count)
        rest = tries.total() - sum(count for _, count in listed)
        if rest:
            addresses = len(tries) - len(listed)
            log.warning("tokens.wrong", addresses=addresses, count=rest)
        return tries.total()
