"""The statements of scopes and of their tokens."""

from collections.abc import Sequence

from pushserver.model.scope import DEFAULT_SCOPE_ID, DEFAULT_SCOPE_NAME, Scope
from pushserver.model.token import Token
from pushserver.storage.device_rows import (
    SCOPE_COLUMNS,
    TOKEN_COLUMNS,
    scope_from_row,
    scope_row,
    token_from_row,
    token_row,
)
from pushserver.storage.rows import placeholders
from pushserver.storage.sql.connection import SqlConnection

_SCOPES = f"SELECT {SCOPE_COLUMNS} FROM scope ORDER BY id"
_SCOPE = f"INSERT INTO scope ({SCOPE_COLUMNS}) VALUES ({placeholders(SCOPE_COLUMNS)})"
_TOKENS = f"SELECT {TOKEN_COLUMNS} FROM token WHERE revoked_at IS NULL ORDER BY id"
_TOKEN = f"INSERT INTO token ({TOKEN_COLUMNS}) VALUES ({placeholders(TOKEN_COLUMNS)})"
_VALID = "SELECT 1 FROM token WHERE scope_id = ? AND revoked_at IS NULL LIMIT 1"
_REVOKE = (
    "UPDATE token SET revoked_at = ?"
    " WHERE id = ? AND scope_id = ? AND revoked_at IS NULL"
)


def all_scopes(connection: SqlConnection) -> Sequence[Scope]:
    """Return every scope."""
    return [scope_from_row(row) for row in connection.execute(_SCOPES)]


def add_first_scope(connection: SqlConnection, now: int) -> None:
    """Make the scope that is there from the beginning."""
    first = Scope(id=DEFAULT_SCOPE_ID, name=DEFAULT_SCOPE_NAME, created_at=now)
    connection.execute(_SCOPE, scope_row(first))


def add_scope(connection: SqlConnection, scope: Scope, token: Token) -> None:
    """Keep a scope and its first token."""
    connection.execute(_SCOPE, scope_row(scope))
    add_token(connection, token)


def all_tokens(connection: SqlConnection) -> Sequence[Token]:
    """Return every token that was not revoked."""
    return [token_from_row(row) for row in connection.execute(_TOKENS)]


def add_token(connection: SqlConnection, token: Token) -> None:
    """Keep a token."""
    connection.execute(_TOKEN, token_row(token))


def add_first_token(connection: SqlConnection, token: Token) -> bool:
    """Keep a token if its scope has no valid one."""
    if connection.execute(_VALID, (token.scope_id,)).fetchone() is not None:
        return False
    add_token(connection, token)
    return True


def revoke_token(
    connection: SqlConnection, scope_id: int, token_id: int, now: int
) -> bool:
    """Revoke a token."""
    return connection.execute(_REVOKE, (now, token_id, scope_id)).rowcount == 1
