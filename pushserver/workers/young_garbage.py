"""Collects garbage while there is little of it, so that no collection lasts long.

Python begins a young collection when so many more objects were made than freed. While
commands come and go, as many are freed as are made, though of an older generation: so
it begins seldom, and then has tens of thousands of objects to look at.
"""

import gc

import attrs

#: Seconds between two collections.
INTERVAL = 0.1
#: After so many of them, what survived is looked at once more.
_ROUNDS = 3


@attrs.define
class YoungGarbage:
    """Collects what was made since the last round; what stays is left alone then."""

    _round: int = attrs.field(default=0, init=False)

    async def collect(self) -> int:
        """Collect once; return 0: there is never anything left to do."""
        self._round += 1
        gc.collect(self._round % _ROUNDS == 0)
        return 0
