"""Room for the bodies that still arrive: who has most of it makes room for others."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import attrs

#: Bytes of short bodies that still arrive, and of the requests that wait for them.
ARRIVING_ROOM = 32 * 1024 * 1024
#: Up to so many nobody's only one is ended: a fleet may send its results at once.
ROOM_OF_ONLY_ONES = 64 * 1024 * 1024


@attrs.frozen(eq=False)
class _Arriving:
    caller: Hashable
    size: int
    end: Callable[[], None]


@attrs.define(eq=False, repr=False)
class ArrivingBodies:
    """
    Room for `limit` bytes, of which so many are `taken`; `counts` counts who is ended.

    For whom there is no room, the body is ended that has arrived for longest, of the
    caller who has most. So who stalls many makes room, and not who sends a few: who has
    a single one keeps it, unless `limit_of_only_ones` is reached. `_several` are the
    callers that have more.
    """

    counts: Counter[str]
    limit: int = ARRIVING_ROOM
    limit_of_only_ones: int = ROOM_OF_ONLY_ONES
    taken: int = attrs.field(default=0, init=False)
    _taken_by: Counter[Hashable] = attrs.field(factory=Counter, init=False)
    _bodies: dict[Hashable, dict[_Arriving, None]] = attrs.field(
        factory=dict, init=False
    )
    _several: dict[Hashable, None] = attrs.field(factory=dict, init=False)

    @contextmanager
    def arriving(
        self, caller: Hashable, size: int, end: Callable[[], None]
    ) -> Iterator[None]:
        """Take room in the block for a body that arrives; *end* ends it for others."""
        body = _Arriving(caller, size, end)
        self._add(body)
        while self._is_short_of_room:
            self._end_oldest()
        try:
            yield
        finally:
            self._forget(body)

    @property
    def _is_short_of_room(self) -> bool:
        limit = self.limit if self._several else self.limit_of_only_ones
        return self.taken > limit

    def _add(self, body: _Arriving) -> None:
        self.taken += body.size
        self._taken_by[body.caller] += body.size
        bodies = self._bodies.setdefault(body.caller, {})
        bodies[body] = None
        if len(bodies) > 1:
            self._several[body.caller] = None

    def _end_oldest(self) -> None:
        most = next(iter(self._bodies))
        if self._several:
            most = max(self._several, key=self._taken_by.__getitem__)
        oldest = next(iter(self._bodies[most]))
        self._forget(oldest)
        self.counts["bodies.ended"] += 1
        oldest.end()

    def _forget(self, body: _Arriving) -> None:
        bodies = self._bodies.get(body.caller, {})
        if body not in bodies:  # it was ended
            return
        del bodies[body]
        self.taken -= body.size
        self._taken_by[body.caller] -= body.size
        if len(bodies) <= 1:
            self._several.pop(body.caller, None)
        if not bodies:
            del self._bodies[body.caller], self._taken_by[body.caller]
