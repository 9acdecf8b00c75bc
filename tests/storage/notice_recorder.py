"""Keeps the notices that a store publishes."""

import asyncio
from collections.abc import Callable

import attrs

from pushserver.model.change_notice import ChangeNotice
from pushserver.storage.base import Store
from pushserver.storage.change_feed import ChangeKind

#: Seconds after which something that should happen within one or two never does.
PATIENCE = 20


@attrs.define(eq=False)
class NoticeRecorder:
    """Keeps each notice once, in the order in which they were published."""

    notices: list[ChangeNotice] = attrs.Factory(list)
    arrived: asyncio.Event = attrs.Factory(asyncio.Event)

    def on_notice(self, notice: ChangeNotice) -> None:
        """Keep *notice*, which comes once for each kind of change that is in it."""
        if not self.notices or self.notices[-1] is not notice:
            self.notices.append(notice)
            self.arrived.set()

    async def wait_for(self, matches: Callable[[ChangeNotice], bool]) -> ChangeNotice:
        """Wait for news that are *matches*."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for notice in self.notices:
                    if matches(notice):
                        return notice
                self.arrived.clear()
                await self.arrived.wait()


def record_notices(store: Store) -> NoticeRecorder:
    """Return what keeps every notice that *store* publishes from now on."""
    recorder = NoticeRecorder()
    for kind in ChangeKind:
        store.feed.subscribe(kind, recorder.on_notice)
    return recorder
