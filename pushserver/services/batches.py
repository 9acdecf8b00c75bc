"""Splits long work into batches, so a door command waits for one of them at most."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Rows written in one transaction.
BATCH_SIZE = 500


def batches(items: Sequence[T], size: int = BATCH_SIZE) -> Iterator[Sequence[T]]:
    """Split *items* into batches."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def repeat_until_done(step: Callable[[], Awaitable[int]]) -> int:
    """Call *step* until it returns 0; return the sum of what it returned."""
    total = 0
    while done := await step():
        total += done
    return total
