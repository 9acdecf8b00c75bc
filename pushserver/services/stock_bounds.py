"""Bounds what stays until somebody deletes it: tokens, subscriptions, devices, …"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from pushserver.errors import LimitReached
from pushserver.model.bounds import Bounds, bound_named


@attrs.frozen
class StockBounds:
    """Refuses to add more than the settings allow; `counts` counts refusals."""

    bounds: Bounds
    counts: Counter[str]
    _adding: Counter[tuple[str, int]] = attrs.field(factory=Counter, init=False)

    @contextmanager
    def adding(self, setting: str, scope_id: int, added: int = 1) -> Iterator[int]:
        """
        Count so many more while the block adds them; yield how many others do.

        A count of what is there may not include these yet.
        """
        key = setting, scope_id
        others = self._adding[key]
        self._adding[key] += added
        try:
            yield others
        finally:
            self._adding[key] -= added
            if not self._adding[key]:
                del self._adding[key]

    def require_room(self, setting: str, present: int, added: int = 1) -> None:
        """
        Require room for so many more of what *setting* bounds.

        Raises:
            LimitReached: there is none.
        """
        limit: int = getattr(self.bounds, setting)
        if present + added > limit:
            bound = bound_named(setting)
            self.counts.update(bound.counts)
            raise LimitReached(
                f"There are {present} {bound.what}; at most {limit} may be there."
            )
