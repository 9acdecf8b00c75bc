"""How much memory requests may take that are not answered yet: a bound for strangers.

Heads are read before it is known who asks, and so is what is sent behind them. Each
connection may hold a little of it; what is beyond that, all connections share. So do
requests of strangers that wait for their peer, and these make room for all others.
"""

from collections import Counter
from typing import Protocol

import attrs

#: Bytes of memory that any connection may hold so: a device's or a program's head
#: takes less.
FREE_BYTES = 4096
#: Bytes that all connections share besides.
HEAD_ROOM = 32 * 1024 * 1024
#: What a connection holds with the head of a browser takes less; one that holds more
#: gets no room when so many bytes of it are taken.
SHORT_BYTES, LONG_ROOM = 12_288, 16 * 1024 * 1024
#: So much is around each field of a head.
_FIELD_BYTES = 300
#: Fields of a head, at most; other lines of what arrives are empty ones before it.
_MAX_FIELDS = 128
#: Bytes that begin no character of which text takes four bytes.
_BELOW_WIDE = bytes(range(0xF0))


def head_memory(size: int, lines: int, copies: int) -> int:
    """
    Return about how much memory a head of *size* bytes, or a part of one, takes.

    It is kept in so many *copies*.
    """
    return size * copies + min(lines, _MAX_FIELDS) * _FIELD_BYTES


def copies_of(head: bytes) -> int:
    """
    Return how many times its size a head takes: as it came, and as text.

    All characters of a text take as many bytes as its widest, and each may be ASCII.
    """
    if head.isascii():
        return 2
    return 5 if head.translate(None, _BELOW_WIDE) else 3


class Waiting(Protocol):
    """Who waits for its peer, with room that others may need more."""

    def end_for_others(self) -> None:
        """Give all room back."""


@attrs.define(eq=False)
class HeadBudget:
    """
    Room for `limit` bytes beyond those that each may hold; so many are `taken`.

    Whoever holds much gets none when `long_limit` bytes are taken. `waiting` are those
    who are ended for others, first who began to wait first.
    """

    counts: Counter[str]
    limit: int = HEAD_ROOM
    long_limit: int = LONG_ROOM
    taken: int = attrs.field(default=0, init=False)
    waiting: dict[Waiting, None] = attrs.field(factory=dict, init=False)

    def exchange(
        self, held: int, needed: int, excused: int = 0, holder: Waiting | None = None
    ) -> bool:
        """
        Give back what was *held*, and take what is *needed*, if there is room.

        So much of it is *excused*: that alone does not make it much.
        """
        is_long = needed - excused > SHORT_BYTES - FREE_BYTES
        limit = self.long_limit if is_long else self.limit
        if needed > held and not self._has_room(needed - held, limit, holder):
            self._count()
            return False
        self.taken += needed - held
        return True

    def _has_room(self, size: int, limit: int, holder: Waiting | None) -> bool:
        """Tell whether there is room; those who wait make it, but not for much."""
        while self.taken + size > limit == self.limit:
            oldest = next((each for each in self.waiting if each is not holder), None)
            if oldest is None:
                break
            self._count()
            oldest.end_for_others()
        return self.taken + size <= limit

    def _count(self) -> None:
        self.counts["connections.closedForHeads"] += 1
