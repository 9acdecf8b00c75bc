"""Writes and reads results; the rest of long ones in pieces."""

from collections.abc import Iterable
from io import BytesIO

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Result
from pushserver.storage.command_rows import PIECE_SIZE, RESULTS
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.pieces import read_pieces, write_piece
from pushserver.storage.table import Row


def has_pieces(changes: Changes) -> bool:
    """Tell whether a result is too long for its row."""
    return any(len(result.body) > PIECE_SIZE for result in changes.results)


def write_pieces(connection: SqlConnection, results: Iterable[Result]) -> None:
    """Write what is not in the results' rows."""
    for result in results:
        body = memoryview(result.body)
        starts = range(PIECE_SIZE, len(body), PIECE_SIZE)
        for number, start in enumerate(starts, 1):
            piece = body[start : start + PIECE_SIZE]
            write_piece(connection, result.id, number, piece)


def read_result(connection: SqlConnection, row: Row) -> Result:
    """Return the result that *row* holds, and its pieces."""
    result = RESULTS.read(row)
    # Releases before schema 15 wrote longer bodies, and no pieces.
    if len(result.body) != PIECE_SIZE:
        return result
    return attrs.evolve(result, body=_read_body(connection, result))


def _read_body(connection: SqlConnection, result: Result) -> bytes:
    body = BytesIO()
    body.write(result.body)
    for piece in read_pieces(connection, result.id):
        body.write(piece)
    return body.getvalue()
