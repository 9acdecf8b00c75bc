"""Ids: positive int64 that grow with time, so they sort by creation.

41 bits of milliseconds since 2024, 10 bits of node, 12 bits of counter. Inside one
process they grow strictly. The time is server time, so no jump of a wall clock moves
them away from it.
"""

import re
from collections.abc import Callable

from pushserver.clock import FIRST_INSTANT, SECOND
from pushserver.errors import Invalid

MAX_INT64 = 2**63 - 1
#: The first instant, in milliseconds.
ID_EPOCH_MS = FIRST_INSTANT // 1000
_NODE_BITS = 10
_COUNTER_BITS = 12
_SHIFT = _NODE_BITS + _COUNTER_BITS
_NODE_MASK = ((1 << _NODE_BITS) - 1) << _COUNTER_BITS
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


class IdGenerator:
    """Makes ids after *floor*, the largest made before, as server number *node*."""

    def __init__(
        self, now: Callable[[], int], *, node: int = 0, floor: int = 0
    ) -> None:
        self._now = now
        self._node = node << _COUNTER_BITS
        # Without the node's bits, so that it counts in steps of one.
        self._last = floor >> _SHIFT << _COUNTER_BITS | (1 << _COUNTER_BITS) - 1

    def __call__(self, now: int | None = None) -> int:
        """Return a new id, larger than every one before; *now* saves asking."""
        instant = self._now() if now is None else now
        by_clock = (instant // 1000 - ID_EPOCH_MS) << _COUNTER_BITS
        self._last = last = by_clock if by_clock > self._last else self._last + 1
        high, low = last >> _COUNTER_BITS, last & ((1 << _COUNTER_BITS) - 1)
        return high << _SHIFT | self._node | low

    def set_node(self, node: int) -> None:
        """Make ids as server number *node* from now on."""
        self._node = node << _COUNTER_BITS

    @property
    def node(self) -> int:
        """The number of this server in its ids."""
        return self._node >> _COUNTER_BITS

    def upper_bound(self) -> int:
        """Return an id above all made so far: the first of a millisecond."""
        now = self._now() // 1000 - ID_EPOCH_MS
        return (max(now, self._last >> _COUNTER_BITS) + 1) << _SHIFT


def node_of(generated_id: int) -> int:
    """Return the number of the server that made an id."""
    return (generated_id & _NODE_MASK) >> _COUNTER_BITS


def first_id_at(instant: int) -> int:
    """Return the smallest id that could be made at *instant* (microseconds UTC)."""
    return min(MAX_INT64, max(0, instant // 1000 - ID_EPOCH_MS) << _SHIFT)


def first_instant_after(generated_id: int) -> int:
    """Return the first instant at which larger ids are made by the clock alone."""
    return ((generated_id >> _SHIFT) + ID_EPOCH_MS + 1) * 1000


def is_ahead(generated_id: int, now: int) -> bool:
    """Tell whether an id is of a time to come; clocks may differ by a second."""
    return first_instant_after(generated_id) > now + SECOND


def parse_int64(text: str, *, field_name: str, pointer: str | None = None) -> int:
    """
    Read a non-negative int64 written in ASCII digits.

    Raises:
        Invalid: *text* is anything else: signs, spaces and other digits included.
    """
    if _DIGITS.fullmatch(text) is not None:
        number = int(text)
        if number <= MAX_INT64:
            return number
    raise Invalid(
        f"{field_name} must be a decimal number from 0 to {MAX_INT64}.", pointer=pointer
    )
