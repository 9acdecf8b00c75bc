"""The statements of scopes and of their tokens."""

from collections.abc import Sequence

from pushserver.model.scope import FIRST_NAME, FIRST_SCOPE, Scope
from pushserver.model.token import Token
from pushserver.storage.fleet_rows import (
    SCOPE,
    TOKEN,
    scope_from_row,
    scope_row,
    token_from_row,
    token_row,
)
from pushserver.storage.rows import marks
from pushserver.storage.sql.connection import Connection

_SCOPES = f"SELECT {SCOPE} FROM scope ORDER BY id"
_SCOPE = f"INSERT INTO scope ({SCOPE}) VALUES ({marks(SCOPE)})"
_TOKENS = f"SELECT {TOKEN} FROM token WHERE revoked_at IS NULL ORDER BY id"
_TOKEN = f"INSERT INTO token ({TOKEN}) VALUES ({marks(TOKEN)})"
_VALID = "SELECT 1 FROM token WHERE scope_id = ? AND revoked_at IS NULL LIMIT 1"
_REVOKE = (
    "UPDATE token SET revoked_at = ?"
    " WHERE id = ? AND scope_id = ? AND revoked_at IS NULL"
)


def all_scopes(connection: Connection) -> Sequence[Scope]:
    """Return every scope."""
    return [scope_from_row(row) for row in connection.execute(_SCOPES)]


def add_first_scope(connection: Connection, now: int) -> None:
    """Make the scope that is there from the beginning."""
    first = Scope(id=FIRST_SCOPE, name=FIRST_NAME, created_at=now)
    connection.execute(_SCOPE, scope_row(first))


def add_scope(connection: Connection, scope: Scope, token: Token) -> None:
    """Keep a scope and its first token."""
    connection.execute(_SCOPE, scope_row(scope))
    add_token(connection, token)


def all_tokens(connection: Connection) -> Sequence[Token]:
    """Return every token that was not revoked."""
    return [token_from_row(row) for row in connection.execute(_TOKENS)]


def add_token(connection: Connection, token: Token) -> None:
    """Keep a token."""
    connection.execute(_TOKEN, token_row(token))


def add_first_token(connection: Connection, token: Token) -> bool:
    """Keep a token if its scope has no valid one."""
    if connection.execute(_VALID, (token.scope_id,)).fetchone() is not None:
        return False
    add_token(connection, token)
    return True


def revoke_token(
    connection: Connection, scope_id: int, token_id: int, now: int
) -> bool:
    """Revoke a token."""
    return connection.execute(_REVOKE, (now, token_id, scope_id)).rowcount == 1
