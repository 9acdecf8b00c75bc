"""Makes a view once that many look at, each time that they are told of a change."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

import attrs

from pushserver.services.live_topics import LiveRound

#: Seconds for which a view is shown: what it says of time goes on without a change.
_MAX_AGE = 5.0
#: Seconds for which it counts, and how many may; others are made for one alone.
_COUNTED_FOR, _MAX_VIEWS = 20.0, 64


@attrs.frozen(eq=False)
class _MadeView:
    """A view that is being made, or is; it shows what was told until its round."""

    round: LiveRound
    made_at: float
    content: asyncio.Future[bytes]

    def shows(self, announced: LiveRound | None, now: float) -> bool:
        """Tell whether it shows what was *announced* in that round."""
        has_failed = self.content.done() and (
            self.content.cancelled() or self.content.exception() is not None
        )
        is_young = now - self.made_at < _MAX_AGE
        return is_young and not has_failed and self.round.includes(announced)


@attrs.frozen(eq=False)
class SharedViews:
    """The views of the last seconds; a key has all that decides what one shows."""

    _views: dict[Hashable, _MadeView] = attrs.field(factory=dict, init=False)

    @property
    def count(self) -> int:
        """How many views were looked at lately."""
        return len(self._views)

    async def show(
        self,
        key: Hashable,
        announced: LiveRound | None,
        current: LiveRound,
        make: Callable[[], Awaitable[bytes]],
    ) -> bytes:
        """
        Return a view for somebody who was told, in the round *announced*, of a change.

        It is made anew, in the *current* round, unless it was begun after that: then it
        shows the change.
        """
        view = self._views.get(key)
        if view is None or not view.shows(announced, asyncio.get_running_loop().time()):
            view = self._begin(key, current, make)
        return await asyncio.shield(view.content)

    def _begin(
        self, key: Hashable, current: LiveRound, make: Callable[[], Awaitable[bytes]]
    ) -> _MadeView:
        loop = asyncio.get_running_loop()
        view = _MadeView(current, loop.time(), asyncio.ensure_future(make()))
        if key in self._views or len(self._views) < _MAX_VIEWS:
            self._views[key] = view
            loop.call_later(_COUNTED_FOR, self._forget, key, view)
        return view

    def _forget(self, key: Hashable, view: _MadeView) -> None:
        if self._views.get(key) is view:
            del self._views[key]
