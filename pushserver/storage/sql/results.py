"""Writes and reads results; the rest of long ones in pieces."""

from collections.abc import Iterable
from io import BytesIO
from itertools import count

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Result
from pushserver.storage.command_rows import PIECE_SIZE, RESULTS
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.sql.pieces import read_pieces, write_piece
from pushserver.storage.table import Row

#: The pieces of a body have the numbers 1, 2, …; those of what was mended -1, -2, ….
_OF_BODY, _OF_MENDED = 1, -1
_COUNT_PIECES = "SELECT count(*) FROM piece WHERE owner_id = ?"
_DELETE_MENDED = "DELETE FROM piece WHERE owner_id = ? AND number < 0"


def has_pieces(changes: Changes) -> bool:
    """Tell whether a result is too long for its row."""
    return any(
        max(len(result.body), len(result.mended or b"")) > PIECE_SIZE
        for result in changes.results
    )


def write_pieces(connection: SqlConnection, results: Iterable[Result]) -> None:
    """Write what is not in the results' rows."""
    for result in results:
        _write_rest(connection, result.id, result.body, _OF_BODY)
        _write_rest(connection, result.id, result.mended or b"", _OF_MENDED)


def rewrite_mended_pieces(connection: SqlConnection, result: Result) -> None:
    """Write what was mended and is not in the result's row, in place of what was."""
    connection.execute(_DELETE_MENDED, (result.id,))
    _write_rest(connection, result.id, result.mended or b"", _OF_MENDED)


def _write_rest(
    connection: SqlConnection, result_id: int, text: bytes, step: int
) -> None:
    rest = memoryview(text)
    starts = range(PIECE_SIZE, len(rest), PIECE_SIZE)
    for number, start in zip(count(step, step), starts, strict=False):
        write_piece(connection, result_id, number, rest[start : start + PIECE_SIZE])


def read_result(connection: SqlConnection, row: Row) -> Result:
    """Return the result that *row* holds, and its pieces."""
    result = RESULTS.read(row)
    # Releases before schema 15 wrote longer bodies, and no pieces.
    if len(result.body) == PIECE_SIZE:
        body = _read_rest(connection, result.id, result.body, _OF_BODY)
        result = attrs.evolve(result, body=body)
    if result.mended is not None and len(result.mended) == PIECE_SIZE:
        mended = _read_rest(connection, result.id, result.mended, _OF_MENDED)
        result = attrs.evolve(result, mended=mended)
    return result


def read_result_size(connection: SqlConnection, row: Row) -> int:
    """Return of how many bytes a result is whose *row* has its id and two lengths."""
    result_id, of_body, of_mended = row
    size = int(of_body + of_mended)
    if PIECE_SIZE not in (of_body, of_mended):
        return size
    (pieces,) = connection.execute(_COUNT_PIECES, (result_id,)).fetchone() or (0,)
    return size + int(pieces) * PIECE_SIZE


def _read_rest(
    connection: SqlConnection, result_id: int, first: bytes, step: int
) -> bytes:
    text = BytesIO()
    text.write(first)
    for piece in read_pieces(connection, result_id, step):
        text.write(piece)
    return text.getvalue()
