"""Other servers over the same store: what they did is looked at here, too."""

from collections.abc import Collection

import attrs

from pushserver.model.news import News
from pushserver.services.chores import Chores
from pushserver.services.fleet import Fleet
from pushserver.services.holds import Holds
from pushserver.services.interests import Interests
from pushserver.services.outcomes import Outcomes
from pushserver.services.subscriptions import Subscriptions
from pushserver.services.tokens import Tokens


@attrs.frozen(kw_only=True, eq=False)
class Peers:
    """Hands news from other servers to whoever keeps something in memory."""

    fleet: Fleet
    tokens: Tokens
    subscriptions: Subscriptions
    interests: Interests
    holds: Holds
    outcomes: Outcomes
    chores: Chores

    def hear(self, news: News) -> None:
        """Look at what *news* tells of, and at all if it may have been more."""
        self._wake(None if news.everything else news.waiting)
        self.outcomes.hear(news)
        self.interests.hear(news)
        self.subscriptions.hear(news)
        changed = {*news.devices, *self.fleet.hear_seen(news.seen)}
        if changed or news.everything:
            wanted = None if news.everything else changed
            self.chores.start(self.fleet.refresh(wanted))
        if news.tokens or news.everything:
            self.chores.start(self.tokens.refresh())
        if news.subscriptions or news.everything:
            self.chores.start(self.subscriptions.refresh())
            self.chores.start(self.interests.load())

    def _wake(self, device_ids: Collection[int] | None) -> None:
        if device_ids is None:
            device_ids = [hold.visit.device_id for hold in self.holds]
        for device_id in device_ids:
            self.holds.wake(device_id)
