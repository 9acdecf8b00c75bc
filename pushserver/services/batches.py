"""Splits long work into batches, so a door command waits for one of them at most."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from pushserver.errors import Unavailable
from pushserver.storage.base import Store

T = TypeVar("T")

#: Rows written in one transaction.
BATCH_SIZE = 500


def batches(items: Sequence[T], size: int = BATCH_SIZE) -> Iterator[Sequence[T]]:
    """Split *items* into batches."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def batches_until_stop(
    store: Store, items: Sequence[T], size: int = BATCH_SIZE
) -> Iterator[Sequence[T]]:
    """
    Split *items* into batches; end between two of them when the server stops.

    Raises:
        Unavailable: it stops, and there are more batches.
    """
    for number, batch in enumerate(batches(items, size)):
        if number and store.is_closing_soon:
            raise Unavailable("The server is stopping; try again.")
        yield batch


async def repeat_until_done(step: Callable[[], Awaitable[int]]) -> int:
    """Call *step* until it returns 0; return the sum of what it returned."""
    total = 0
    while done := await step():
        total += done
    return total
