"""Bounds what stays until somebody deletes it: tokens, subscriptions, devices, …"""

from collections import Counter

import attrs

from pushserver.errors import LimitReached
from pushserver.model.bounds import Bounds, bound_named


@attrs.frozen
class StockBounds:
    """Refuses to add more than the settings allow; `counts` counts refusals."""

    bounds: Bounds
    counts: Counter[str]

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
