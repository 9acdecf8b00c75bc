"""Ids in their order, of which whoever lists them takes a few at a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

import attrs

from pushserver.services.batches import BATCH_SIZE, batches

#: A chunk that grows beyond this is split in two.
_MAX_CHUNK = BATCH_SIZE


@attrs.define(eq=False, repr=False)
class OrderedIds:
    """
    A set of ids in ascending order, in chunks.

    To add or remove one moves no more than a chunk. Who walks over them copies no more
    than a chunk either, and may do so while others add and remove: what is added behind
    is not seen, what is removed ahead neither.
    """

    _chunks: list[list[int]] = attrs.field(factory=list, init=False)

    def load(self, ids: Iterable[int]) -> None:
        """Take *ids* in place of those that are here."""
        self._chunks = list(map(list, batches(sorted(ids), _MAX_CHUNK // 2)))

    def add(self, number: int) -> None:
        """Add an id, if it is not here."""
        if not self._chunks:
            self._chunks.append([number])
            return
        index = min(self._chunk_with(number), len(self._chunks) - 1)
        chunk = self._chunks[index]
        at = bisect_left(chunk, number)
        if chunk[at : at + 1] == [number]:
            return
        chunk.insert(at, number)
        if len(chunk) > _MAX_CHUNK:
            middle = len(chunk) // 2
            self._chunks[index : index + 1] = chunk[:middle], chunk[middle:]

    def discard(self, number: int) -> None:
        """Remove an id, if it is here."""
        index = self._chunk_with(number)
        for chunk in self._chunks[index : index + 1]:
            at = bisect_left(chunk, number)
            if chunk[at] == number:
                del chunk[at]
            if not chunk:
                del self._chunks[index]

    def walk(self, after: int | None = None) -> Iterator[Sequence[int]]:
        """Yield those above *after*, a few at a time; None means all."""
        index = 0 if after is None else self._chunk_with(after + 1)
        while index < len(self._chunks):
            chunk = self._chunks[index]
            start = 0 if after is None else bisect_right(chunk, after)
            after = chunk[-1]
            yield chunk[start:]
            index = self._chunk_with(after + 1)

    def walk_back(self, before: int | None = None) -> Iterator[Sequence[int]]:
        """Yield those below *before* from the largest on; None means all."""
        chunks = self._chunks
        while chunks:
            index = len(chunks) - 1
            if before is not None:
                index = bisect_left(chunks, before, key=itemgetter(0)) - 1
            if index < 0:
                return
            chunk = chunks[index]
            end = len(chunk) if before is None else bisect_left(chunk, before)
            before = chunk[0]
            yield chunk[:end][::-1]

    def _chunk_with(self, number: int) -> int:
        """Return the index of the first chunk that ends with *number* or above."""
        return bisect_left(self._chunks, number, key=itemgetter(-1))
