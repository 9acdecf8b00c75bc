"""Keeps bytes once, for as long as commands or steps refer to them."""

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from itertools import count
from typing import Protocol

import attrs

from pushserver.clock import SECOND, Clock
from pushserver.errors import Invalid, Unavailable
from pushserver.model.actor import Actor
from pushserver.model.audit import AuditAction, AuditEntry
from pushserver.model.blob import BLOB_PIECE_SIZE, Blob
from pushserver.model.bounds import MEBIBYTE
from pushserver.model.ids import IdGenerator, first_id_at
from pushserver.model.order import Order
from pushserver.services.batches import BATCH_SIZE, repeat_until_done
from pushserver.services.off_loop import run_in_thread
from pushserver.services.stock_bounds import StockBounds
from pushserver.storage.base import Store

#: For so long after it was uploaded or named last, a blob waits for a command.
UNUSED_TTL = 86_400 * SECOND
#: An enqueue that has named a blob has ended after this time (microseconds).
_MAX_NAMING = 60 * SECOND


class ByteSource(Protocol):
    """Bytes that may be read from their beginning, as often as one likes."""

    @property
    def size(self) -> int:
        """The number of bytes."""

    async def rewind(self) -> None:
        """Go back to the first byte."""

    async def read(self, size: int) -> bytes:
        """Return the next bytes: *size*, fewer at the end alone."""


@attrs.frozen(repr=False)
class Blobs:
    """Keeps and finds blobs; of each one, a piece at a time is in memory."""

    store: Store
    clock: Clock
    ids: IdGenerator
    bounds: StockBounds

    async def keep(self, scope_id: int, source: ByteSource, actor: Actor) -> Blob:
        """
        Keep bytes in the scope, if it has not the same already.

        Nothing refers to them yet, and how much of that there is is bounded.

        Raises:
            Invalid: there are none.
            LimitReached: there is too much.
            NotFound: the scope was deleted meanwhile.
            Unavailable: the store is away.
        """
        if not source.size:
            raise Invalid("There are no bytes in the body.")
        sha256 = await _hash(source)
        blob = await self.store.blobs.use(scope_id, sha256, self.clock.now())
        if blob is not None:
            return blob
        async with self._room(scope_id, source.size):
            return await self._add(scope_id, sha256, source, actor)

    @asynccontextmanager
    async def _room(self, scope_id: int, size: int) -> AsyncIterator[None]:
        """
        Require room for a blob of so many bytes, which the block adds.

        Raises:
            LimitReached: there is none.
        """
        adding, require = self.bounds.adding, self.bounds.require_room
        mebibytes = -(-size // MEBIBYTE)
        with (
            adding("scope_blobs", scope_id) as count,
            adding("scope_blob_size", scope_id, mebibytes) as total,
        ):
            stock = await self.store.blobs.unused(scope_id)
            require("scope_blobs", stock.count + count)
            require("scope_blob_size", -(-stock.size // MEBIBYTE) + total, mebibytes)
            yield

    async def _add(
        self, scope_id: int, sha256: str, source: ByteSource, actor: Actor
    ) -> Blob:
        now = self.clock.now()
        blob = Blob(
            id=self.ids(),
            scope_id=scope_id,
            sha256=sha256,
            size=source.size,
            created_at=now,
            used_at=now,
        )
        await source.rewind()
        for number in count(1):
            piece = await source.read(BLOB_PIECE_SIZE)
            if not piece:
                break
            await self.store.blobs.write_piece(blob.id, number, piece)
        # If somebody was faster with the same bytes, these pieces are purged.
        await self.store.blobs.add(blob, _entry(blob, actor))
        return blob

    def naming(self, blob: Blob) -> AbstractContextManager[int]:
        """Do not count what `keep` has just added during the block, which names it."""
        added = -1 if _is_new(blob) else 0
        return self.bounds.adding("scope_blobs", blob.scope_id, added)

    async def discard(self, blob: Blob) -> None:
        """
        Delete what `keep` has just added, unless somebody has named it since.

        What was there before stays. If the store is away, it stays for a day.
        """
        if _is_new(blob):
            with suppress(Unavailable):
                await self.store.blobs.discard(blob)

    async def require(self, scope_id: int, orders: Iterable[Order]) -> None:
        """
        Require the blobs of *orders*, and keep them until those are stored.

        Raises:
            Invalid: the scope has not one of them.
            Unavailable: the store is away.
        """
        for sha256 in {order.blob for order in orders} - {None}:
            assert sha256 is not None  # noqa: S101 - just taken out
            now = self.clock.now()
            if await self.store.blobs.use(scope_id, sha256, now) is None:
                raise Invalid(
                    f"There is no blob {sha256}. Upload it first.",
                    pointer="/bodyBlob",
                )

    async def find(self, scope_id: int, sha256: str) -> Blob:
        """
        Return a blob to which something refers.

        Raises:
            Unavailable: the store is away, or has lost it.
        """
        blob = await self.store.blobs.find(scope_id, sha256)
        if blob is None:
            raise Unavailable(f"The blob {sha256} is missing.")
        return blob

    async def pieces(self, blob: Blob) -> AsyncIterator[bytes]:
        """
        Return the bytes, piece by piece.

        Raises:
            Unavailable: the store is away.
        """
        for number in count(1):
            piece = await self.store.blobs.read_piece(blob.id, number)
            if piece is None:
                return
            yield piece

    async def purge_unused(self) -> int:
        """
        Delete what nothing refers to, and was not named for a day; return how many.

        Raises:
            Unavailable: the store is away; the next call deletes the rest.
        """
        before = self.clock.now() - UNUSED_TTL
        store = self.store.blobs

        async def purge_pieces() -> int:
            return await store.purge_pieces(first_id_at(before), limit=BATCH_SIZE)

        async def purge_blobs() -> int:
            return await store.purge(used_before=before, limit=BATCH_SIZE)

        deleted = await repeat_until_done(purge_blobs)
        return deleted + await repeat_until_done(purge_pieces)

    async def purge_history(self, before: int, scope_id: int) -> int:
        """Delete a batch of the scope's unused blobs from before; return how many."""
        used_before = min(before, self.clock.now() - _MAX_NAMING)
        return await self.store.blobs.purge(
            used_before=used_before, limit=BATCH_SIZE, scope_id=scope_id
        )


def _is_new(blob: Blob) -> bool:
    """Tell whether `keep` has added it, and has not found it."""
    return blob.used_at == blob.created_at


async def _hash(source: ByteSource) -> str:
    digest = hashlib.sha256()
    await source.rewind()
    while piece := await source.read(BLOB_PIECE_SIZE):
        await run_in_thread(digest.update, piece)
    return digest.hexdigest()


def _entry(blob: Blob, actor: Actor) -> AuditEntry:
    return AuditEntry(
        scope_id=blob.scope_id,
        actor=actor,
        action=AuditAction.BLOB_CREATE,
        detail={"sha256": blob.sha256, "size": blob.size},
    )
