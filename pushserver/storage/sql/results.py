"""Writes and reads results; the bodies of long ones in pieces.

A database copies each value several times on its way, so that of a whole body would
take some times its size of memory.
"""

from collections.abc import Iterable
from io import BytesIO
from itertools import count

import attrs

from pushserver.model.changes import Changes
from pushserver.model.command import Result
from pushserver.storage.command_rows import PIECE_SIZE, RESULTS
from pushserver.storage.sql.connection import SqlConnection
from pushserver.storage.table import Row

_INSERT_PIECE = "INSERT INTO result_piece (result_id, number, piece) VALUES (?, ?, ?)"
_SELECT_PIECE = "SELECT piece FROM result_piece WHERE result_id = ? AND number = ?"


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
            connection.execute(_INSERT_PIECE, (result.id, number, piece))


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
    for number in count(1):
        row = connection.execute(_SELECT_PIECE, (result.id, number)).fetchone()
        if row is None:
            break
        body.write(row[0])
    return body.getvalue()
