"""Other servers over the same store: what they did is looked at here, too."""

import asyncio
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
from pushserver.storage.base import Store

#: Seconds for which those are gathered who want to know more: anybody may, and often.
_GATHERING = 0.01


@attrs.define(kw_only=True, eq=False)
class Peers:
    """Hands news from other servers to whoever keeps something in memory."""

    store: Store
    fleet: Fleet
    tokens: Tokens
    subscriptions: Subscriptions
    interests: Interests
    holds: Holds
    outcomes: Outcomes
    chores: Chores
    _catching: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    async def catch_up(self) -> bool:
        """
        Know what others had changed before the call; tell whether there may be others.

        Somebody may ask one server for what another one made a moment ago.

        Raises:
            Unavailable: the store is away.
        """
        if not self.store.is_shared:
            return False
        if self._catching is None:
            self._catching = asyncio.create_task(self._catch_up(), name="catch up")
        await asyncio.shield(self._catching)
        return True

    async def _catch_up(self) -> None:
        await asyncio.sleep(_GATHERING)
        self._catching = None
        await self.store.hear()
        await self.chores.finish_started()

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
