"""Long bodies in pieces: of results, and of blobs.

A database copies each value several times on its way, so that of a whole body would
take some times its size of memory.
"""

from collections.abc import Iterator
from itertools import count

from pushserver.storage.sql.connection import SqlConnection

_INSERT = "INSERT INTO piece (owner_id, number, piece) VALUES (?, ?, ?)"
_SELECT = "SELECT piece FROM piece WHERE owner_id = ? AND number = ?"
#: The pieces of these owners, that are no more.
DELETE_PIECES = (
    "DELETE FROM piece WHERE owner_id IN ({})"
    " AND NOT EXISTS (SELECT 1 FROM blob WHERE id = piece.owner_id)"
    " AND NOT EXISTS (SELECT 1 FROM result WHERE id = piece.owner_id)"
)
SELECT_OWNERLESS = (
    "SELECT DISTINCT owner_id FROM piece WHERE owner_id < ?"
    " AND NOT EXISTS (SELECT 1 FROM blob WHERE id = piece.owner_id)"
    " AND NOT EXISTS (SELECT 1 FROM result WHERE id = piece.owner_id) LIMIT ?"
)


def write_piece(
    connection: SqlConnection, owner_id: int, number: int, piece: bytes | memoryview
) -> None:
    """Write the piece of a body."""
    connection.execute(_INSERT, (owner_id, number, piece))


def read_piece(connection: SqlConnection, owner_id: int, number: int) -> bytes | None:
    """Return a piece; None after the last one."""
    row = connection.execute(_SELECT, (owner_id, number)).fetchone()
    return None if row is None else bytes(row[0])


def read_pieces(connection: SqlConnection, owner_id: int, step: int) -> Iterator[bytes]:
    """Return all pieces of a body, whose numbers are *step*, twice that and so on."""
    for number in count(step, step):
        piece = read_piece(connection, owner_id, number)
        if piece is None:
            return
        yield piece
