"""Blobs, and the pieces of their bytes."""

from typing import Protocol

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.blob import Blob


@attrs.frozen
class BlobStock:
    """How many blobs there are to which nothing refers, and of how many bytes."""

    count: int
    size: int


class BlobStore(Protocol):
    """
    Bytes under their hashes.

    Pieces are written one by one, before their blob is there, so that no write takes
    long.
    """

    async def find(self, scope_id: int, sha256: str) -> Blob | None:
        """Return a blob of the scope."""

    async def use(self, scope_id: int, sha256: str, now: int) -> Blob | None:
        """
        Return a blob of the scope, which is kept for a time from *now* on.

        Its `used_at` grows in any case.
        """

    async def unused(self, scope_id: int) -> BlobStock:
        """Count what no command and no step of an operation or task refers to."""

    async def write_piece(self, blob_id: int, number: int, piece: bytes) -> None:
        """Write a piece of a blob that is added later; the first has the number 1."""

    async def add(self, blob: Blob, audit: AuditEntry) -> None:
        """
        Add a blob whose pieces are written, unless the scope has the same bytes.

        Raises:
            NotFound: the scope was deleted meanwhile.
        """

    async def discard(self, blob: Blob) -> None:
        """Delete a blob, if it was not used since and nothing refers to it."""

    async def read_piece(self, blob_id: int, number: int) -> bytes | None:
        """Return a piece; None after the last one."""

    async def purge(
        self, *, used_before: int, limit: int, scope_id: int | None = None
    ) -> int:
        """Delete at most *limit* blobs to which nothing refers; return how many."""

    async def purge_pieces(self, before: int, *, limit: int) -> int:
        """
        Delete the pieces of at most *limit* owners that never came, or are gone.

        Of owners with ids below *before*. Return how many owners.
        """
