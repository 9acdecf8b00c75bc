"""Room for the bodies that still arrive: who has most of it makes room for others."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import attrs

#: Bytes of short bodies that still arrive, and of the requests that wait for them.
ARRIVING_ROOM = 32 * 1024 * 1024


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
    caller who has most. So who stalls many makes room, and not who sends a few.
    """

    counts: Counter[str]
    limit: int = ARRIVING_ROOM
    taken: int = attrs.field(default=0, init=False)
    _taken_by: Counter[Hashable] = attrs.field(factory=Counter, init=False)
    _bodies: dict[Hashable, dict[_Arriving, None]] = attrs.field(
        factory=dict, init=False
    )

    @contextmanager
    def arriving(
        self, caller: Hashable, size: int, end: Callable[[], None]
    ) -> Iterator[None]:
        """Take room in the block for a body that arrives; *end* ends it for others."""
        body = _Arriving(caller, size, end)
        self.taken += size
        self._taken_by[caller] += size
        self._bodies.setdefault(caller, {})[body] = None
        while self.taken > self.limit:
            self._end_oldest()
        try:
            yield
        finally:
            self._forget(body)

    def _end_oldest(self) -> None:
        most = max(self._taken_by, key=self._taken_by.__getitem__)
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
        if not bodies:
            del self._bodies[body.caller], self._taken_by[body.caller]
