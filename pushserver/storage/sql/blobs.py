"""Keeps blobs, and finds those that nothing refers to."""

from typing import Any

import attrs

from pushserver.model.audit import AuditEntry
from pushserver.model.blob import Blob
from pushserver.storage.blob_rows import BLOBS
from pushserver.storage.blobs import BlobStock
from pushserver.storage.sql.audit import write_audit
from pushserver.storage.sql.bulk import pad_ids
from pushserver.storage.sql.connection import SqlConnection, SqlReader
from pushserver.storage.sql.fetch import fetch_all, fetch_column
from pushserver.storage.sql.pieces import (
    DELETE_PIECES,
    SELECT_OWNERLESS,
    read_piece,
    write_piece,
)
from pushserver.storage.sql.scopes import lock_scope, scope_is_gone
from pushserver.storage.sql.write_jobs import SqlWriter

_IS_NAMED = "scope_id = ? AND sha256 = ?"
_SELECT = f"SELECT {BLOBS.column_list} FROM blob WHERE {_IS_NAMED}"
_USE = (
    "UPDATE blob SET used_at = CASE WHEN used_at < ? THEN ? ELSE used_at + 1 END"
    f" WHERE {_IS_NAMED}"
)
_INSERT = (
    f"INSERT INTO blob ({BLOBS.column_list}) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (scope_id, sha256) DO NOTHING"
)
# A step does not say whose it is: the same bytes in another scope keep them, too.
_IS_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM command WHERE command.blob = blob.sha256"
    " AND command.scope_id = blob.scope_id)"
    " AND NOT EXISTS (SELECT 1 FROM step WHERE step.blob = blob.sha256)"
)
_COUNT_UNUSED = (
    f"SELECT count(*), coalesce(sum(size), 0) FROM blob WHERE scope_id = ?"
    f" AND {_IS_UNUSED}"
)
_SELECT_UNUSED = (
    f"SELECT id FROM blob WHERE used_at < ?{{}} AND {_IS_UNUSED}"
    " ORDER BY used_at LIMIT ?"
)
# It may have been named since it was found.
_DELETE = f"DELETE FROM blob WHERE id IN ({{}}) AND used_at < ? AND {_IS_UNUSED}"


@attrs.frozen
class SqlBlobs:
    """Implements `BlobStore`."""

    reader: SqlReader
    worker: SqlReader
    write: SqlWriter

    async def find(self, scope_id: int, sha256: str) -> Blob | None:
        values = (scope_id, sha256)
        return next(
            iter(await fetch_all(self.reader, BLOBS.read, _SELECT, values)), None
        )

    async def use(self, scope_id: int, sha256: str, now: int) -> Blob | None:
        def work(connection: SqlConnection) -> Blob | None:
            connection.execute(_USE, (now, now, scope_id, sha256))
            row = connection.execute(_SELECT, (scope_id, sha256)).fetchone()
            return BLOBS.find(row)

        return await self.write(work)

    async def unused(self, scope_id: int) -> BlobStock:
        (stock,) = await fetch_all(
            self.worker,
            lambda row: BlobStock(row[0], int(row[1])),
            _COUNT_UNUSED,
            (scope_id,),
        )
        return stock

    async def write_piece(self, blob_id: int, number: int, piece: bytes) -> None:
        await self.write(lambda c: write_piece(c, blob_id, number, piece))

    async def add(self, blob: Blob, audit: AuditEntry) -> None:
        def work(connection: SqlConnection) -> bool:
            if not lock_scope(connection, blob.scope_id):
                return False
            if connection.execute(_INSERT, BLOBS.row(blob)).rowcount:
                write_audit(connection, [audit])
            return True

        if not await self.write(work, [audit]):
            raise scope_is_gone(blob.scope_id)

    async def discard(self, blob: Blob) -> None:
        used_before = blob.used_at + 1
        await self.write(lambda c: _delete_blobs(c, [blob.id], used_before))

    async def read_piece(self, blob_id: int, number: int) -> bytes | None:
        return await self.reader.run(lambda c: read_piece(c, blob_id, number))

    async def purge(
        self, *, used_before: int, limit: int, scope_id: int | None = None
    ) -> int:
        values: tuple[Any, ...] = (used_before,)
        where = ""
        if scope_id is not None:
            where, values = " AND scope_id = ?", (used_before, scope_id)
        ids = await fetch_column(
            self.worker, _SELECT_UNUSED.format(where), (*values, limit)
        )
        if ids:
            await self.write(lambda c: _delete_blobs(c, ids, used_before))
        return len(ids)

    async def purge_pieces(self, before: int, *, limit: int) -> int:
        ids = await fetch_column(self.worker, SELECT_OWNERLESS, (before, limit))
        if ids:
            await self.write(lambda c: _delete_pieces(c, ids))
        return len(ids)


def _delete_blobs(connection: SqlConnection, ids: list[int], used_before: int) -> None:
    padded = pad_ids(ids)
    sql = _DELETE.format(", ".join("?" * len(padded)))
    connection.execute(sql, (*padded, used_before))
    _delete_pieces(connection, ids)


def _delete_pieces(connection: SqlConnection, ids: list[int]) -> None:
    padded = pad_ids(ids)
    connection.execute(DELETE_PIECES.format(", ".join("?" * len(padded))), padded)
