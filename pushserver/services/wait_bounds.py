"""Bounds the calls that wait, and the streams of events, of each token and in all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from pushserver.errors import TooMany
from pushserver.model.bounds import Bounds


@attrs.frozen(repr=False)
class WaitBounds:
    """
    Counts who waits: each one is woken, and reads, whenever something happens.

    `counts` counts the refusals.
    """

    bounds: Bounds
    counts: Counter[str]
    _by_token: Counter[int] = attrs.field(factory=Counter, init=False)

    @property
    def waiting_count(self) -> int:
        """How many calls and streams wait."""
        return self._by_token.total()

    def has_room(self, token_id: int) -> bool:
        """Tell whether the token may wait once more; count it if not."""
        if self._by_token[token_id] >= self.bounds.token_waits:
            self.counts["bounds.tokenWaits"] += 1
        elif self.waiting_count >= self.bounds.server_waits:
            self.counts["bounds.serverWaits"] += 1
        else:
            return True
        return False

    @contextmanager
    def waiting(self, token_id: int) -> Iterator[None]:
        """
        Count the token as waiting during the block.

        Raises:
            TooMany: too many wait already.
        """
        if not self.has_room(token_id):
            raise TooMany(
                f"At most {self.bounds.token_waits} calls and streams of a token may"
                f" wait at once, and {self.bounds.server_waits} of all tokens."
            )
        self._by_token[token_id] += 1
        try:
            yield
        finally:
            self._by_token[token_id] -= 1
            if not self._by_token[token_id]:
                del self._by_token[token_id]
