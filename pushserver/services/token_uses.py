"""When tokens were last used, to the minute."""

import attrs

from pushserver.clock import SECOND
from pushserver.model.token import Token
from pushserver.storage.base import Store

_MINUTE = 60 * SECOND


@attrs.define(eq=False)
class TokenUses:
    """Notes each use in memory; what was noted is stored now and then."""

    _store: Store
    _last: dict[int, int] = attrs.field(factory=dict, init=False)
    _unsaved: dict[int, int] = attrs.field(factory=dict, init=False)

    def note(self, token: Token, now: int) -> None:
        """Note that the token is used *now*."""
        minute = now - now % _MINUTE
        if self._last.get(token.id, 0) < minute:
            self._last[token.id] = self._unsaved[token.id] = minute

    def with_last_use(self, token: Token) -> Token:
        """Return the token with its last use, here or at another server."""
        last = max(self._last.get(token.id, 0), token.last_used_at or 0)
        return attrs.evolve(token, last_used_at=last or None)

    async def save(self) -> int:
        """
        Store when tokens were last used; return how many were.

        Raises:
            Unavailable: the store is away; the next call stores them.
        """
        uses, self._unsaved = self._unsaved, {}
        uses.pop(0, None)  # that of the settings is not stored
        if uses:
            try:
                await self._store.record_token_uses(uses)
            except BaseException:
                self._unsaved = uses | self._unsaved
                raise
        return len(uses)
